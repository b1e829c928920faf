package fuzz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"testing"

	"penstock/wire"
	"penstock/wire/interana"
	"penstock/wire/wiretest"
)

// columnSets are the tables that a fuzzed request may find behind its topic; a byte of the input picks one.
var columnSets = []*wire.Columns{
	nil,
	{Time: "ts", Key: "sk"},
	{Time: "ts", Unit: wire.Seconds, Key: "ts"},
	{Time: "a", Unit: wire.Microseconds, Key: "user.id"},
	{Key: `\`},
}

func pickColumns(n byte) *wire.Columns { return columnSets[int(n)%len(columnSets)] }

func FuzzInterana_POST(f *testing.F) {
	for i, c := range goldens(f, "interana") {
		if c.Method == "POST" && len(c.Body) <= attackLimit {
			f.Add(c.Body, string(c.Header.Peek("Content-Encoding")), byte(i))
			f.Add(c.Body, "", byte(1))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, encoding string, columns byte) {
		a := interanaPOST(body, encoding, pickColumns(columns))
		if err := check(interana.Format, a); err != nil {
			t.Fatal(err)
		}
		if err := checkInteranaBody(interana.Format, a); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzInterana_GET(f *testing.F) {
	for i, c := range goldens(f, "interana") {
		if c.Method == "GET" {
			f.Add(c.Query.Peek("ia_data"), string(c.Header.Peek("Content-Encoding")), byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, iaData []byte, encoding string, columns byte) {
		a := interanaPOST(nil, encoding, pickColumns(columns))
		a.method, a.query = "GET", wiretest.Values{{"ia_data", string(iaData)}}
		if err := check(interana.Format, a); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzInterana_Topic(f *testing.F) {
	for _, topic := range []string{"cooltopic", "", ".", "..", "../etc", "a b", "a\x00", "é", "UPPER_lower-1.2"} {
		f.Add(topic)
	}
	f.Fuzz(func(t *testing.T, topic string) {
		a := interanaPOST([]byte("{}"), "", nil)
		a.header = wiretest.Values{{"topic", topic}}
		if err := check(interana.Format, a); err != nil {
			t.Fatal(err)
		}
	})
}

func interanaPOST(body []byte, encoding string, columns *wire.Columns) *attack {
	return &attack{method: "POST", path: "/add_events", body: body, columns: columns, verbatim: true,
		header: wiretest.Values{{"topic", "cooltopic"}, {"Content-Encoding", encoding}}}
}

// checkInteranaBody compares what the format makes of an uncompressed body with what encoding/json sees in it: the same events or,
// where that finds none, the body whole or nothing.
func checkInteranaBody(f wire.Format, a *attack) error {
	req, decoder := a.request()
	var b wire.Batch
	fault := f.Routes[0].New().Parse(req, &b)
	text := bytes.TrimLeft(bytes.TrimPrefix(decoder.Payload, []byte("\ufeff")), " \t\r\n")
	switch {
	case fault != nil && fault.Code != wire.BadJSON && fault.Code != wire.NotObject:
		return nil // too large, too deep, no data: not encoding/json's questions
	case text[0] != '{' && text[0] != '[':
		if fault != nil || len(b.Records) != 1 || !bytes.Equal(b.Records[0].Value, decoder.Payload) {
			return fmt.Errorf("%q is no JSON and is not kept whole", decoder.Payload)
		}
		return nil
	}
	want, ok := eventsOf(text)
	if ok != (fault == nil) {
		return fmt.Errorf("%q: fault %v, but encoding/json reads it: %v", text, fault, ok)
	}
	if fault == nil && len(want) != len(b.Records) {
		return fmt.Errorf("%q: %d records, encoding/json sees %d", text, len(b.Records), len(want))
	}
	for i := range b.Records {
		if !bytes.Equal(b.Records[i].Value, want[i]) {
			return fmt.Errorf("record %d is %q, encoding/json sees %q", i, b.Records[i].Value, want[i])
		}
	}
	return nil
}

// eventsOf is the format's rule for JSON bodies in the plainest form.
func eventsOf(text []byte) (events []json.RawMessage, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		var value json.RawMessage
		if err := decoder.Decode(&value); err == io.EOF {
			return events, true
		} else if err != nil {
			return nil, false
		}
		switch value[0] {
		case '{':
			events = append(events, value)
		case '[':
			var elements []json.RawMessage
			if json.Unmarshal(value, &elements) != nil {
				return nil, false
			}
			events = append(events, elements...)
		default:
			return nil, false
		}
	}
}
