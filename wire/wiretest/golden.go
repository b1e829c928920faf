package wiretest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"penstock/wire"
)

// A flag in a library is against our rules; this library is only ever part of a test binary.
var update = flag.Bool("update", false, "write what the formats do now into their .want files")

// Golden runs every case of the folder testdata against its .want file, and requires the folder to have what Missing asks for.
func Golden(t *testing.T, f wire.Format) {
	t.Helper()
	const dir = "testdata"
	cases := Cases(t, dir)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			got, err := c.Run(f)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(c.wantFile(), []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(c.wantFile())
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s\n--- want\n%s\n--- got\n%s\n(-update accepts what it got)", c.Name, want, got)
			}
		})
	}
	wants, _ := filepath.Glob(filepath.Join(dir, "*.want"))
	for _, file := range wants {
		if !slices.ContainsFunc(cases, func(c *Case) bool { return c.wantFile() == file }) {
			t.Errorf("%s has no .req beside it", file)
		}
	}
	for _, missing := range Missing(t, f, dir) {
		t.Error(missing)
	}
}

func (c *Case) wantFile() string { return strings.TrimSuffix(c.file, ".req") + ".want" }

// Run takes the case through its format and tells what came of it, as a .want file does.
func (c *Case) Run(f wire.Format) (string, error) {
	if c.Method == "STREAM" {
		return c.runStream(f)
	}
	route := Route(f, c.Method, c.Path)
	if route == nil {
		return "", fmt.Errorf("%s has no route for %s %s", f.Name, c.Method, c.Path)
	}
	var b wire.Batch
	o := c.Outcome(route, &b)
	var out strings.Builder
	if route.Key != nil {
		fmt.Fprintf(&out, "key %q\n", route.Key(o.Request))
	}
	tellRecords(&out, b.Records)
	tellRejects(&out, &b)
	reply := route.Reply(nil, o)
	fmt.Fprintln(&out, strings.TrimRight(fmt.Sprintf("\nreply %d %s", reply.Status, reply.Type), " "))
	for _, field := range reply.Fields {
		fmt.Fprintf(&out, "%s: %s\n", field.Name, field.Value)
	}
	if len(reply.Body) > 0 {
		fmt.Fprintf(&out, "%s\n", reply.Body)
	}
	return out.String(), nil
}

// Outcome parses the case as the appliance would and says what came of it. What the batch holds is valid until its Reset.
func (c *Case) Outcome(route *wire.Route, b *wire.Batch) *wire.Outcome {
	req := c.Request()
	req.Params = Params(route.Path, c.Path)
	o := &wire.Outcome{Verdict: c.Verdict, Reason: c.Reason, Request: req}
	switch {
	case c.KeyFault != wire.OK:
		o.Fault = b.Fail(c.KeyFault, wire.NoOffset)
	case route.New != nil:
		o.Fault = route.New().Parse(req, b)
	}
	o.Records, o.Items, o.Echo = len(b.Records), b.Items, b.Echo
	o.Rejected, _ = b.Rejected()
	if o.Fault != nil {
		o.Verdict = wire.Refused
	}
	return o
}

// runStream feeds the body whole, then again byte by byte, and requires the same of both.
func (c *Case) runStream(f wire.Format) (string, error) {
	at := slices.IndexFunc(f.Streams, func(s wire.Stream) bool { return s.Name == c.Path })
	if at < 0 {
		return "", fmt.Errorf("%s has no stream %s", f.Name, c.Path)
	}
	whole := c.feed(&f.Streams[at], max(len(c.Body), 1))
	if bitwise := c.feed(&f.Streams[at], 1); whole != bitwise {
		return "", fmt.Errorf("the bytes' arrival matters\n--- in one piece\n%s\n--- one by one\n%s", whole, bitwise)
	}
	return whole, nil
}

// feed sends the body in pieces and tells what became of each frame.
func (c *Case) feed(s *wire.Stream, piece int) string {
	var out strings.Builder
	var b wire.Batch
	split, parser := s.NewSplit(), s.New()
	buf, rest := []byte(nil), bytes.Clone(c.Body)
	for {
		advance, frame, fault := split(buf, len(rest) == 0)
		if fault != nil && advance == 0 {
			fmt.Fprintf(&out, "close: %s\n", tellFault(fault))
			return out.String()
		}
		if advance == 0 {
			if len(rest) == 0 {
				return out.String()
			}
			n := min(piece, len(rest))
			buf, rest = append(buf, rest[:n]...), rest[n:]
			continue
		}
		buf = buf[advance:]
		if fault != nil {
			fmt.Fprintf(&out, "fault: %s\n", tellFault(fault))
		}
		if frame == nil {
			continue
		}
		req := c.Request()
		req.Body = frame
		b.Reset()
		if fault := parser.Parse(req, &b); fault != nil {
			fmt.Fprintf(&out, "fault: %s\n", tellFault(fault))
		}
		tellRecords(&out, b.Records)
		tellRejects(&out, &b)
		if len(b.Echo) > 0 {
			fmt.Fprintf(&out, "says: %q\n", b.Echo)
		}
	}
}

// mostTold is how many records a .want file shows; of more it has the first and the count.
const mostTold = 50

func tellRecords(out *strings.Builder, records []wire.Record) {
	for i := range records {
		if i == mostTold {
			fmt.Fprintf(out, "… %d records in all\n", len(records))
			break
		}
		if records[i].ID != nil {
			fmt.Fprintf(out, "id=%q ", records[i].ID)
		}
		out.WriteString(Tell(&records[i]))
		out.WriteByte('\n')
	}
}

// tellRejects tells what was refused of a request that was not refused whole.
func tellRejects(out *strings.Builder, b *wire.Batch) {
	kept, all := b.Rejected()
	for i := range kept {
		if i == mostTold {
			break
		}
		fmt.Fprintf(out, "rejected: %s raw=%q\n", tellFault(&kept[i]), kept[i].Raw)
	}
	if all > mostTold {
		fmt.Fprintf(out, "… %d rejected in all\n", all)
	}
}

func tellFault(f *wire.Fault) string {
	text := f.Error()
	if f.Detail != nil {
		text += ": " + string(f.Detail)
	}
	return text
}

// Tell is a record in one line. The value stands as it is when it is printable text that does not begin with a quote, else quoted.
func Tell(r *wire.Record) string {
	key := "null"
	if r.Key != nil {
		key = strconv.Quote(string(r.Key))
	}
	value := string(r.Value)
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if !utf8.ValidString(value) || value == "" || value[0] == '"' || strings.IndexFunc(value, odd) >= 0 {
		value = strconv.Quote(value)
	}
	return fmt.Sprintf("topic=%s key=%s time=%d value=%s", r.Topic, key, r.Time, value)
}
