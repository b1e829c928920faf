package fuzz

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

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
		if err := checkFrameCost(graphite.Format.Streams[graphiteLines].New, line); err != nil {
			t.Fatal(err)
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
		if err := checkFrameCost(graphite.Format.Streams[graphitePickles].New, body); err != nil {
			t.Fatal(err)
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
