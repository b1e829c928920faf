package segstore

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"penstock/segstore/disk"
)

// A thousand cursors on a log that retention takes away under them in fractions of a second: those that keep up miss nothing, those that
// don't are told so, with the first offset that is kept, and all of them read what was written. When the last of those that stand still has
// left, the disk has back what they held, and no file or mapping is open that should not be. PENSTOCK_TAILED is how many records there are.
func TestRetentionUnderTailers(t *testing.T) {
	const seed = 20261126
	followers, sleepers, holders, records := 20, 930, 50, int64(50_000)
	if testing.Short() {
		followers, sleepers, holders, records = 5, 175, 20, 15_000
	}
	if n, err := strconv.ParseInt(os.Getenv("PENSTOCK_TAILED"), 10, 64); err == nil {
		records = n
	}
	p := newPond(t, records)
	t.Logf("seed %d", seed)
	var readers, holding sync.WaitGroup
	for i := range followers + sleepers {
		pause := time.Duration(0)
		if i >= followers {
			pause = 200 * time.Millisecond
		}
		readers.Go(func() { p.tail(rand.New(rand.NewPCG(seed, uint64(i))), pause) })
	}
	release := make(chan struct{})
	for i := range holders {
		holding.Go(func() { p.hold(rand.New(rand.NewPCG(seed, uint64(-i))), release) })
	}
	p.write()
	readers.Wait()
	p.drain()
	held, mapped := p.Held(), len(p.open("/proc/self/maps"))
	if held == 0 || p.expired.Load() == 0 || p.followed.Load() < int64(followers)*records/10 {
		t.Errorf("the run shows nothing: %d bytes held, %d times expired, %d records followed", held, p.expired.Load(), p.followed.Load())
	}
	if p.du() > p.Size()+8*SegmentBytesMin {
		t.Errorf("%d bytes of disk for %d that are kept", p.du(), p.Size())
	}
	close(release)
	holding.Wait()
	t.Logf("%d records read, %d times told that they are gone, %d segments removed; %d bytes held by %d mappings before the last reader left",
		p.read.Load(), p.expired.Load(), p.removed.Load(), held, mapped)
	if held := p.Held(); held != 0 {
		t.Errorf("%d bytes are held by nobody", held)
	}
	p.stop()
	// The active segment and a spare are mapped and open, the checkpoint is open.
	if maps := p.open("/proc/self/maps"); len(maps) > 2 {
		t.Errorf("mapped are %v", maps)
	}
	if files := p.open("/proc/self/fd"); len(files) > 3 {
		t.Errorf("open are %v", files)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if maps, files := p.open("/proc/self/maps"), p.open("/proc/self/fd"); len(maps)+len(files) > 0 {
		t.Errorf("closed, and mapped are %v, open %v", maps, files)
	}
}

// pond is a log with goroutines that write, sync and retire.
type pond struct {
	*Log
	t       *testing.T
	dir     string
	records int64
	tasks   chan func() // for the writer
	done    context.CancelFunc
	workers sync.WaitGroup

	read, followed, expired, removed atomic.Int64
}

const (
	pondAge  = 150 * time.Millisecond // how long records are kept
	patience = 10 * time.Minute       // with a log that is not there yet
)

func newPond(t *testing.T, records int64) *pond {
	p := &pond{t: t, dir: filepath.Join(t.TempDir(), "pond-0"), records: records, tasks: make(chan func(), 1)}
	began := time.Now()
	now := func() int64 { return int64(time.Since(began) / time.Millisecond) }
	wake := make(chan struct{}, 1)
	var err error
	p.Log, err = Open(p.dir, Options{SegmentBytes: SegmentBytesMin, ReadSynced: true, Now: now, Report: func(f Finding) { t.Error(f) },
		Background: func() {
			select {
			case wake <- struct{}{}:
			default:
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, done := context.WithCancel(context.Background())
	p.done = done
	p.workers.Go(func() { // the syncer
		for ; ctx.Err() == nil; time.Sleep(200 * time.Microsecond) {
			if err := p.Sync(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	p.workers.Go(func() { // the keeper
		for ctx.Err() == nil {
			select {
			case <-wake:
			case <-time.After(time.Millisecond):
			}
			removed, err := p.Retire(now() - pondAge.Milliseconds())
			p.removed.Add(int64(removed))
			if err := errors.Join(err, p.Background()); err != nil && !p.Full() {
				t.Error(err)
			}
		}
	})
	return p
}

// write writes the records, a few at a time.
func (p *pond) write() {
	for n := int64(0); n < p.records; {
		batch := min(1+n%90, p.records-n)
		for {
			err := p.Reserve(batch * (400 + RecordOverhead))
			if err == nil {
				break
			}
			if !errors.Is(err, ErrFull) {
				p.t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		for i := n; i < n+batch; i++ {
			p.Append(nil, value(i), 10*i)
		}
		p.Commit()
		n += batch
		time.Sleep(100 * time.Microsecond)
	}
}

// drain has all of the records expire.
func (p *pond) drain() {
	p.t.Helper()
	for range 5000 {
		if p.First() == p.records && p.Segments() == 1 {
			return
		}
		if err := p.RollOlder(1 << 40); err != nil {
			p.t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	p.t.Fatalf("the log begins at %d and has %d segments", p.First(), p.Segments())
}

func (p *pond) stop() {
	p.done()
	p.workers.Wait()
}

// tail reads to the end, with pauses.
func (p *pond) tail(r *rand.Rand, pause time.Duration) {
	c := p.Cursor(r.Int64N(p.records))
	if pause == 0 {
		c.SkipTo(0)
	}
	defer c.Close()
	for c.Offset() < p.records {
		n, ok := p.step(c)
		if !ok {
			return
		}
		if pause == 0 {
			p.followed.Add(n)
		} else {
			time.Sleep(time.Duration(r.Int64N(int64(pause))))
		}
	}
}

// step reads a batch, and says how many records were in it; ok is false when something was wrong.
func (p *pond) step(c *Cursor) (read int64, ok bool) {
	wanted := c.Offset()
	b, err := c.Next()
	var expired *ExpiredError
	switch {
	case errors.Is(err, ErrTail):
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.Wait(ctx, wanted); err != nil {
			p.t.Errorf("waiting for %d: %v", wanted, err)
			return 0, false
		}
		return 0, true
	case errors.As(err, &expired):
		p.expired.Add(1)
		if first := p.First(); expired.Wanted != wanted || expired.First <= wanted || expired.First > first {
			p.t.Errorf("at %d, with the log beginning at %d: %v", wanted, first, err)
			return 0, false
		}
		c.SkipTo(expired.First)
		return 0, true
	case err != nil:
		p.t.Errorf("at %d: %v", wanted, err)
		return 0, false
	}
	if b.Base() > wanted || b.Last() < wanted {
		p.t.Errorf("at %d: the batch %d to %d", wanted, b.Base(), b.Last())
		return 0, false
	}
	return p.check(b)
}

// check compares a batch's records with what was written.
func (p *pond) check(b Batch) (read int64, ok bool) {
	n := b.Base()
	for all := b.Records(); ; n++ {
		record, more := all.Next()
		if !more {
			break
		}
		if record.Offset != n || record.Time != 10*n || !bytes.Equal(record.Value, value(n)) {
			p.t.Errorf("offset %d holds %q of %d", n, record.Value, record.Time)
			return 0, false
		}
	}
	if n != b.Last()+1 {
		p.t.Errorf("the batch %d to %d ended at %d", b.Base(), b.Last(), n)
		return 0, false
	}
	p.read.Add(n - b.Base())
	return n - b.Base(), true
}

// hold reads a batch somewhere on the way and keeps it, whatever becomes of its segment.
func (p *pond) hold(r *rand.Rand, release chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := p.Cursor(r.Int64N(p.records * 3 / 4))
	defer c.Close()
	for c.Offset() < p.records {
		if err := p.Wait(ctx, c.Offset()); err != nil {
			p.t.Error(err)
			return
		}
		b, err := c.Next()
		var expired *ExpiredError
		switch {
		case errors.As(err, &expired):
			c.SkipTo(expired.First)
		case err != nil:
			p.t.Errorf("holding %d: %v", c.Offset(), err)
			return
		default:
			p.check(b)
			<-release
			p.check(b)
			return
		}
	}
}

// du is the disk that the log's files take.
func (p *pond) du() (sum int64) {
	p.t.Helper()
	names, err := disk.OS{}.ReadDir(p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, name := range names {
		var st syscall.Stat_t
		if err := syscall.Stat(filepath.Join(p.dir, name), &st); err == nil { // else it was a spare
			sum += st.Blocks * 512
		}
	}
	return sum
}

// open lists the log's files that the process has open, or mapped.
func (p *pond) open(proc string) (all []string) {
	p.t.Helper()
	if strings.HasSuffix(proc, "maps") {
		text, err := os.ReadFile(proc)
		if err != nil {
			p.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if at := strings.Index(line, p.dir); at >= 0 {
				all = append(all, strings.TrimSpace(line[at:]))
			}
		}
		return all
	}
	files, err := os.ReadDir(proc)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, f := range files {
		if to, err := os.Readlink(filepath.Join(proc, f.Name())); err == nil && strings.HasPrefix(to, p.dir) {
			all = append(all, to)
		}
	}
	return all
}
