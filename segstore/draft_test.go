package segstore

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"penstock/segstore/disk"
)

// What fits in place is put there without a call to the disk that could be slow, or fail, even when a sync failed since that was asked: its records are
// then lost with the others that were not synced, and who waits for them is told.
func TestPutBesideAFailedSync(t *testing.T) {
	failing := false
	var calls []string
	trace := &disk.Trace{Disk: disk.NewMem()}
	trace.Before = func(call, path string) error {
		if failing {
			calls = append(calls, call)
			if call == "sync" {
				return errors.New("input/output error")
			}
		}
		return nil
	}
	f := openLog(t, trace, Options{SegmentBytes: 1 << 20})
	f.must(f.Reserve(100))
	f.Append(nil, []byte("first"), 1)
	f.Commit()
	f.must(f.Sync())
	f.must(f.Reserve(100))
	f.Append(nil, []byte("open"), 1)
	f.Commit()
	var drafts Drafts
	d, ok := drafts.Begin(1000)
	d.Append(nil, nil, make([]byte, 200), nil, 1)
	if !ok || !f.FitsInPlace(&d) {
		t.Fatal("a small draft does not fit")
	}
	generation := f.Generation()
	failing = true
	if err := f.Sync(); !errors.Is(err, ErrLost) {
		t.Fatal(err)
	}
	calls = nil
	if last := f.Put(&d); last != 2 || len(calls) > 0 {
		t.Errorf("the record has offset %d; calls to the disk: %v", last, calls)
	}
	if !f.Lost(generation) || f.FitsInPlace(&d) {
		t.Error("nobody is told that it is lost")
	}
	failing = false
	last, err := f.Place(&d) // by who may ask the disk
	f.must(err)
	f.must(f.Sync())
	if last != 3 || f.Synced() != 4 || f.Lost(f.Generation()) {
		t.Errorf("afterwards the record has offset %d, synced %d", last, f.Synced())
	}
}

// A record whose value is filled in later is the one that Append lays, wherever its draft has grown to, and what was taken back was never there.
func TestDraftLay(t *testing.T) {
	const seed = 20261128
	random := rand.New(rand.NewPCG(seed, 0))
	var drafts Drafts
	for round := range 200 {
		want, _ := drafts.Begin(1 << 20)
		got, _ := drafts.Begin(1 + random.IntN(8<<10))
		lay := func(key, value []byte, ms int64) {
			to := got.Lay(key, len(value), ms)
			if to == nil {
				if !drafts.Grow(&got, len(key)+len(value)+RecordOverhead) {
					t.Fatal("there is no memory")
				}
				to = got.Lay(key, len(value), ms)
			}
			copy(to, value)
		}
		for range random.IntN(100) {
			var key []byte
			if n := random.IntN(300); n > 0 {
				key = bytes.Repeat([]byte{byte('a' + n%26)}, n)
			}
			value := bytes.Repeat([]byte{byte('a' + random.IntN(26))}, random.IntN(1<<random.IntN(14)))
			ms := 1_700_000_000_000 + random.Int64N(1<<random.IntN(30)) - random.Int64N(1<<random.IntN(30))
			want.Append(nil, key, value, nil, ms)
			lay(key, value, ms)
			if random.IntN(4) == 0 {
				mark := got.Mark()
				for range random.IntN(4) {
					lay(value, key, ms+1_000_000)
				}
				got.Back(&mark)
			}
		}
		if got.count != want.count || got.baseTime != want.baseTime || got.maxTime != want.maxTime || !bytes.Equal(got.bytes[BatchOverhead:], want.bytes[BatchOverhead:]) {
			t.Fatalf("seed %d, round %d: %d records of %d bytes, want %d of %d", seed, round, got.count, len(got.bytes), want.count, len(want.bytes))
		}
		first, second := got.Records(), want.Records()
		for range want.Count() {
			a, _ := first.Next()
			if b, more := second.Next(); !more || a.Offset != b.Offset || a.Time != b.Time || !bytes.Equal(a.Key, b.Key) || !bytes.Equal(a.Value, b.Value) {
				t.Fatalf("seed %d, round %d: record %d reads as %+v, want %+v", seed, round, b.Offset, a, b)
			}
		}
		if _, more := first.Next(); more {
			t.Fatalf("seed %d, round %d: there are more than %d", seed, round, want.Count())
		}
		drafts.End(&got)
		drafts.End(&want)
	}
	if lent := drafts.Lent(); lent != 0 {
		t.Errorf("%d bytes are lent", lent)
	}
}
