package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"penstock/segstore"
	"penstock/segstore/disk"
	"penstock/wire"
)

// patient is a set on a sick disk, what it has acknowledged, and what it has said that it gave up. Time stands still in it unless
// everybody sleeps.
type patient struct {
	t     *testing.T
	disk  *sickDisk
	dir   string
	set   *Set
	acked map[string]string // by place, "sick/0@17": the value

	notOpened int // starts that the illness kept from succeeding

	mu      sync.Mutex
	givenUp []givenUp
	unsure  bool // something given up could not be cut off for sure
}

// givenUp are offsets of a log.
type givenUp struct {
	log         string // "sick-0"
	first, next int64
}

func newPatient(t *testing.T, i illness) *patient {
	p := &patient{t: t, disk: newSickDisk(i), dir: filepath.Join(quickDir(t), "data"), acked: map[string]string{}}
	t.Cleanup(func() { // a failed test's goroutines end, too
		if p.set != nil {
			_ = p.set.Close(context.Background())
		}
	})
	return p
}

// quickDir is a directory in memory if there is one: nothing here hangs on a real disk.
func quickDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "penstock-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// kept is how long a patient keeps records.
const kept = 10 * time.Second

// open opens a set on a directory. Its clock is the bubble's.
func (p *patient) open(dir string, d disk.Disk) (*Set, error) {
	now := func() int64 { return time.Now().UnixMilli() }
	return Open(Options{Dir: dir, Shards: 2, SegmentBytes: segstore.SegmentBytesMin, RingBytes: 64 << 10, Retention: kept, Disk: d,
		Times: Times{Wall: now, Boot: now, Name: "boot"}, Logger: slog.New(p)})
}

// Handle implements slog.Handler: it notes what logs give up.
func (p *patient) Handle(_ context.Context, r slog.Record) error {
	if r.Message != segstore.GivenUp.String() {
		return nil
	}
	g := givenUp{}
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "file":
			g.log = filepath.Base(filepath.Dir(a.Value.String()))
		case "first":
			g.first = a.Value.Int64()
		case "next":
			g.next = a.Value.Int64()
		}
		return true
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.givenUp = append(p.givenUp, g)
	p.unsure = p.unsure || g.first == g.next
	return nil
}

func (p *patient) Enabled(context.Context, slog.Level) bool { return true }
func (p *patient) WithAttrs([]slog.Attr) slog.Handler       { return p }
func (p *patient) WithGroup(string) slog.Handler            { return p }

// send has a client offer requests to a topic, each with a record for either shard, and notes what was acknowledged as on disk.
// It returns the errors of those that were refused. None may be left without an answer.
func (p *patient) send(topic, client string, requests, bytes int) (refusals []error) {
	k := p.set.NewTicket()
	fill := strings.Repeat("x", bytes)
	for i := range requests {
		b := batchOf(fmt.Sprintf("%s - %s %d a %s", topic, client, i, fill), fmt.Sprintf("%s - %s %d b %s", topic, client, i, fill))
		for shard := range b.Records {
			b.Records[shard].Key = keyFor(k, shard)
		}
		if err := p.sendOne(k, b); err != nil {
			refusals = append(refusals, err)
			if errors.Is(err, ErrTimeout) || errors.Is(err, ErrBusy) {
				p.t.Errorf("%v: a client of %s got %v", p.disk.illness, topic, err)
			}
		}
	}
	return refusals
}

// sendOne offers one request and waits for the disk. What is acknowledged must be below what the log calls synced.
func (p *patient) sendOne(k *Ticket, b *wire.Batch) error {
	if err := p.set.Offer(b, k, AckDisk); err != nil {
		return err
	}
	if err := k.Wait(AckTimeout); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for place := range strings.SplitSeq(string(k.AppendPosition(nil)), ", ") {
		place, _, _ = strings.Cut(place, "-")
		var shard int
		var offset int64
		name := string(b.Records[0].Topic)
		if n, err := fmt.Sscanf(place, name+"/%d@%d", &shard, &offset); n != 2 {
			p.t.Errorf("an acknowledgement names %q: %v", place, err)
		}
		topic, _ := p.set.Topic(name)
		if synced := topic.Logs()[shard].Synced(); offset >= synced {
			p.t.Errorf("%s was acknowledged with %d synced", place, synced)
		}
		p.acked[place] = string(b.Records[shard].Value)
	}
	return nil
}

// serves wants the sick topic to take records again within five seconds of the disk being well.
func (p *patient) serves() {
	p.t.Helper()
	var refusals []error
	for range 100 {
		p.disk.heal()
		if refusals = p.send("sick", "again", 1, 10); len(refusals) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("%v: the disk is well again, and the topic is not: %v", p.disk.illness, refusals)
}

// live is a patient's life: two clients at work on the topic that the illness is about, and on another; retention; a stop and a start.
// A kill and a power cut in the middle of it, and the stop at its end, must leave what was acknowledged.
func (p *patient) live() {
	p.t.Helper()
	var err error
	if p.set, err = p.open(p.dir, p.disk); err != nil {
		p.t.Fatal(err)
	}
	p.work("early", 20)
	p.serves()
	time.Sleep(kept + kept/2)
	p.work("late", 5)
	p.serves()
	p.copies()
	p.close()
	if p.set, err = p.open(p.dir, p.disk); err != nil {
		p.notOpened++
		if !p.disk.heal() {
			p.t.Fatal(err)
		}
		if p.set, err = p.open(p.dir, p.disk); err != nil {
			p.t.Fatalf("%v: the disk is well again, and the set does not open: %v", p.disk.illness, err)
		}
	}
	p.serves()
	p.close()
	p.check(p.dir, "after a stop")
}

// copies checks what a kill and a power cut would leave of a set whose clients are quiet.
func (p *patient) copies() {
	p.t.Helper()
	synctest.Wait()
	killed, cut := p.dir+"-killed", p.dir+"-cut"
	p.disk.copyTo(p.t, p.dir, killed, false)
	p.check(killed, "after a kill")
	p.disk.copyTo(p.t, p.dir, cut, true)
	p.check(cut, "after a power cut")
}

// work has clients send to both topics at once. Nothing may go wrong with the one whose disk is well.
func (p *patient) work(client string, requests int) {
	p.t.Helper()
	var all sync.WaitGroup
	all.Go(func() { p.send("sick", client, requests, 4<<10) })
	all.Go(func() {
		if refusals := p.send("well", client, requests, 1<<10); len(refusals) > 0 {
			p.t.Errorf("%v: the other topic's client was refused: %v", p.disk.illness, refusals)
		}
	})
	all.Wait()
}

func (p *patient) close() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.set.Close(ctx); err != nil && !p.disk.heal() {
		p.t.Fatal(err)
	}
}

// check opens a directory on a disk that is well: everything acknowledged is there as long as retention leaves it, and nothing
// that was given up.
func (p *patient) check(dir, when string) {
	p.t.Helper()
	s, err := p.open(dir, disk.OS{})
	if err != nil {
		p.t.Fatalf("%v, %s: %v", p.disk.illness, when, err)
	}
	defer closeSet(p.t, s)
	there, first := contents(p.t, s)
	for _, place := range slices.Sorted(maps.Keys(p.acked)) {
		value := p.acked[place]
		log, offset := splitPlace(place)
		retired := offset < first[log] && !strings.HasPrefix(value, "late")
		if got, ok := there[place]; got != value && (ok || !retired) {
			p.t.Fatalf("%v, %s: %s was acknowledged as %.20q and is %.20q; the log begins at %d", p.disk.illness, when, place, value, got, first[log])
		}
	}
	for _, g := range p.givenUp {
		for place := range there {
			if log, offset := splitPlace(place); log == g.log && offset >= g.first && offset < g.next && !p.unsure {
				p.t.Fatalf("%v, %s: %s was given up and is back", p.disk.illness, when, place)
			}
		}
	}
}

// splitPlace gives the name of a place's log, and its offset.
func splitPlace(place string) (log string, offset int64) {
	log, number, _ := strings.Cut(strings.Replace(place, "/", "-", 1), "@")
	_, _ = fmt.Sscan(number, &offset)
	return log, offset
}

// contents reads all records by their place, and where the logs begin.
func contents(t *testing.T, s *Set) (there map[string]string, first map[string]int64) {
	t.Helper()
	there, first = map[string]string{}, map[string]int64{}
	for _, name := range s.Topics() {
		topic, _ := s.Topic(name)
		for shard, l := range topic.Logs() {
			first[fmt.Sprintf("%s-%d", name, shard)] = l.First()
			c := l.Cursor(l.First())
			for {
				b, err := c.Next()
				var corrupt *segstore.CorruptError
				if errors.As(err, &corrupt) {
					continue // given up
				}
				if err != nil {
					break
				}
				records := b.Records()
				for r, ok := records.Next(); ok; r, ok = records.Next() {
					there[fmt.Sprintf("%s/%d@%d", name, shard, r.Offset)] = string(r.Value)
				}
			}
			c.Close()
		}
	}
	return there, first
}
