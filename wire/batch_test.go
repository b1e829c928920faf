package wire

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// Scratch handed out stays as it was written, through any growth, until Reset; no two pieces overlap, not even by append.
func TestBatch_ScratchStays(t *testing.T) {
	var b Batch
	for round := range 3 {
		b.Reset()
		var pieces [][]byte
		for i := range 500 {
			piece := b.Scratch(i * 7 % 300)
			for j := range piece {
				piece[j] = byte(i)
			}
			_ = append(piece, 0xff) // must not reach the next piece
			pieces = append(pieces, piece)
		}
		for i, piece := range pieces {
			if len(piece) != i*7%300 || len(bytes.Trim(piece, string([]byte{byte(i)}))) != 0 {
				t.Fatalf("round %d: piece %d was overwritten: %x", round, i, piece)
			}
		}
	}
}

func TestBatch_ResetForgets(t *testing.T) {
	var b Batch
	*b.Add() = Record{Topic: []byte("t"), Key: []byte("k"), Value: []byte("v"), Time: 7}
	fault := b.Fail(BadJSON, 3)
	if fault.Error() != "the JSON is malformed at byte 3" {
		t.Errorf("fault says %q", fault.Error())
	}
	b.Reset()
	if len(b.Records) != 0 || !reflect.DeepEqual(b.fault, Fault{}) {
		t.Error("Reset left something")
	}
	if r := b.Add(); r.Topic != nil || r.Key != nil || r.Value != nil || r.Time != 0 {
		t.Errorf("a new record has an old one's fields: %+v", r)
	}
	b.Scratch(scratchKeep + 1)
	b.Reset()
	if cap(b.scratch) > scratchKeep {
		t.Error("a giant's scratch was kept")
	}
}

// A batch that was reset, or cut short, keeps nothing of a request's payload in memory, nor shows it in a new record.
func TestBatch_KeepsNoPayload(t *testing.T) {
	var b Batch
	full := Record{Topic: []byte("t"), Key: []byte("k"), Value: []byte("v"), ID: []byte("i"), Time: 7}
	for name, empty := range map[string]func(){"Reset": b.Reset, "Clear": b.Clear} {
		*b.Add(), *b.Add() = full, full
		empty()
		for _, r := range b.Records[:2] {
			if !reflect.DeepEqual(r, Record{}) {
				t.Errorf("%s leaves %+v in the slots", name, r)
			}
		}
	}
	*b.Add() = full
	b.Records = b.Records[:0] // as a wire does that takes its last records back
	if r := b.Add(); !reflect.DeepEqual(*r, Record{}) {
		t.Errorf("a new record has an old one's fields: %+v", r)
	}
}

// What fits exactly goes into the slab there is, and scratch of exactly the size that is kept is kept.
func TestBatch_ScratchFillsItsSlab(t *testing.T) {
	var b Batch
	first := b.Scratch(4000)
	second := b.Scratch(96)
	if cap(b.scratch) != 4096 || &b.scratch[0] != &first[0] || &b.scratch[4000] != &second[0] {
		t.Errorf("4096 bytes in two pieces are not one slab: %d", cap(b.scratch))
	}
	b.scratch = make([]byte, 0, scratchKeep)
	b.Reset()
	if cap(b.scratch) != scratchKeep {
		t.Errorf("of %d bytes, %d are kept", scratchKeep, cap(b.scratch))
	}
}

// A place in the payload is said, the first bytes included, and no place is not.
func TestFault_SaysItsPlace(t *testing.T) {
	f := func(offset int, want string) {
		t.Helper()
		if got := (&Fault{Code: BadJSON, Offset: offset}).Error(); got != BadJSON.Text()+want {
			t.Errorf("at %d: %q", offset, got)
		}
	}
	f(NoOffset, "")
	f(0, " at byte 0")
	f(1, " at byte 1")
	f(12345, " at byte 12345")
}

// Add's record is the batch's own, whether the slot is new or used before.
func TestBatch_AddPointsIntoRecords(t *testing.T) {
	var b Batch
	for range 2 {
		b.Reset()
		for i := range 100 {
			b.Add().Time = int64(i)
		}
		for i, r := range b.Records {
			if r.Time != int64(i) {
				t.Fatalf("record %d has time %d", i, r.Time)
			}
		}
	}
}

// What was opened and closed lies with other scratch as if it had been asked for in one piece: it stays, through any growth and
// whatever is dropped in between, and no two pieces overlap, not even by append.
func TestBatch_OpenCloseStays(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 1))
	var b Batch
	for round := range 60 {
		b.Reset()
		var pieces [][]byte
		var want []string
		for i := range r.IntN(200) {
			text := strings.Repeat(string(rune('a'+i%26)), r.IntN(1<<r.IntN(14)))
			var piece []byte
			switch r.IntN(4) {
			case 0: // bit by bit
				piece = b.Open()
				for at := 0; at < len(text); {
					n := min(1+r.IntN(300), len(text)-at)
					piece = append(piece, text[at:at+n]...)
					at += n
				}
				piece = b.Close(piece)
			case 1: // not from Open at all
				piece = b.Close([]byte(text))
			case 2:
				b.Drop(append(b.Open(), text...))
				continue
			case 3:
				piece = b.Scratch(len(text))
				copy(piece, text)
			}
			_ = append(piece, '#') // must not reach the next piece
			pieces, want = append(pieces, piece), append(want, text)
		}
		for i := range pieces {
			if string(pieces[i]) != want[i] {
				t.Fatalf("round %d: piece %d of %d bytes was overwritten: %.40q", round, i, len(want[i]), pieces[i])
			}
		}
	}
}

// Closing nothing is fine, on a new batch and on a full one.
func TestBatch_CloseNothing(t *testing.T) {
	var b Batch
	for range 2 {
		if got := b.Close(b.Open()); len(got) != 0 {
			t.Errorf("%q", got)
		}
		b.Drop(b.Open())
		b.Close(nil)
		b.Drop(nil)
		b.Scratch(cap(b.scratch) - len(b.scratch))
		b.Scratch(4096 - len(b.scratch)%4096)
		b.Scratch(cap(b.scratch) - len(b.scratch))
	}
}

// What did not fit once fits after it was dropped, so that it is paid for once only.
func TestBatch_DropGrows(t *testing.T) {
	var b Batch
	text := strings.Repeat("x", 100_000)
	kept := b.Close(append(b.Open(), "kept"...))
	b.Drop(append(b.Open(), text...))
	if room := cap(b.Open()); room < len(text) {
		t.Errorf("after a text of %d bytes was dropped there is room for %d", len(text), room)
	}
	before := &b.Open()[:1][0]
	b.Drop(append(b.Open(), text...))
	if &b.Open()[:1][0] != before || string(kept) != "kept" {
		t.Error("a text that fits is dropped, and the slab moves")
	}
}

// The first MaxRejects of the refused parts are kept, and all are counted.
func TestBatch_Refuse(t *testing.T) {
	var b Batch
	for _, n := range []int{0, 3, MaxRejects - 1, MaxRejects, MaxRejects + 1, 3 * MaxRejects, 1} {
		b.Reset()
		raw := make([]byte, n)
		for i := range n {
			fault := b.Refuse(BadField, i, raw[i:]).Because([]byte("because"))
			if fault.Code != BadField || fault.Offset != i || len(fault.Raw) != n-i || string(fault.Detail) != "because" {
				t.Fatalf("part %d of %d: %+v", i, n, fault)
			}
		}
		kept, all := b.Rejected()
		if all != n || len(kept) != min(n, MaxRejects) {
			t.Fatalf("%d refused: %d kept, %d counted", n, len(kept), all)
		}
		for i := range kept {
			if kept[i].Offset != i || len(kept[i].Raw) != n-i || string(kept[i].Detail) != "because" {
				t.Fatalf("part %d of %d is kept as %+v", i, n, kept[i])
			}
		}
		if fault := b.Fail(TooMany, 7); fault.Code != TooMany || fault.Offset != 7 || fault.Raw != nil || fault.Detail != nil {
			t.Errorf("after %d refused parts the request fails with %+v", n, fault)
		}
	}
	b.Reset()
	if kept, all := b.Rejected(); len(kept) != 0 || all != 0 {
		t.Errorf("Reset left %d of %d refused parts", len(kept), all)
	}
	for _, left := range b.rejects[:cap(b.rejects)] {
		if left.Raw != nil || left.Detail != nil {
			t.Fatal("after Reset a refused part is still held")
		}
	}
}

// Clear takes the records back, all of them and nothing else.
func TestBatch_Clear(t *testing.T) {
	var b Batch
	b.Items, b.Echo = 3, []byte("echo")
	scratch := b.Scratch(3)
	copy(scratch, "abc")
	for range 20 {
		*b.Add() = Record{Topic: scratch, Key: scratch, Value: scratch, Time: 1}
	}
	b.Refuse(BadName, 5, scratch)
	b.Clear()
	if len(b.Records) != 0 {
		t.Errorf("%d records are left", len(b.Records))
	}
	for _, left := range b.Records[:cap(b.Records)] {
		if left.Value != nil || left.Topic != nil || left.Key != nil || left.Time != 0 {
			t.Fatal("a record that was taken back is still held")
		}
	}
	next := b.Scratch(3)
	copy(next, "def")
	kept, all := b.Rejected()
	if string(scratch) != "abc" || all != 1 || string(kept[0].Raw) != "abc" || b.Items != 3 || string(b.Echo) != "echo" {
		t.Errorf("scratch %q, %d refused, items %d, echo %q", scratch, all, b.Items, b.Echo)
	}
	if r := b.Add(); r.Value != nil || r.Time != 0 {
		t.Errorf("a new record has an old one's fields: %+v", r)
	}
}
