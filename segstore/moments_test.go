package segstore

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/segstore/disk"
)

// Things that go wrong only when one goroutine does something just then. The moment is brought about, not waited for.

// What is committed while a sync runs is not called synced by it, and a power cut takes it.
func TestCommittedDuringASync(t *testing.T) {
	d := disk.NewMem()
	traced := &disk.Trace{Disk: d}
	f := openLog(t, traced, testOptions())
	f.addSynced(0, 4)
	f.add(4, 8)
	traced.After = func(call, path string, err error) error {
		if call == "sync" && strings.HasSuffix(path, "spare"+temporarySuffix) {
			traced.After = nil
			f.add(8, 12)
		}
		return err
	}
	f.must(f.Sync())
	if f.Synced() != 8 || f.Written() != 12 || f.Next() != 8 {
		t.Fatalf("%d are synced and %d written; readers see %d", f.Synced(), f.Written(), f.Next())
	}
	g := openLog(t, d.Crash(func(int) bool { return false }, func(string, int) bool { return false }), testOptions())
	g.holds(span{0, 8})
}

// A batch is published when it is sealed, or a reader beside the writer takes it for damage. One whose head can't be written is never
// published.
func TestPublishedWhenSealed(t *testing.T) {
	o := testOptions()
	o.ReadSynced = false // else it is written, and not stored
	f := openLog(t, nil, o)
	f.addSynced(0, 4)
	f.must(f.Reserve(1000))
	f.Append(nil, value(4), 40)
	head := f.active.data[f.pos/pageBytes*pageBytes:][:pageBytes]
	f.must(syscall.Mprotect(head, syscall.PROT_READ))
	if guard(f.active.data, func() { f.Commit() }) == nil {
		t.Error("a page that can't be written to was written to")
	}
	if f.Written() != 4 || f.active.readable() != f.pos {
		t.Errorf("%d are written, and bytes up to %d of %d may be read", f.Written(), f.active.readable(), f.pos)
	}
	f.must(syscall.Mprotect(head, syscall.PROT_READ|syscall.PROT_WRITE))
	f.Commit()
	f.must(f.Sync())
	f.holds(span{0, 5})
}

// Who begins to wait while a record is being committed is not left asleep: here everybody who had subscribed was woken before he has.
func TestRecordThatComesBeforeTheWait(t *testing.T) {
	o := testOptions()
	o.ReadSynced = false
	f := openLog(t, disk.NewMem(), o)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	woken := make(chan error)
	f.waiterMu.Lock() // he can't subscribe
	go func() { woken <- f.Wait(ctx, 0) }()
	for f.waiting.Load() == 0 {
		runtime.Gosched()
	}
	time.Sleep(time.Millisecond) // he looks and subscribes, or subscribes and looks
	f.waiting.Add(-1)            // nobody is to be woken
	f.add(0, 3)
	f.waiting.Add(1)
	f.waiterMu.Unlock()
	if err := <-woken; err != nil {
		t.Fatalf("a record is there, and who waits for it: %v", err)
	}
}

// First moves before the bytes go: whoever reads just then is told of retention, not of damage.
func TestReadWhileASegmentIsRemoved(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	f.reopen()
	removed := 0
	d.Before = func(call, path string) error {
		if call != "remove" || filepath.Ext(path) != ".log" {
			return nil
		}
		removed++
		var expired *ExpiredError
		if _, err := f.Cursor(0).Next(); !errors.As(err, &expired) || expired.First != f.First() {
			t.Errorf("while %s is removed a reader is told %v", path, err)
		}
		if base, _ := parseSegmentName(filepath.Base(path)); f.First() <= base {
			t.Errorf("%s is removed, and the log still begins at %d", path, f.First())
		}
		return nil
	}
	if _, err := f.Retire(f.now + 1); err != nil || removed != 2 {
		t.Fatalf("%d removed, %v", removed, err)
	}
}

// A segment is as old as its last record, not as its first.
func TestAgeIsTheLastRecords(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	f.addSynced(0, 4)
	f.now = 5000
	f.addSynced(4, 8)
	f.must(f.RollOlder(f.now + 1))
	f.must(f.Background())
	for range 2 {
		if newest, _, ok := f.Oldest(); !ok || newest != 5000 {
			t.Fatalf("the oldest segment's last record came at 5000, its age is %d (%v)", newest, ok)
		}
		if n, err := f.Retire(5000); n != 0 || err != nil {
			t.Fatalf("%d removed before their time, %v", n, err)
		}
		f.addSynced(f.Next(), f.Next()+1)
		f.must(f.Close())
		f.reopen()
	}
}

// An index that names a batch further on than it should costs time and no record.
func TestHintTooFarOn(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	f.reopen()
	s := f.list()[0]
	f.must(s.pin(d))
	third := readHeader(s.data).size
	third += readHeader(s.data[third:]).size
	x := &index{entries: []indexEntry{{offset: 1, position: third, maxTime: neverTime}}}
	x.n.Store(1)
	s.index = x
	f.readsFromAnywhere([]span{{0, inAll}}, inAll)
	s.unpin()
}

// What recovery keeps, and does not know to be on disk, it stores anew, every page of it: the kernel may hold pages for clean that a
// failed sync never wrote, and the next sync would leave them out. A page that can't be stored to shows that it is.
func TestRecoveryStoresEveryPageAnew(t *testing.T) {
	f := openLog(t, nil, testOptions())
	f.addSynced(0, 60)
	synced := f.pos
	f.add(60, 200)
	end := f.pos
	first, last := synced/pageBytes, (end-1)/pageBytes
	if first < 1 || last < first+2 {
		t.Fatalf("the records end on pages %d and %d", first, last)
	}
	for page := last; page >= first; page-- {
		f.disk = &readOnlyPage{page: page}
		var fault *faultError
		if err := f.tryOpen(); !errors.As(err, &fault) || fault.at/pageBytes != page {
			t.Fatalf("page %d, of records from byte %d on that may not be on disk, is not stored: %v", page, synced, err)
		}
	}
	f.disk = &readOnlyPage{page: first - 1}
	f.must(f.tryOpen()) // what is on disk is left alone
	f.holds(span{0, 200})
}

// readOnlyPage is the real disk with one page of each mapping that can't be stored to.
type readOnlyPage struct {
	disk.OS
	page int64
}

func (d *readOnlyPage) Open(path string) (disk.File, error) {
	f, err := d.OS.Open(path)
	return readOnlyFile{f, d.page}, err
}

type readOnlyFile struct {
	disk.File
	page int64
}

func (f readOnlyFile) Map(size int64, write bool) ([]byte, error) {
	data, err := f.File.Map(size, write)
	if at := f.page * pageBytes; err == nil && write && at < size {
		err = syscall.Mprotect(data[at:min(at+pageBytes, size)], syscall.PROT_READ)
	}
	return data, err
}
