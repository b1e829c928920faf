package segstore

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"penstock/segstore/disk"
)

// What a Sync asks of the disk: a segment's name once, its bytes when there are new ones, the mark of a sealed one once, and nothing when
// nothing is new.
func TestCallsOfASync(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	var calls []string
	d.Before = func(call, path string) error {
		calls = append(calls, call+" "+filepath.Base(path))
		return nil
	}
	sync := func(when string, want ...string) {
		t.Helper()
		calls = nil
		if f.must(f.Sync()); !slices.Equal(calls, want) {
			t.Errorf("%s: %s", when, strings.Join(calls, ", "))
		}
	}
	sync("no segment")
	f.add(0, 4)
	sync("a new segment", "sync dir clicks-0", "sync spare.tmp", "write checkpoint")
	sync("nothing new")
	f.add(4, 8)
	sync("new records", "sync spare.tmp", "write checkpoint")
	f.must(f.RollOlder(f.now + 1))
	sync("sealed, all of it synced before", "truncate spare.tmp", "sync spare.tmp")
	sync("an empty segment")
	f.add(8, 12)
	f.must(f.RollOlder(f.now + 1))
	f.add(12, 16)
	sync("one sealed and one begun", "sync dir clicks-0", "sync spare.tmp", "truncate spare.tmp", "sync spare.tmp", "write checkpoint",
		"sync dir clicks-0", "sync spare.tmp", "write checkpoint")
	f.must(f.Background())
	sync("finished")
	f.holds(span{0, 16})
}

// Synced never goes back, and never beyond what was written: that would be a bug, and the process stops rather than lie.
func TestSyncedOutOfBounds(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	f.addSynced(0, 4)
	f.add(4, 8)
	for target, good := range map[int64]bool{3: false, 4: true, 8: true, 9: false} {
		func() {
			defer func() {
				if recovered := recover(); (recovered == nil) != good {
					t.Errorf("to %d: %v", target, recovered)
				}
			}()
			f.synced.Store(4)
			f.advance(target)
		}()
	}
}

// Whoever keeps IDs is told which were given up: those of all records that were committed and not synced, in the segment that goes on
// being there and in those that go, and no other.
func TestGaveUp(t *testing.T) {
	for _, uncommitted := range []bool{false, true} {
		d := disk.NewMem()
		o := testOptions()
		var gone []ID
		o.GaveUp = func(id ID) { gone = append(gone, id) }
		f := openLog(t, d, o)
		f.addWithIDs(0, 20)
		f.must(f.Sync())
		f.addWithIDs(20, 40)
		f.must(f.RollOlder(f.now + 1))
		f.addWithIDs(40, 60)
		d.Before = (&failing{call: "sync", on: true}).before
		if err := f.Sync(); !errors.Is(err, ErrLost) {
			t.Fatalf("syncing gave %v", err)
		}
		d.Before = nil
		next := int64(60)
		if uncommitted {
			id := idOf(61)
			f.must(f.Reserve(0))
			f.must(f.Reserve(1000))
			f.AppendWithID(&id, nil, value(60), 600)
			f.failSync(d, 61, 62)
			next = 62
		}
		f.must(f.Reserve(10))
		want := wantIDs(20, 60)
		if uncommitted {
			want = append(want, idOf(61))
		}
		if !slices.Equal(gone, want) {
			t.Errorf("%d IDs were given up, want %d", len(gone), len(want))
		}
		f.addWithIDs(next, next+10)
		f.must(f.Sync())
		f.must(f.Background())
		if got := f.ids(); !slices.Equal(got, append(wantIDs(0, 20), wantIDs(next, next+10)...)) {
			t.Errorf("%d IDs are left", len(got))
		}
	}
}

// Records are given up far into a segment: what is kept ends at the byte, and its index with it, so the next start need not look through it.
func TestGivenUpFarIntoASegment(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	n := int64(0)
	for ; f.pos < 40<<10; n += 4 {
		f.add(n, n+4)
	}
	f.must(f.Sync())
	end := f.pos
	for i := n; f.pos < 60<<10; i += 4 {
		f.add(i, i+4)
	}
	next := f.Log.next
	f.failSync(d, next, next+4)
	f.addSynced(next+4, next+8)
	s := f.list()[0]
	entries, _, _, ok := readIndexFiles(d, s)
	if s.end.Load() != end || s.next != n || !ok || len(entries) != 2 {
		t.Errorf("it ends at %d with offset %d, want %d and %d; %d entries in its index, %v", s.end.Load(), s.next, end, n, len(entries), ok)
	}
	f.holds(span{0, n}, span{next + 4, next + 8})
}
