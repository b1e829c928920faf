package segstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
)

// A record takes what was reserved for it at most, and comes back as it was, whatever its numbers are.
func TestRecordRoundTrip(t *testing.T) {
	id := idOf(7)
	long := bytes.Repeat([]byte("long "), 5000)
	for _, time := range []int64{0, 1, -1, 63, 64, -64, -65, 1 << 40, -1 << 40, math.MaxInt64, math.MinInt64} {
		for _, offset := range []int64{0, 63, 64, 8191, 8192, math.MaxInt32} {
			for _, key := range [][]byte{nil, {}, []byte("key"), long} {
				for _, id := range []*ID{nil, &id} {
					for _, value := range [][]byte{nil, {}, []byte("v"), bytes.Repeat([]byte("v"), 63), bytes.Repeat([]byte("v"), 64), long} {
						room := len(key) + len(value) + RecordOverhead
						if id != nil {
							room += IDOverhead
						}
						b := bytes.Repeat([]byte{0xee}, room+8)
						n := putRecord(b[:room], time, offset, id, key, value, nil)
						if n > room || !bytes.Equal(b[room:], bytes.Repeat([]byte{0xee}, 8)) {
							t.Fatalf("it took %d bytes of %d, or wrote behind them", n, room)
						}
						records := Records{rest: b[:n], base: 100, baseTime: 0, left: 1}
						r, ok := records.Next()
						switch {
						case !ok || len(records.rest) > 0 || r.Offset != 100+offset || r.Time != time || !bytes.Equal(r.Value, value):
							t.Fatalf("%d, %d, %q, %q came back as %+v, %v", time, offset, key, value, r, ok)
						case (r.Value == nil) != (value == nil):
							t.Fatalf("value %q came back as %q", value, r.Value)
						case !bytes.Equal(r.Key, key) || (r.Key == nil) != (key == nil):
							t.Fatalf("key %q came back as %q", key, r.Key)
						case (id == nil) != (r.ID == nil) || id != nil && ID(r.ID) != *id:
							t.Fatalf("ID %v came back as %x", id, r.ID)
						}
						if _, ok := records.Next(); ok {
							t.Fatal("there is one more")
						}
					}
				}
			}
		}
	}
}

// A batch whose records are not what its head says ends where they do. Nothing is made up, and no byte behind a record is taken for its own.
func TestRecordsThatAreNone(t *testing.T) {
	good := make([]byte, 100)
	good = good[:putRecord(good, 1, 0, nil, []byte("key"), []byte("value"), nil)]
	varint := func(v int64) []byte { return binary.AppendVarint(nil, v) }
	unended := bytes.Repeat([]byte{0xff}, 11) // a number that is too long
	record := func(body ...[]byte) []byte {
		b := slices.Concat(body...)
		return append(varint(int64(len(b))), b...)
	}
	head := []byte{0, 0, 0} // attributes, and two deltas of 0
	for _, c := range []struct {
		name string
		raw  []byte
		ok   bool
	}{
		{"good", good, true},
		{"no more bytes", nil, false},
		{"a length that does not end", unended, false},
		{"a negative length", varint(-1), false},
		{"a byte less than the length", good[:len(good)-1], false},
		{"a length of nothing", varint(0), false},
		{"attributes only", record(head[:1]), false},
		{"no offset", record(head[:2]), false},
		{"a time that does not end", record(head[:1], unended), false},
		{"an offset that does not end", record(head[:2], unended), false},
		{"no key", record(head), false},
		{"no value", record(head, varint(-1)), false},
		{"a key of one byte more", record(head, varint(3), []byte("ab")), false},
		{"a key's length below null's", record(head, varint(-2), varint(-1), varint(0)), false},
		{"a value of one byte more", record(head, varint(-1), varint(3), []byte("ab")), false},
		{"a value that ends the record", record(head, varint(-1), varint(2), []byte("ab")), true}, // no headers: their count is not missed
		{"null and null", record(head, varint(-1), varint(-1), varint(0)), true},
	} {
		behind := slices.Concat(c.raw, good)
		if c.name != "a byte less than the length" && c.name != "no more bytes" && c.name != "a length that does not end" {
			c.raw = behind
		}
		records := Records{rest: c.raw, base: 7, left: 2}
		r, ok := records.Next()
		if ok != c.ok || !ok && (r.Value != nil || r.Key != nil || r.Offset != 0) {
			t.Errorf("%s: %v, %+v", c.name, ok, r)
		}
		if _, again := records.Next(); again != c.ok { // behind what is wrong nothing is believed
			t.Errorf("%s: and then %v", c.name, again)
		}
	}
	records := Records{rest: slices.Concat(good, good), left: 1} // there are as many as the head says, whatever stands behind them
	if _, ok := records.Next(); !ok {
		t.Error("the first is not there")
	}
	if r, ok := records.Next(); ok {
		t.Errorf("behind the last there is %+v", r)
	}
	key, rest, ok := readBytes(slices.Concat(varint(2), []byte("abc")))
	if !ok || string(key) != "ab" || cap(key) != 2 || string(rest) != "c" {
		t.Errorf("%q of room for %d, then %q", key, cap(key), rest)
	}
}

// The short way of laying a record lays the same bytes, with every length and number that is about as large as it takes.
func TestUsualRecordsAreLaidAsAllAre(t *testing.T) {
	numbers := []int64{0, 1, -1, 63, 64, -64, -65, 8190, 8191, 8192, -8192, -8193, 1 << 40, math.MinInt64}
	lengths := []int{-1, 0, 1, 62, 63, 64, 65, 200, 8100, 8191, 8192, 20_000}
	for short := range 40 {
		lengths = append(lengths, 8192-short)
	}
	of := func(length int, text byte) []byte {
		if length < 0 {
			return nil
		}
		return bytes.Repeat([]byte{text}, length)
	}
	laid := make([]byte, 41_000)
	usual := 0
	for _, time := range numbers {
		for _, offset := range []int64{0, 63, 64, 8191, 8192, math.MaxInt32} {
			for _, keyLength := range lengths[:12] {
				for _, valueLength := range lengths {
					key, value := of(keyLength, 'k'), of(valueLength, 'v')
					body := binary.AppendVarint([]byte{0}, time)
					body = binary.AppendVarint(body, offset)
					body = append(binary.AppendVarint(body, int64(keyLength)), key...)
					body = append(binary.AppendVarint(body, int64(valueLength)), value...)
					body = append(body, 0)
					want := append(binary.AppendVarint(nil, int64(len(body))), body...)
					what := fmt.Sprintf("time %d, offset %d, a key of %d bytes, a value of %d", time, offset, keyLength, valueLength)
					if n, behind, size := putUsual(laid, time, offset, lengthOf(key), int64(valueLength), 1); n > 0 {
						usual++
						n = putKey(laid, n, key, behind, size)
						if head := want[:len(want)-1-len(value)]; !bytes.Equal(laid[:n], head) {
							t.Fatalf("%s: %d bytes that begin with %x, want %d that begin with %x", what, n, laid[:min(n, 16)], len(want), want[:min(len(want), 16)])
						}
					}
					if n := putRecord(laid, time, offset, nil, key, value, nil); !bytes.Equal(laid[:n], want) {
						t.Fatalf("%s: %d bytes, want %d", what, n, len(want))
					}
				}
			}
		}
	}
	if usual < 1000 {
		t.Errorf("only %d were usual", usual)
	}
}
