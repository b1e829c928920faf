package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	ogorek "github.com/kisielk/og-rek"

	"penstock/wire"
	"penstock/wire/graphite"
	"penstock/wire/wiretest"
)

// The patterns of kairos-carbon's default, and the grammar of numbers.
var (
	graphiteHost   = regexp.MustCompile(`(?s)^[^.]*\.([^.]*)\..*$`)
	graphiteMetric = regexp.MustCompile(`(?s)^([^.]*)\.[^.]*\.(.*)$`)
	graphiteDouble = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
	graphiteSuffix = regexp.MustCompile(`\.[^fFdD]*[fFdD]$`)
)

// seen is a point as the reference reads it; skip says that it is refused.
type seen struct {
	name, host string
	ms         int64
	value      string
	skip       bool
}

// nameOf is what the default tag parser makes of a name.
func nameOf(p *seen, name string) {
	if !utf8.ValidString(name) {
		runes := make([]rune, 0, len(name))
		for i := range len(name) {
			runes = append(runes, rune(name[i]))
		}
		if len(name) > graphite.DefaultMaxLine {
			p.skip = true
		}
		name = string(runes)
	} else if len(name) > graphite.DefaultMaxLine {
		p.skip = true
	}
	p.name = graphiteMetric.ReplaceAllString(name, "${1}.${2}")
	p.host = graphiteHost.ReplaceAllString(name, "${1}")
	p.skip = p.skip || !graphiteHost.MatchString(name) || p.host == ""
}

// timeOf is a time in seconds, exactly.
func timeOf(p *seen, seconds *big.Rat) {
	whole := new(big.Int).Quo(seconds.Num(), seconds.Denom())
	if whole.IsInt64() && whole.Int64() == -1 {
		p.ms = wiretest.Now
		return
	}
	ms := whole.Mul(whole, big.NewInt(1000))
	p.ms = ms.Int64()
	p.skip = p.skip || !ms.IsInt64()
}

// numberOf reads a number in text; exponents of thousands of digits are not this reference's affair.
func numberOf(text string) (number *big.Rat, whole, ok bool) {
	if graphiteSuffix.MatchString(text) {
		text = text[:len(text)-1]
	}
	if len(text) > 64 || !graphiteDouble.MatchString(text) {
		return nil, false, false
	}
	if _, exponent, has := strings.Cut(strings.ToLower(text), "e"); has && len(strings.TrimLeft(exponent, "+-0")) > 3 {
		return nil, false, false
	}
	number, ok = new(big.Rat).SetString(text)
	return number, !strings.ContainsAny(text, ".eE"), ok
}

// sameNumber compares a value of a record with the number that it should be, digit by digit.
func sameNumber(got string, want *big.Rat) bool {
	number, ok := new(big.Rat).SetString(got)
	return ok && json.Valid([]byte(got)) && number.Cmp(want) == 0
}

func checkGraphiteLine(parser wire.Parser, line []byte) error {
	var b wire.Batch
	fault := parser.Parse(streamRequest(line), &b)
	if bytes.ContainsAny(line, "\"") {
		return nil // quotes are not the reference's affair
	}
	words := strings.FieldsFunc(latin1(line), func(r rune) bool { return r <= ' ' })
	for i, word := range words {
		words[i] = unlatin1(word)
	}
	var want seen
	if len(words) < 3 {
		if len(b.Records) > 0 || (fault != nil) != (len(words) > 0) {
			return fmt.Errorf("%q: fault %v and %d records, with too few words", line, fault, len(b.Records))
		}
		return nil
	}
	value, whole, ok := numberOf(words[1])
	seconds, _, timeOK := numberOf(words[2])
	for _, text := range words[1:3] {
		if strings.Contains(strings.ToLower(text), "e") && fault != nil {
			return nil // an exponent that the reference does not compute
		}
	}
	if ok && timeOK {
		timeOf(&want, seconds)
		nameOf(&want, words[0])
		f, _ := value.Float64()
		n := value.Num()
		want.skip = want.skip || math.IsInf(f, 0) || whole && !n.IsInt64() && !n.IsUint64()
	} else {
		want.skip = true
		if strings.ContainsAny(words[1]+words[2], "eE") {
			return nil
		}
	}
	if (fault != nil) != want.skip || len(b.Records) != 1 && !want.skip {
		return fmt.Errorf("%q: fault %v and %d records, refused by the reference: %v", line, fault, len(b.Records), want.skip)
	}
	if want.skip {
		return nil
	}
	got, err := pointsOf(&b)
	if err != nil {
		return err
	}
	if p := got[0]; p.name != want.name || p.host != want.host || p.ms != want.ms || !sameNumber(p.value, value) {
		return fmt.Errorf("%q is %+v, the reference has %+v and value %v", line, p, want, value)
	}
	return nil
}

func latin1(bytes []byte) string {
	var out strings.Builder
	for _, c := range bytes {
		out.WriteRune(rune(c))
	}
	return out.String()
}

func unlatin1(text string) string {
	var out []byte
	for _, r := range text {
		out = append(out, byte(r))
	}
	return string(out)
}

// pointsOf reads the records of a batch back, point by point.
func pointsOf(b *wire.Batch) (points []seen, err error) {
	for i := range b.Records {
		var record struct {
			Kind, Metric, Wire string
			Tags               map[string]string
			Points             [][2]json.Number
		}
		if err := json.Unmarshal(b.Records[i].Value, &record); err != nil {
			return nil, err
		}
		if record.Kind != "metric" || record.Wire != "graphite" || len(record.Tags) != 1 || len(record.Points) == 0 {
			return nil, fmt.Errorf("a record of another kind: %s", b.Records[i].Value)
		}
		for _, p := range record.Points {
			ms, err := p[0].Int64()
			if err != nil {
				return nil, err
			}
			points = append(points, seen{name: record.Metric, host: record.Tags["host"], ms: ms, value: p[1].String()})
		}
	}
	return points, nil
}

// checkGraphitePickle compares a pickle that we take with what og-rek and the plainest reading make of it.
func checkGraphitePickle(parser wire.Parser, body []byte) error {
	var b wire.Batch
	if parser.Parse(streamRequest(body), &b) != nil {
		return nil
	}
	config := &ogorek.DecoderConfig{StrictUnicode: true}
	object, err := ogorek.NewDecoderWithConfig(bytes.NewReader(body), config).Decode()
	if ogorekErrs(body, err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%q is taken, but og-rek says %w", body, err)
	}
	for _, it := range sequenceOf(object) {
		if numbersInText(it) {
			return nil // FuzzGraphite_Line's affair
		}
	}
	want, refused := readPoints(object)
	got, err := pointsOf(&b)
	if err != nil {
		return err
	}
	if _, all := b.Rejected(); !slices.Equal(got, want) || all != refused {
		if ogorekForgets(body) {
			return nil
		}
		return fmt.Errorf("%q is %+v and %d refused, the reference has %+v and %d", body, got, all, want, refused)
	}
	return nil
}

// readPoints is the points of og-rek's object, those of a series together, and how many are none.
func readPoints(object any) (points []seen, refused int) {
	of := map[[2]string][]seen{}
	var order [][2]string
	for _, it := range sequenceOf(object) {
		p := pointOf(it)
		if p.skip {
			refused++
			continue
		}
		series := [2]string{p.name, p.host}
		if of[series] == nil {
			order = append(order, series)
		}
		of[series] = append(of[series], p)
	}
	for _, series := range order {
		points = append(points, of[series]...)
	}
	return points, refused
}

// ogorekForgets reports whether a pickle may get a list out of its memo: og-rek does not see then what was appended to it since it was
// put there. CPython and we do.
func ogorekForgets(body []byte) bool {
	for i := range len(body) - 2 {
		if bytes.IndexByte([]byte("]lae"), body[i]) < 0 {
			continue
		}
		switch body[i+1] {
		case 'q':
			if bytes.Contains(body, []byte{'h', body[i+2]}) {
				return true
			}
		case 'r', 'p', 0x94:
			if bytes.ContainsAny(body, "ghj") {
				return true
			}
		}
	}
	return false
}

// ogorekErrs reports whether a pickle is one of those that CPython and we read and og-rek does not: it loses its way behind a LONG1 of
// many bytes, knows no LONG4, refuses doubles
// beyond the largest, wants an L behind each LONG, and has no halves of characters in UNICODE.
func ogorekErrs(body []byte, err error) bool {
	for i, c := range body[:max(len(body), 1)-1] {
		if c == 0x8a && body[i+1] > 8 {
			return true
		}
	}
	if err != nil && (strings.Contains(err.Error(), "memo: key error") && ogorekPlace.Match(body) || strings.Contains(err.Error(), "Unknown opcode 139")) {
		return true
	}
	// How a number or a character is spelled is FuzzGraphite_Line's affair: in text we read Java's forms, too, and halves of characters.
	return errors.Is(err, strconv.ErrRange) || errors.Is(err, strconv.ErrSyntax) || errors.Is(err, io.ErrUnexpectedEOF) && ogorekLong.Match(body)
}

var ogorekLong = regexp.MustCompile(`L[-+]?[0-9]+\n`)

// ogorekPlace is a place of the memo as digits that are not the shortest: a number for Python, a name of its own for og-rek.
var ogorekPlace = regexp.MustCompile(`[pg][+0 ][0-9]`)

func sequenceOf(object any) []any {
	switch object := object.(type) {
	case []any:
		return object
	case ogorek.Tuple:
		return object
	}
	return nil
}

func textOf(object any) (string, bool) {
	switch object := object.(type) {
	case string:
		return object, true
	case ogorek.ByteString:
		return string(object), true
	case ogorek.Bytes:
		return string(object), true
	}
	return "", false
}

func numbersInText(object any) bool {
	pair := sequenceOf(object)
	if len(pair) != 2 {
		return false
	}
	for _, number := range sequenceOf(pair[1]) {
		if _, is := textOf(number); is {
			return true
		}
	}
	return false
}

// pointOf reads (name, (time, value)) out of what og-rek made.
func pointOf(object any) (p seen) {
	pair := sequenceOf(object)
	if len(pair) != 2 {
		return seen{skip: true}
	}
	name, ok := textOf(pair[0])
	datum := sequenceOf(pair[1])
	if !ok || len(datum) != 2 {
		return seen{skip: true}
	}
	nameOf(&p, name)
	seconds, _, _, ok := scalarOf(datum[0])
	if !ok {
		return seen{skip: true}
	}
	timeOf(&p, seconds)
	value, whole, text, ok := scalarOf(datum[1])
	if !ok || whole && !value.Num().IsInt64() && !value.Num().IsUint64() {
		return seen{skip: true}
	}
	p.value = text
	return p
}

// scalarOf is a number of og-rek's, and how a record spells it.
func scalarOf(object any) (number *big.Rat, whole bool, text string, ok bool) {
	switch n := object.(type) {
	case bool:
		if n {
			return big.NewRat(1, 1), true, "1", true
		}
		return new(big.Rat), true, "0", true
	case int64:
		return new(big.Rat).SetInt64(n), true, strconv.FormatInt(n, 10), true
	case *big.Int:
		return new(big.Rat).SetInt(n), true, n.String(), true
	case float64:
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return nil, false, "", false
		}
		spelled, _ := json.Marshal(n)
		text = string(spelled)
		if size := math.Abs(n); size != 0 && (size < 1e-6 || size >= 1e21) {
			text = strconv.FormatFloat(n, 'e', -1, 64)
		} else if !strings.Contains(text, ".") {
			text += ".0"
		}
		return new(big.Rat).SetFloat64(n), false, text, true
	}
	return nil, false, "", false
}
