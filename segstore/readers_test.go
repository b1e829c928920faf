package segstore

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// One writer, one syncer, one keeper that retires, and readers from everywhere: nobody sees a record that is not the one its offset
// names, nobody misses one but for retention, and nothing unsynced is seen. Worth most under the race detector.
func TestReadersBesideWriter(t *testing.T) {
	records := int64(60000)
	if testing.Short() {
		records = 15000
	}
	wake := make(chan struct{}, 1)
	o := Options{SegmentBytes: SegmentBytesMin, ReadSynced: true, Report: func(f Finding) { t.Error(f) }, Now: func() int64 { return time.Now().UnixMilli() },
		Background: func() {
			select {
			case wake <- struct{}{}:
			default:
			}
		}}
	l, err := Open(filepath.Join(t.TempDir(), "clicks-0"), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, done := context.WithCancel(context.Background())
	var workers, readers sync.WaitGroup
	workers.Go(func() { // the syncer
		for ctx.Err() == nil {
			if err := l.Sync(); err != nil {
				t.Error(err)
				return
			}
			time.Sleep(100 * time.Microsecond)
		}
	})
	workers.Go(func() { // the keeper
		for ctx.Err() == nil {
			select {
			case <-wake:
			case <-time.After(time.Millisecond):
			}
			if err := l.Background(); err != nil && !l.Full() {
				t.Error(err)
			}
			if l.Segments() > 12 {
				if err := l.DropOldest(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for i := range 4 {
		readers.Go(func() { followLog(t, l, records, uint64(i)) })
	}
	for n := int64(0); n < records; {
		batch := min(1+n%50, records-n)
		for {
			err := l.Reserve(batch * (400 + RecordOverhead))
			if err == nil {
				break
			}
			if !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		for i := n; i < n+batch; i++ {
			l.Append(nil, value(i), 10*i)
		}
		l.Commit()
		n += batch
	}
	readers.Wait()
	done()
	workers.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// followLog reads to the end; some readers jump about on the way.
func followLog(t *testing.T, l *Log, records int64, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	c := l.Cursor(0)
	defer c.Close()
	for c.Offset() < records {
		if seed%2 == 1 && r.IntN(50) == 0 {
			c.SkipTo(r.Int64N(l.Next() + 1))
			if _, err := l.OffsetAt(10 * r.Int64N(records)); err != nil {
				t.Errorf("reader %d: %v", seed, err)
				return
			}
		}
		wanted := c.Offset()
		b, err := c.Next()
		var expired *ExpiredError
		switch {
		case errors.Is(err, ErrTail):
			if err := l.Wait(context.Background(), wanted); err != nil {
				t.Errorf("reader %d: %v", seed, err)
				return
			}
			continue
		case errors.As(err, &expired):
			if expired.First <= wanted {
				t.Errorf("reader %d: %v", seed, err)
				return
			}
			c.SkipTo(expired.First)
			continue
		case err != nil:
			t.Errorf("reader %d at %d: %v", seed, wanted, err)
			return
		}
		if b.Base() > wanted || b.Last() < wanted || b.Last() >= l.Synced() {
			t.Errorf("reader %d at %d: the batch %d to %d, synced are %d", seed, wanted, b.Base(), b.Last(), l.Synced())
			return
		}
		n := b.Base()
		for all := b.Records(); ; n++ {
			record, ok := all.Next()
			if !ok {
				break
			}
			if record.Offset != n || !bytes.Equal(record.Value, value(n)) {
				t.Errorf("reader %d: offset %d holds %q", seed, n, record.Value)
				return
			}
		}
	}
}

// What a cursor has pinned stays readable when retention takes the file, and the next thing it hears is that it came too late.
func TestPinnedSegmentOutlivesRemoval(t *testing.T) {
	f := openLog(t, nil, testOptions())
	n := int64(0)
	for f.Segments() < 4 {
		f.addSynced(n, n+20)
		n += 20
	}
	c := f.Cursor(20)
	defer c.Close()
	held, err := c.Next()
	f.must(err)
	if removed, err := f.Retire(f.now + 1); err != nil || removed < 2 {
		t.Fatalf("%d removed, %v", removed, err)
	}
	if _, err := os.Stat(segmentPath(f.dir, 0)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the file is still there: %v", err)
	}
	first := f.First()
	for c.Offset() < held.Last()+100 { // it goes on reading in the segment
		if _, err := c.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if r, ok := func() (Record, bool) { all := held.Records(); return all.Next() }(); !ok || !bytes.Equal(r.Value, value(20)) {
		t.Fatalf("%q", r.Value)
	}
	var expired *ExpiredError
	c.SkipTo(3)
	if _, err := c.Next(); !errors.As(err, &expired) || expired.Wanted != 3 || expired.First != first || expired.Error() == "" {
		t.Fatalf("reading what was retired gave %v", err)
	}
	c.SkipTo(expired.First)
	if b, err := c.Next(); err != nil || b.Base() != first {
		t.Fatalf("%d, %v", b.Base(), err)
	}
	f.must(f.Close())
}

// A cursor that reads a removed segment to its end, while the segments behind it were removed too, is told that it came too late, not
// that records are damaged.
func TestRetiredBehindThePinnedSegment(t *testing.T) {
	f := openLog(t, nil, testOptions())
	n := int64(0)
	for f.Segments() < 5 {
		f.addSynced(n, n+20)
		n += 20
	}
	c := f.Cursor(0)
	defer c.Close()
	_, err := c.Next()
	f.must(err)
	if removed, err := f.Retire(f.now + 1); err != nil || removed < 3 {
		t.Fatalf("%d removed, %v", removed, err)
	}
	var expired *ExpiredError
	for ; err == nil; _, err = c.Next() {
	}
	if !errors.As(err, &expired) || expired.Wanted != c.Offset() || expired.First != f.First() {
		t.Fatalf("behind the pinned segment, at %d: %v", c.Offset(), err)
	}
	if _, err := c.Next(); !errors.As(err, &expired) {
		t.Fatalf("asked again: %v", err)
	}
	c.SkipTo(expired.First)
	if b, err := c.Next(); err != nil || b.Base() != f.First() {
		t.Fatalf("%d, %v", b.Base(), err)
	}
	f.must(f.Close())
}

func TestWait(t *testing.T) {
	for _, readSynced := range []bool{true, false} {
		o := testOptions()
		o.ReadSynced = readSynced
		f := openLog(t, nil, o)
		woken := make(chan error, 1)
		go func() { woken <- f.Wait(context.Background(), 2) }()
		f.add(0, 2)
		f.must(f.Sync())
		select {
		case err := <-woken:
			t.Fatalf("woken for an offset that is not there: %v", err)
		default:
		}
		f.add(2, 3)
		f.must(f.Sync())
		f.must(<-woken)
		f.must(f.Wait(context.Background(), 0))

		cancelled, cancel := context.WithCancel(context.Background())
		go func() { woken <- f.Wait(cancelled, 3) }()
		cancel()
		if err := <-woken; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		bounded, done := context.WithTimeout(context.Background(), 10*time.Second)
		defer done()
		go func() { woken <- f.Wait(bounded, 3) }()
		for asleep := false; !asleep; runtime.Gosched() {
			f.waiterMu.Lock()
			asleep = f.changed != nil
			f.waiterMu.Unlock()
		}
		f.must(f.Close())
		if err := <-woken; !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
		if n := f.waiting.Load(); n != 0 {
			t.Fatalf("nobody waits, and %d are counted", n)
		}
		c := f.Cursor(0)
		if _, err := c.Next(); !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	}
}

// A disk that takes pages away under a mapping costs the records on them, not the process.
func TestPagesTakenAway(t *testing.T) {
	f := openLog(t, nil, testOptions())
	n := int64(0)
	for f.Segments() < 3 {
		f.addSynced(n, n+20)
		n += 20
	}
	second := f.list()[1].base
	c := f.Cursor(0)
	defer c.Close()
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
	}
	f.must(os.Truncate(segmentPath(f.dir, 0), 2*pageBytes))
	var corrupt *CorruptError
	for {
		_, err := c.Next()
		if errors.As(err, &corrupt) {
			break
		}
		f.must(err)
	}
	if corrupt.Next != second || corrupt.Position > 2*pageBytes || corrupt.First == 0 || corrupt.Error() == "" {
		t.Fatalf("%v", corrupt)
	}
	if b, err := c.Next(); err != nil || b.Base() != second {
		t.Fatalf("%d, %v", b.Base(), err)
	}
	f.must(f.Close())
}
