package segstore

import (
	"errors"
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
