package fuzz

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"penstock/wire"
)

func FuzzParseScaled(f *testing.F) {
	for _, text := range []string{"0", "-0", "1474921202.123", "1.474921202e15", "-0.5", "9223372036854775807", "1e-400", "01", "-"} {
		f.Add(text, int8(0))
		f.Add(text, int8(3))
		f.Add(text, int8(-3))
	}
	f.Fuzz(func(t *testing.T, text string, shift int8) {
		if err := checkScaled(wire.ParseScaled, text, int(shift)); err != nil {
			t.Fatal(err)
		}
	})
}

// checkScaled compares a reader of decimal numbers with exact rationals.
func checkScaled(parse func(text []byte, shift int) (int64, bool), text string, shift int) error {
	n, ok := parse([]byte(text), shift)
	isNumber := json.Valid([]byte(text)) && strings.Trim(text, "-+.eE0123456789") == ""
	if !isNumber {
		if ok {
			return fmt.Errorf("%q is no number and gives %d", text, n)
		}
		return nil
	}
	if _, exponent, _ := strings.Cut(strings.ToLower(text), "e"); len(exponent) > 4 {
		return nil // too much for rationals; the table tests have such exponents
	}
	exact, good := new(big.Rat).SetString(text)
	if !good {
		return fmt.Errorf("%q: big.Rat does not read it", text)
	}
	power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(shift, -shift))), nil))
	if shift < 0 {
		power.Inv(power)
	}
	exact.Mul(exact, power)
	want := new(big.Int).Div(exact.Num(), exact.Denom())
	if ok != want.IsInt64() || ok && n != want.Int64() {
		return fmt.Errorf("%s × 10^%d = %d, %v; exactly %s", text, shift, n, ok, want)
	}
	return nil
}
