package segstore

import (
	"errors"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"penstock/segstore/disk"
)

// failSync appends and has the sync of that fail.
func (f *fixture) failSync(d *disk.Mem, from, to int64) {
	f.Helper()
	f.add(from, to)
	d.Before = (&failing{call: "sync", on: true}).before
	if err := f.Sync(); !errors.Is(err, ErrLost) {
		f.Fatalf("syncing gave %v", err)
	}
	d.Before = nil
}

// Records are given up twice, and nothing is written in between: the next start knows why all of them are missing.
func TestTwoReasonsForOneHole(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.addSynced(0, 4)
	f.failSync(d, 4, 6)
	f.failSync(d, 6, 9)
	f.addSynced(9, 12)
	f.holds(span{0, 4}, span{9, 12})
	f.readAll = true
	f.disk = d.Killed()
	f.reopen()
	if n := len(f.findings); n != 1 || f.findings[0].Kind != KnownGap || f.findings[0].First != 4 || f.findings[0].Next != 9 {
		t.Errorf("found %v", f.findings)
	}
	f.holds(span{0, 4}, span{9, 12})
}

// What was given up stays away although a reader held it, which keeps its file from being cut.
func TestGivenUpUnderAReader(t *testing.T) {
	for _, end := range []string{"close", "kill", "power cut"} {
		t.Run(end, func(t *testing.T) {
			d := disk.NewMem()
			d.FailedSyncsWrite = true
			o := testOptions()
			o.ReadSynced = false
			f := openLog(t, d, o)
			f.addSynced(0, 4)
			f.failSync(d, 4, 6)
			c := f.Cursor(3)
			defer c.Close()
			if b, err := c.Next(); err != nil || b.Last() != 3 {
				t.Fatalf("read up to %d, %v", b.Last(), err)
			}
			held, err := c.Next()
			if err != nil || held.Last() != 5 {
				t.Fatalf("read up to %d, %v", held.Last(), err)
			}
			f.addSynced(6, 8)
			if h, wrong := checkBatch(held.Bytes()); wrong != "" || h.base != 4 {
				t.Errorf("what the reader holds is no batch any more: %s", wrong)
			}
			f.holds(span{0, 4}, span{6, 8})
			switch end {
			case "close":
				f.must(f.Close())
				f.disk = d.Killed()
			case "kill":
				f.disk = d.Killed()
			default:
				f.disk = d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
			}
			for range 2 {
				f.readAll = true
				f.reopen()
				f.holds(span{0, 4}, span{6, 8})
				for _, found := range f.findings {
					if found.Kind != KnownGap {
						t.Errorf("found %v", found)
					}
				}
				f.must(f.Close())
			}
		})
	}
}

// While the first segment is being given up, and that can't be brought to disk, the log does not begin behind what it has.
func TestFirstWhileGivingUp(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.failSync(d, 0, 4)
	fault := &failing{call: "sync dir", on: true}
	d.Before = fault.before
	for range 2 {
		if err := f.tryAdd(4, 6); !errors.Is(err, errIO) {
			t.Fatalf("adding gave %v", err)
		}
		if f.First() > f.Synced() || f.Synced() > f.Written() {
			t.Fatalf("first %d, synced %d, written %d", f.First(), f.Synced(), f.Written())
		}
	}
	fault.on = false
	f.addSynced(4, 6)
	if f.First() != 4 {
		t.Errorf("the log begins at %d", f.First())
	}
	f.holds(span{4, 6})
}

// The reason for missing offsets stays as long as there are records before them, whatever its age, and no longer.
func TestReasonsStayWithTheirHoles(t *testing.T) {
	d := disk.NewMem()
	d.Now = func() int64 { return 5 } // the machine's clock is far behind
	f := openLog(t, d, testOptions())
	f.addSynced(0, 4)
	f.failSync(d, 4, 6)
	f.addSynced(6, 8)
	reason := gapPath(f.dir, 4)
	f.must(f.RetireAside(1 << 60))
	if d.File(reason) == nil {
		t.Fatal("the reason is gone, and its hole is not")
	}
	if _, err := f.Retire(f.now + 1); err != nil || f.First() != 6 {
		t.Fatalf("the log begins at %d, %v", f.First(), err)
	}
	f.must(f.RetireAside(f.now))
	if d.File(reason) == nil {
		t.Fatal("the reason is gone before its time")
	}
	f.must(f.RetireAside(f.now + 1))
	if d.File(reason) != nil {
		t.Error("the reason is still there, and its hole is not")
	}
}

// What was set aside goes by the retention clock.
func TestWhatIsSetAsideAges(t *testing.T) {
	d := disk.NewMem()
	d.Now = func() int64 { return 5 }
	f := openLog(t, d, testOptions())
	f.failSync(d, 0, 4)
	f.addSynced(4, 6)
	aside := segmentPath(f.dir, 0) + cutSuffix
	f.must(f.RetireAside(f.now))
	if d.File(aside) == nil {
		t.Fatal("what was set aside is gone before its time")
	}
	f.must(f.RetireAside(f.now + 1))
	if d.File(aside) != nil {
		t.Error("what was set aside is still there")
	}
}

// The checkpoint does not run ahead of the names: a start that fails when it is to sync the directory, and then a power cut, are no
// damage.
func TestCheckpointBehindTheNames(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.addSynced(0, 4)
	f.failSync(d, 4, 6)
	once := false
	d.Before = func(call, path string) error { // killed before the reason is there
		once = once || path == gapPath(f.dir, 4)+temporarySuffix
		if once {
			return errIO
		}
		return nil
	}
	_ = f.tryAdd(6, 8)
	for _, end := range []func(*disk.Mem) *disk.Mem{
		(*disk.Mem).Killed,
		func(d *disk.Mem) *disk.Mem {
			return d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
		},
	} {
		d = end(d)
		d.Before = (&failing{call: "sync dir", on: true}).before
		f.disk = d
		if err := f.tryOpen(); !errors.Is(err, errIO) {
			t.Fatalf("opening gave %v", err)
		}
	}
	d = d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
	f.disk = d
	f.reopen()
	for _, found := range f.findings {
		if found.Acknowledged() {
			t.Errorf("found %v", found)
		}
	}
}

// A segment that could not be set aside would say, at the next start, that nothing behind it counts. So nothing is written there until it
// is noted that its records were given up.
func TestGivenUpAndNotSetAside(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.failSync(d, 0, 4)
	d.Before = func(call, path string) error {
		if call == "rename" && path != f.spareTemporary {
			return errIO
		}
		return nil
	}
	if err := f.tryAdd(4, 6); !errors.Is(err, errIO) {
		t.Fatalf("adding gave %v", err)
	}
	d.Before = nil
	f.addSynced(4, 6)
	f.disk = d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
	f.reopen()
	f.holds(span{4, 6})
}

// A start that can't set aside what stands behind a torn roll does not go on with it.
func TestTornRollThatCantBeSetAside(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	f.add(0, 3)
	f.must(f.Sync())
	next := int64(3)
	for ; len(f.list()) == 1; next += 3 {
		f.add(next, next+3)
	}
	d := f.disk.(*disk.Mem).Crash(func(int) bool { return true }, func(string, int) bool { return false })
	d.Before = (&failing{call: "rename", on: true}).before
	f.disk = d
	if err := f.tryOpen(); !errors.Is(err, errIO) {
		t.Fatalf("opening gave %v", err)
	}
	f.disk = d.Killed()
	f.reopen()
	f.survivors(3, next)
}

// What is set aside behind a torn roll is told, and it is on disk that it is before the log opens: come back after a power cut, it would look
// like records that were lost.
func TestTornRollIsSetAsideOnDisk(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	f.add(0, 3)
	f.must(f.Sync())
	next := int64(3)
	for ; len(f.list()) == 1; next += 3 {
		f.add(next, next+3)
	}
	behind := f.list()[1].path
	torn := f.disk.(*disk.Mem).Crash(func(int) bool { return true }, func(string, int) bool { return false })
	d := torn.Killed()
	renamed := false
	var between []string
	d.Before = func(call, path string) error {
		switch {
		case call == "rename" && path == behind:
			renamed = true
		case call == "sync dir" && path == f.dir && renamed:
			renamed = false // it fails once
			return errIO
		case renamed:
			between = append(between, call+" "+path)
		}
		return nil
	}
	f.disk = d
	if err := f.tryOpen(); !errors.Is(err, errIO) {
		t.Fatalf("opening gave %v", err)
	}
	if want := []string{"set time " + behind + cutSuffix}; !slices.Equal(between, want) {
		t.Errorf("before it was on disk there came %v", between)
	}
	f.disk = torn
	f.findings = nil
	f.reopen()
	if !slices.ContainsFunc(f.findings, func(found Finding) bool { return found.Path == behind && found.Kind == TornTail && found.Bytes > 0 }) {
		t.Errorf("nobody was told of %s: %v", behind, f.findings)
	}
	f.survivors(3, next)
}

// A segment that a start has sealed is marked as whole, and the power may fail: what is acknowledged behind it stays.
func TestMarkOfASegmentSealedByAStart(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.add(0, 3)
	f.must(f.RollOlder(f.now + 1))
	d = d.Killed()
	f.disk = d
	f.reopen()
	f.failSync(d, 3, 5)
	d.Before = func(call, path string) error { // nobody notes why they are missing
		if call == "create" && path == gapPath(f.dir, 3)+temporarySuffix {
			return errIO
		}
		return nil
	}
	f.add(5, 7)
	f.must(f.Sync())
	f.disk = d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
	f.reopen()
	f.holds(span{0, 3}, span{5, 7})
}

// What is given up is cut off for sure, although the disk does not take the cut: a copy of what is kept takes the segment's place.
func TestGivenUpWhereTheCutFails(t *testing.T) {
	d := disk.NewMem()
	d.FailedSyncsWrite = true
	f := openLog(t, d, testOptions())
	f.addSynced(0, 4)
	f.add(4, 6)
	failures := 2
	d.Before = func(call, path string) error {
		if call == "sync" && failures > 0 {
			failures--
			return errIO
		}
		return nil
	}
	if err := f.Sync(); !errors.Is(err, ErrLost) {
		t.Fatalf("syncing gave %v", err)
	}
	f.addSynced(6, 8)
	if found := kinds(f.findings); failures > 0 || found != "sync failed 4-6; given up 4-6" {
		t.Fatalf("%d calls did not fail, found %q", failures, found)
	}
	for range 2 {
		d = d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
		f.disk, f.readAll = d, true
		f.reopen()
		f.quiet()
		f.holds(span{0, 4}, span{6, 8})
		f.must(f.Close())
	}
}

// A file that could not be marked as whole is followed by nothing but notes of what was given up, until a segment behind it is whole.
func TestGivenUpTwiceBehindAFileWithoutItsMark(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.addSynced(0, 4)
	failing := func(call, path string) error { // the segment's own sync, and so its mark, and a copy's
		if call == "sync" && (path == f.spareTemporary || path == segmentPath(f.dir, 0)+temporarySuffix) {
			return errIO
		}
		return nil
	}
	f.add(4, 6)
	d.Before = failing
	if err := f.Sync(); !errors.Is(err, ErrLost) {
		t.Fatalf("syncing gave %v", err)
	}
	f.add(6, 8)
	if err := f.Sync(); !errors.Is(err, ErrLost) {
		t.Fatalf("syncing gave %v", err)
	}
	note := gapPath(f.dir, 6)
	d.Before = func(call, path string) error {
		if path == note+temporarySuffix {
			return errIO
		}
		return nil
	}
	if err := f.tryAdd(8, 9); !errors.Is(err, errIO) {
		t.Fatalf("adding behind what nobody has noted gave %v", err)
	}
	if found := kinds(f.findings); !strings.Contains(found, "given up 4-4") {
		t.Errorf("nobody is told that a crash may bring it back: %q", found)
	}
	d.Before = nil
	f.addSynced(8, 10)
	f.disk = d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
	f.reopen()
	f.holds(span{0, 4}, span{8, 10})
}

// The same, and a power cut brings back the first half of what was given up: the note still says why the rest is missing.
func TestHalfOfWhatWasGivenUpIsBack(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.addSynced(0, 4)
	f.add(4, 6)
	f.must(f.RollOlder(f.now + 1))
	f.add(6, 8)
	syncs := 0
	d.Before = func(call, path string) error { // the first segment's records are on disk, its mark and the second one are not
		if call == "sync" && (path == f.spareTemporary || path == segmentPath(f.dir, 0)+temporarySuffix) {
			if syncs++; syncs > 1 {
				return errIO
			}
		}
		return nil
	}
	if err := f.Sync(); !errors.Is(err, ErrLost) {
		t.Fatalf("syncing gave %v", err)
	}
	f.add(8, 10)
	d.Before = nil
	f.must(f.Sync())
	f.disk = d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
	f.reopen()
	f.holds(span{0, 6}, span{8, 10})
	if n := len(f.findings); n != 1 || f.findings[0].Kind != KnownGap || f.findings[0].First != 6 || f.findings[0].Next != 8 {
		t.Errorf("found %v", f.findings)
	}
}

// A log that found no space and is closed, as its topic is deleted, is no trouble to anybody.
func TestFullLogIsClosed(t *testing.T) {
	d := disk.NewMem()
	d.Free = 100
	f := openLog(t, d, testOptions())
	if err := f.tryAdd(0, 1); !errors.Is(err, ErrFull) || f.Trouble() == nil {
		t.Fatalf("adding gave %v, trouble is %v", err, f.Trouble())
	}
	f.must(f.Close())
	if f.Full() || f.Trouble() != nil {
		t.Errorf("closed, and still full: %v", f.Trouble())
	}
}

// A segment that was cut to its batches, but not marked as whole since the sync behind that failed, may have to be looked through all the same:
// up to its end, as behind that there may be no page.
func TestNothingIsReadBehindACutFile(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for short := range int64(BatchOverhead) + 1 { // bytes from the batches' end to the page's
		f := openLog(t, nil, testOptions())
		size := 2*pageBytes - short - BatchOverhead - RecordOverhead
		for BatchOverhead+int64(putRecord(make([]byte, size+RecordOverhead), 0, 0, nil, nil, make([]byte, size), nil)) < 2*pageBytes-short {
			size++
		}
		f.must(f.Reserve(size + RecordOverhead))
		f.Append(nil, make([]byte, size), 5)
		f.Commit()
		s := f.active
		if f.pos != 2*pageBytes-short {
			t.Fatalf("the batch ends at %d", f.pos)
		}
		f.must(f.roll(BatchOverhead))
		f.must(s.file.Truncate(trimmedSize(s.end.Load())))
		if got := s.positionOf(s.next); got != s.end.Load() {
			t.Errorf("%d bytes before a page's end: what follows would stand at %d, not %d", short, got, s.end.Load())
		}
		f.must(f.Close())
	}
}
