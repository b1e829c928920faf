package wire

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func TestParseScaled_Success(t *testing.T) {
	f := func(text string, shift int, want int64) {
		t.Helper()
		if n, ok := ParseScaled([]byte(text), shift); !ok || n != want {
			t.Errorf("%s × 10^%d = %d, %v; want %d", text, shift, n, ok, want)
		}
	}
	f("0", 0, 0)
	f("-0", 3, 0)
	f("1474921202000", 0, 1474921202000)
	f("1474921202", 3, 1474921202000)
	f("1474921202.123", 3, 1474921202123)
	f("1474921202.1239", 3, 1474921202123)
	f("1474921202000999", -3, 1474921202000)
	f("1.474921202e9", 3, 1474921202000)
	f("1474921202000000E-6", 3, 1474921202000)
	f("-1.5", 0, -2) // down, not towards zero
	f("-0.0001", 3, -1)
	f("0.0001", 3, 0)
	f("9223372036854775807", 0, math.MaxInt64)
	f("922337203685477580", 1, math.MaxInt64-7)
	f("-9223372036854775808", 0, math.MinInt64)
	f("-9223372036854775807.5", 0, math.MinInt64)
	f("0e999999999999999999999", 3, 0)
	f("1e-999999999999999999999", 3, 0)
	f("-1e-999999999999999999999", 3, -1)
	f("0."+strings.Repeat("0", 400)+"1e401", 0, 1)
	f("1"+strings.Repeat("0", 400)+"e-400", 0, 1)
	f("1234567890."+strings.Repeat("1", 100), 3, 1234567890111)
}

func TestParseScaled_Failure(t *testing.T) {
	f := func(text string, shift int) {
		t.Helper()
		if n, ok := ParseScaled([]byte(text), shift); ok {
			t.Errorf("%s × 10^%d = %d; want none", text, shift, n)
		}
	}
	for _, text := range []string{"", "-", "+1", "01", "1.", ".5", "1e", "1e+", "1 ", " 1", "1,5", "0x1", "NaN", "1_000", "1e5.0", "--1"} {
		f(text, 0)
	}
	f("9223372036854775808", 0)
	f("-9223372036854775809", 0)
	f("-9223372036854775808.1", 0)
	f("9223372036854775807", 1)
	f("1e19", 0)
	f("1e999999999999999999999", 0)
	f("18446744073709551616", 0)
	f("99999999999999999999999999", 0)
}

// Against big rationals, on numbers of every shape near the edges.
func TestParseScaled_AgreesWithBig(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		var s strings.Builder
		for range n {
			s.WriteByte("0123456789990"[r.IntN(13)])
		}
		return s.String()
	}
	for range 50_000 {
		text := strconv.Itoa(r.IntN(10))
		if text != "0" {
			text += digits(r.IntN(24))
		}
		if r.IntN(2) == 0 {
			text = "-" + text
		}
		if r.IntN(2) == 0 {
			text += "." + digits(1+r.IntN(24))
		}
		if r.IntN(3) == 0 {
			text += "e" + strconv.Itoa(r.IntN(40)-20)
		}
		shift := r.IntN(13) - 6
		exact, _ := new(big.Rat).SetString(text)
		power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(6), nil))
		for range shift + 6 {
			exact.Mul(exact, big.NewRat(10, 1))
		}
		exact.Quo(exact, power)
		want := new(big.Int).Div(exact.Num(), exact.Denom()) // Euclidean: down, for a positive denominator
		n, ok := ParseScaled([]byte(text), shift)
		if ok != want.IsInt64() || ok && n != want.Int64() {
			t.Fatalf("%s × 10^%d = %d, %v; want %s", text, shift, n, ok, want)
		}
	}
}
