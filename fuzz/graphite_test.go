package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	ogorek "github.com/kisielk/og-rek"

	"penstock/wire"
	"penstock/wire/graphite"
	"penstock/wire/wiretest"
)

// graphiteFormats are the tag parsers that a byte of the input picks from.
var graphiteFormats = func() (formats []wire.Format) {
	for _, s := range []graphite.Settings{
		{},
		{Tags: graphite.GraphiteTags, MaxLine: 100, MaxFrame: 1000},
		{Tags: graphite.NoTags},
		{Tags: graphite.Templates, Templates: []string{"a .metric.host.metric*", "s(er)?v .host.metric*.metric [.,_] x=y", "drop"}},
	} {
		f, err := graphite.New(s)
		if err != nil {
			panic(err)
		}
		formats = append(formats, f)
	}
	return formats
}()

const (
	graphiteLines = iota
	graphitePickles
)

func FuzzGraphite_Lines(f *testing.F) {
	seedGraphite(f, "graphite", func(c *wiretest.Case, tags byte) { f.Add(c.Body, tags) })
	f.Fuzz(func(t *testing.T, body []byte, tags byte) {
		format := graphiteFormats[int(tags)%len(graphiteFormats)]
		if err := checkGraphite(&format.Streams[graphiteLines], body); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzGraphite_Pickles(f *testing.F) {
	seedGraphite(f, "pickle", func(c *wiretest.Case, tags byte) { f.Add(c.Body, tags) })
	f.Fuzz(func(t *testing.T, body []byte, tags byte) {
		format := graphiteFormats[int(tags)%len(graphiteFormats)]
		if err := checkGraphite(&format.Streams[graphitePickles], body); err != nil {
			t.Fatal(err)
		}
	})
}

func seedGraphite(f *testing.F, stream string, add func(c *wiretest.Case, tags byte)) {
	for i, c := range goldens(f, "graphite") {
		if c.Path == stream && len(c.Body) <= attackLimit {
			add(c, 0)
			add(c, byte(i))
		}
	}
}

// FuzzGraphite_Line compares one line with what the plainest reading of the documents makes of it.
func FuzzGraphite_Line(f *testing.F) {
	for _, c := range goldens(f, "graphite") {
		if c.Path == "graphite" {
			for line := range bytes.Lines(c.Body) {
				f.Add(bytes.TrimRight(line, "\r\n"))
			}
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) > graphite.DefaultMaxLine {
			return
		}
		if err := checkGraphiteLine(graphite.Format.Streams[graphiteLines].New(), line); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzGraphite_Pickle compares what a pickle is for us and for og-rek, which reads all that a pickle may be.
func FuzzGraphite_Pickle(f *testing.F) {
	for _, c := range goldens(f, "graphite") {
		if c.Path == "pickle" && len(c.Body) > 4 {
			f.Add(c.Body[4:])
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > attackLimit {
			return
		}
		if err := checkGraphitePickle(graphite.Format.Streams[graphitePickles].New(), body); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzGraphite_Encoded has og-rek write points, which must all arrive.
func FuzzGraphite_Encoded(f *testing.F) {
	f.Add("a.h.x", int64(1474921202), 1.5, int64(42), byte(2))
	f.Add("two.parts", int64(-1), math.Inf(1), int64(-1), byte(4))
	f.Add("a.h\\.\n.é.\xff", int64(math.MaxInt64), math.Copysign(0, -1), int64(math.MinInt64), byte(8))
	f.Fuzz(func(t *testing.T, name string, at int64, f float64, n int64, how byte) {
		points := []any{point(how, name, at, f), point(how, name, at, n), point(how, "a.h.x", f, big.NewInt(n)), point(how, name, int64(1), true)}
		var list any = points
		if how&64 != 0 {
			list = ogorek.Tuple(points)
		}
		var body bytes.Buffer
		config := &ogorek.EncoderConfig{Protocol: int(how&63) % 6, StrictUnicode: true}
		if err := ogorek.NewEncoderWithConfig(&body, config).Encode(list); err != nil {
			return // it cannot write every string in every protocol
		}
		parser := graphite.Format.Streams[graphitePickles].New()
		var b wire.Batch
		if fault := parser.Parse(streamRequest(body.Bytes()), &b); fault != nil {
			t.Fatalf("%q: %v", body.Bytes(), fault)
		}
		if err := checkGraphitePickle(parser, body.Bytes()); err != nil {
			t.Fatal(err)
		}
	})
}

func point(how byte, name string, at, value any) any {
	if how&128 != 0 {
		return []any{name, []any{at, value}}
	}
	return ogorek.Tuple{name, ogorek.Tuple{at, value}}
}

func streamRequest(body []byte) *wire.Request {
	a := attack{method: "STREAM", body: body}
	req, _ := a.request()
	return req
}

// checkGraphite feeds a stream's bytes whole, in halves and one by one, to parsers new and used, and requires the same of all.
func checkGraphite(s *wire.Stream, body []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	split, parser := s.NewSplit(), s.New()
	whole, err := feed(s, split, parser, body, len(body))
	if err != nil {
		return err
	}
	for _, piece := range []int{len(body), len(body)/2 + 1, 1} {
		if piece == 1 && len(body) > 4096 {
			continue // quadratic in the length
		}
		again, err := feed(s, split, parser, body, piece)
		if err != nil {
			return err
		}
		if again != whole {
			return fmt.Errorf("the same bytes in pieces of %d are not the same\n--- first\n%s\n--- again\n%s", piece, whole, again)
		}
		if strings.Contains(whole, "close") {
			split = s.NewSplit() // a closed connection's splitter is not used again
		}
	}
	return nil
}

// feed gives a connection's bytes to a stream and tells all that came of them. All frames share one batch, as in the appliance.
func feed(s *wire.Stream, split wire.Splitter, parser wire.Parser, body []byte, piece int) (string, error) {
	var out strings.Builder
	var b wire.Batch
	from, to := 0, 0
	for {
		advance, frame, fault := split(body[from:to:to], to == len(body))
		switch {
		case advance > to-from:
			return "", fmt.Errorf("advances %d of %d bytes", advance, to-from)
		case fault != nil && fault.Code == wire.OK:
			return "", errors.New("a fault without a reason")
		case fault != nil:
			out.WriteString(fault.Error() + "\n")
			if advance == 0 {
				return out.String() + "close", nil
			}
		case advance == 0 && to == len(body):
			return out.String() + tellBatch(&b), checkRecords(b.Records, &attack{}, nil)
		case advance == 0:
			if to-from >= s.Max {
				return "", fmt.Errorf("%d bytes are not enough, and it said %d would be", to-from, s.Max)
			}
			to += min(piece, len(body)-to)
		}
		from += advance
		if frame == nil {
			continue
		}
		req, records, sent := streamRequest(nil), len(b.Records), bytes.Clone(frame)
		req.Body = frame
		if fault := parser.Parse(req, &b); fault != nil {
			if err := checkFault(fault, &attack{body: frame}, nil); err != nil {
				return "", err
			}
			if len(b.Records) != records {
				return "", fmt.Errorf("refused (%v), and yet there are %d records where there were %d", fault, len(b.Records), records)
			}
			out.WriteString(fault.Error() + "\n")
		}
		if !bytes.Equal(frame, sent) {
			return "", errors.New("the parser wrote into the frame")
		}
		kept, _ := b.Rejected()
		for i := range kept {
			if err := checkFault(&kept[i], &attack{body: body}, nil); err != nil {
				return "", err
			}
		}
	}
}

func tellBatch(b *wire.Batch) string {
	var out strings.Builder
	for i := range b.Records {
		out.WriteString(wiretest.Tell(&b.Records[i]) + "\n")
	}
	kept, all := b.Rejected()
	for i := range kept {
		fmt.Fprintf(&out, "%v %q %q\n", &kept[i], kept[i].Detail, kept[i].Raw)
	}
	return out.String() + strconv.Itoa(all)
}

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
	var want []seen
	refused := 0
	for _, it := range sequenceOf(object) {
		if numbersInText(it) {
			return nil // FuzzGraphite_Line's affair
		}
		if p := pointOf(it); p.skip {
			refused++
		} else {
			want = append(want, p)
		}
	}
	got, err := pointsOf(&b)
	if err != nil {
		return err
	}
	if _, all := b.Rejected(); all != refused {
		return fmt.Errorf("%q: %d points are refused, and %d by the reference", body, all, refused)
	}
	bySeries := map[[2]string][]seen{}
	var order [][2]string
	for _, p := range want {
		id := [2]string{p.name, p.host}
		if bySeries[id] == nil {
			order = append(order, id)
		}
		bySeries[id] = append(bySeries[id], p)
	}
	want = want[:0]
	for _, id := range order {
		want = append(want, bySeries[id]...)
	}
	for i, p := range want {
		if i >= len(got) || got[i] != p {
			return fmt.Errorf("%q: point %d of %+v, the reference has %+v", body, i, got, want)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%q is %+v, the reference has %+v", body, got, want)
	}
	return nil
}

// ogorekErrs reports whether a pickle is one of those that CPython and we read and og-rek does not: it takes a LONG1 of more than 127
// bytes for one of a negative length, and has no halves of characters in UNICODE.
func ogorekErrs(body []byte, err error) bool {
	for i, c := range body[:max(len(body), 1)-1] {
		if c == 0x8a && body[i+1] > 127 {
			return true
		}
	}
	return errors.Is(err, strconv.ErrSyntax) && bytes.Contains(body, []byte(`\`))
}

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
