package segstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
)

// listed lays out headers, key and value in turn, as Kafka does. A nil value is null.
func listed(parts ...[]byte) Headers {
	out := binary.AppendVarint(nil, int64(len(parts)/2))
	for i, part := range parts {
		if part == nil && i%2 == 1 {
			out = binary.AppendVarint(out, -1)
			continue
		}
		out = append(binary.AppendVarint(out, int64(len(part))), part...)
	}
	return out
}

// Headers come back as they went in, byte for byte, and the ID's is the first of them. Nothing is written behind the room that was asked for.
func TestHeaders(t *testing.T) {
	id := idOf(7)
	many := make([][]byte, 2*63) // with the ID's, one more byte says how many there are
	for i := range many {
		many[i] = fmt.Append(nil, "part", i)
	}
	for _, c := range []struct {
		name    string
		headers Headers
		pairs   [][]byte
	}{
		{"none", nil, nil},
		{"a count of none", listed(), nil},
		{"one", listed([]byte("key"), []byte("value")), [][]byte{[]byte("key"), []byte("value")}},
		{"the same key twice, an empty key, an empty value, null", listed([]byte("k"), []byte("1"), []byte("k"), []byte{}, []byte{}, nil),
			[][]byte{[]byte("k"), []byte("1"), []byte("k"), {}, {}, nil}},
		{"63", listed(many...), many},
	} {
		for _, id := range []*ID{nil, &id} {
			t.Run(fmt.Sprint(c.name, ", ID ", id != nil), func(t *testing.T) {
				room := 3 + 5 + len(c.headers) + RecordOverhead
				want := c.pairs
				if id != nil {
					room += IDOverhead
					want = append([][]byte{[]byte(IDHeader), id[:]}, want...)
				}
				b := bytes.Repeat([]byte{0xee}, room+8)
				n := putRecord(b[:room], 0, 0, id, []byte("key"), []byte("value"), c.headers)
				if n > room || !bytes.Equal(b[n:], bytes.Repeat([]byte{0xee}, room+8-n)) {
					t.Fatalf("it took %d bytes of %d, or wrote behind them", n, room)
				}
				records := Records{rest: b[:n], left: 1}
				r, ok := records.Next()
				if !ok || len(records.rest) > 0 || string(r.Value) != "value" {
					t.Fatalf("it came back as %+v", r)
				}
				var got [][]byte
				for key, value := range r.Headers.All() {
					got = append(got, key, value)
				}
				if !slices.EqualFunc(got, want, func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }) {
					t.Errorf("headers %q came back as %q", want, got)
				}
				if id == nil && len(c.pairs) > 0 && !bytes.Equal(r.Headers, c.headers) {
					t.Errorf("%x was laid out anew: %x", c.headers, r.Headers)
				}
				if (r.ID == nil) != (id == nil) || id != nil && ID(r.ID) != *id {
					t.Errorf("the ID came back as %x", r.ID)
				}
			})
		}
	}
}

// Reading headers ends where they are not what their count says.
func TestHeadersThatAreNone(t *testing.T) {
	good := listed([]byte("a"), []byte("1"), []byte("b"), []byte("2"))
	for cut := range len(good) {
		n := 0
		for key, value := range good[:cut].All() {
			if n++; string(key) != "a" || string(value) != "1" {
				t.Errorf("cut at %d there is %q: %q", cut, key, value)
			}
		}
		if whole := cut >= 1+4; n == 1 != whole {
			t.Errorf("cut at %d there are %d", cut, n)
		}
	}
	for range good.All() {
		break // a reader may leave early
	}
}

// A log keeps records with headers, null values and IDs side by side, through a reopening.
func TestLogKeepsHeaders(t *testing.T) {
	dir := t.TempDir() + "/clicks-0"
	l, err := Open(dir, Options{SegmentBytes: 64 << 10, Now: func() int64 { return 1 }})
	if err != nil {
		t.Fatal(err)
	}
	id, headers := idOf(3), listed([]byte("trace"), []byte("42"))
	if err := l.Reserve(1000); err != nil {
		t.Fatal(err)
	}
	l.Append([]byte("plain"), []byte("v"), 1)
	l.AppendRecord(nil, []byte("headers"), []byte("v"), headers, 2)
	l.AppendRecord(&id, []byte("both"), nil, headers, 3)
	l.Commit()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = Open(dir, Options{SegmentBytes: 64 << 10, Now: func() int64 { return 1 }}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cursor := l.Cursor(0)
	defer cursor.Close()
	batch, err := cursor.Next()
	if err != nil {
		t.Fatal(err)
	}
	records := batch.Records()
	for i, want := range []string{`"plain" "v" false map[]`, `"headers" "v" false map[trace:42]`, `"both" "" true map[penstock-id:` + string(id[:]) + ` trace:42]`} {
		r, ok := records.Next()
		all := map[string]string{}
		for key, value := range r.Headers.All() {
			all[string(key)] = string(value)
		}
		if got := fmt.Sprintf("%q %q %v %v", r.Key, r.Value, r.Value == nil, all); !ok || got != want {
			t.Errorf("record %d is %s, not %s", i, got, want)
		}
	}
	if ids := l.IDs(); len(ids) != 1 {
		t.Errorf("%d segments have IDs", len(ids))
	}
}
