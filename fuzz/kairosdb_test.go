package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"penstock/wire"
	"penstock/wire/kairosdb"
	"penstock/wire/wiretest"
)

var kairos = kairosdb.New(kairosdb.Settings{})

const kairosDoor = "/api/v1/datapoints"

// FuzzKairosDB_Datapoints attacks the HTTP door, compressed and not, and compares what it takes with kairosReference.
func FuzzKairosDB_Datapoints(f *testing.F) {
	for _, c := range goldens(f, "kairosdb") {
		if c.Path == kairosDoor && len(c.Body) <= attackLimit {
			f.Add(c.Body, string(c.Header.Peek("Content-Encoding")), string(c.Header.Peek("Content-Type")))
			f.Add(c.Body, "", "")
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, encoding, contentType string) {
		a := &attack{method: "POST", path: kairosDoor, body: body, tenant: []byte("acme"),
			header: wiretest.Values{{"Content-Encoding", encoding}, {"Content-Type", contentType}}}
		if err := check(kairos, a); err != nil {
			t.Fatal(err)
		}
		if err := checkKairosDatapoints(kairos.Routes[0].New(), a); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzKairosDB_Telnet feeds a connection's bytes to the stream in pieces.
func FuzzKairosDB_Telnet(f *testing.F) {
	for i, c := range goldens(f, "kairosdb") {
		if c.Path == "telnet" {
			f.Add(c.Body, byte(i))
		}
	}
	streams := [][]wire.Stream{kairos.Streams, kairosdb.New(kairosdb.Settings{MaxLine: 20, Feedback: true}).Streams}
	f.Fuzz(func(t *testing.T, body []byte, settings byte) {
		if err := checkKairosStream(&streams[settings%2][0], body); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzKairosDB_Line compares one line with what kairosLine makes of it.
func FuzzKairosDB_Line(f *testing.F) {
	for _, c := range goldens(f, "kairosdb") {
		if c.Path == "telnet" {
			for line := range bytes.Lines(c.Body) {
				f.Add(bytes.TrimRight(line, "\r\n"))
			}
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) > kairosdb.DefaultMaxLine {
			return
		}
		if err := checkFrameCost(kairos.Streams[0].New, line); err != nil {
			t.Fatal(err)
		}
		if err := checkKairosLine(kairos.Streams[0].New(), line); err != nil {
			t.Fatal(err)
		}
	})
}

// checkKairosDatapoints compares what the door takes and refuses with what the reference does.
func checkKairosDatapoints(parser wire.Parser, a *attack) error {
	req, decoder := a.request()
	var b wire.Batch
	fault := parser.Parse(req, &b)
	if fault != nil && (fault.Code == wire.TooLarge || fault.Code == wire.BadCompression) {
		return nil
	}
	kept, refused := b.Rejected()
	if slices.ContainsFunc(kept, func(f wire.Fault) bool { return f.Code == wire.TooDeep }) || fault != nil && fault.Code == wire.TooDeep {
		return nil // encoding/json goes deeper
	}
	if !isComparable(decoder.Payload) {
		return nil
	}
	want := kairosReference(decoder.Payload)
	if (fault != nil) != want.whole {
		return fmt.Errorf("fault %v, the reference refuses it whole: %v", fault, want.whole)
	}
	if refused != want.refused {
		return fmt.Errorf("%d parts refused, the reference refuses %d", refused, want.refused)
	}
	got, err := kairosPoints(b.Records)
	if err != nil {
		return err
	}
	slices.Sort(got)
	slices.Sort(want.points)
	if !slices.Equal(got, want.points) {
		return fmt.Errorf("stored\n%s\nthe reference stores\n%s", strings.Join(got, "\n"), strings.Join(want.points, "\n"))
	}
	return nil
}

// isComparable reports whether encoding/json reads the texts of a payload as we do: it changes what is no UTF-8, and lone surrogates.
func isComparable(payload []byte) bool {
	return bytes.Equal(bytes.ToValidUTF8(payload, nil), payload) && !bytes.Contains(bytes.ToLower(payload), []byte(`\ud`))
}

// kairosPoints tells each data point of the records in one line, as kairosPoint does.
func kairosPoints(records []wire.Record) (points []string, err error) {
	for i := range records {
		var r struct {
			Metric string
			Tags   map[string]string
			Type   string
			TTL    int64
			Points [][2]json.RawMessage
			Wire   string
		}
		if err := json.Unmarshal(records[i].Value, &r); err != nil {
			return nil, err
		}
		if r.Wire != "kairosdb" || len(r.Points) == 0 || string(r.Points[0][0]) != fmt.Sprint(records[i].Time) {
			return nil, fmt.Errorf("not a record of points at its time: %s", records[i].Value)
		}
		for _, p := range r.Points {
			points = append(points, kairosPoint(r.Metric, r.Tags, r.Type, r.TTL, string(p[0]), kairosPlain(r.Type, p[1])))
		}
	}
	return points, nil
}

func kairosPoint(metric string, tags map[string]string, kind string, ttl int64, time, value string) string {
	sorted, err := json.Marshal(tags) // sorts the names
	if err != nil || len(tags) == 0 {
		sorted = nil
	}
	return fmt.Sprintf("%q %s %s %d %s %q", metric, sorted, kind, ttl, time, value)
}

// checkKairosStream gives a connection's bytes to parsers in pieces of several sizes, and requires the same of all.
func checkKairosStream(s *wire.Stream, body []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	first := ""
	for i, piece := range []int{len(body) + 1, 1, 7, 30} {
		told, err := kairosStream(s, body, piece)
		if err != nil {
			return err
		}
		if i == 0 {
			first = told
		}
		if told != first {
			return fmt.Errorf("pieces of %d\n%s\nwhole\n%s", piece, told, first)
		}
	}
	return nil
}

func kairosStream(s *wire.Stream, body []byte, piece int) (string, error) {
	var out strings.Builder
	var b wire.Batch
	split, parser := s.NewSplit(), s.New()
	for from, to := 0, 0; ; {
		advance, frame, fault := split(body[from:to:to], to == len(body))
		switch {
		case advance > to-from || advance == 0 && (fault != nil || frame != nil):
			return "", errors.New("the splitter does not advance as it should")
		case advance == 0 && to == len(body):
			fmt.Fprintf(&out, "says %q\n", b.Echo)
			for i := range b.Records {
				out.WriteString(wiretest.Tell(&b.Records[i]) + "\n")
			}
			return out.String(), checkRecords(b.Records, &attack{}, nil)
		case advance == 0:
			if to-from >= s.Max {
				return "", fmt.Errorf("%d bytes are not enough to split", to-from)
			}
			to = min(to+piece, len(body))
			continue
		}
		from += advance
		if frame != nil {
			req, _ := (&attack{method: "STREAM", body: frame}).request()
			fault = parser.Parse(req, &b)
		}
		if fault != nil {
			fmt.Fprintf(&out, "fault %v %q\n", fault, fault.Detail)
		}
	}
}

// checkKairosLine compares what a line becomes with what the reference makes of it.
func checkKairosLine(parser wire.Parser, line []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	var b wire.Batch
	req, _ := (&attack{method: "STREAM", body: line}).request()
	fault := parser.Parse(req, &b)
	if err := checkRecords(b.Records, &attack{}, nil); err != nil {
		return err
	}
	got, err := kairosPoints(b.Records)
	if err != nil {
		return err
	}
	want, ok := kairosLine(line)
	if ok != (fault == nil) || strings.Join(got, "") != want {
		return fmt.Errorf("fault %v and %q, the reference takes it (%v) as %q", fault, got, ok, want)
	}
	return nil
}
