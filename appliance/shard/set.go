package shard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"penstock/segstore"
	"penstock/segstore/disk"
	"penstock/wire"
)

// Options says how the set is kept.
type Options struct {
	Dir            string // the data directory; topics live in Dir/topics
	Shards         int    // writers, and shards of a new topic; 0 = number of cores
	SegmentBytes   int64  // how large a segment grows; 0 = 256 MiB
	RingBytes      int    // a writer's ring, a power of two; 0 = 16 MiB
	Retention      time.Duration
	RetentionBytes int64                   // all topics together; 0 = no bound
	Caps           map[string]int64        // by topic: the most bytes its logs keep together
	ResidentBytes  int64                   // of memory that logs have together for what was written last; 0 = a segment's worth each
	MinFreeBytes   int64                   // free disk below which the oldest segments go early; 0 = the lesser of 1 GiB and 5 % of the disk
	MaxTopics      int                     // 0 = 1000
	Ack            Ack                     // the default policy; with AckDisk readers see only what is on disk
	Pack           bool                    // samples that are laid as they are parsed are compressed: see segstore/pack
	Pin            []int                   // a CPU for each writer; empty = not pinned
	RepeatBytes    int64                   // memory for the IDs of records; 0 = repeats are stored as any record
	RepeatWindow   time.Duration           // how long an ID is remembered; 0 = Retention
	Seed           func() (uint64, error)  // makes the seed of the routing hash at the first start; nil = at random
	Spooled        func(topic string) bool // whether a cluster keeps a topic; nil = none
	Changed        func()                  // called when a topic came or went; it must not block
	Disk           disk.Disk               // nil = the real one
	Times          Times                   // zero = the machine's
	Logger         *slog.Logger

	openers    int // topics recovered at a time; 0 = 8, enough to keep a disk busy
	apartLeast int // bytes of a share that is laid apart; 0 = apartLeast
}

// Set is all topics, their logs, and the goroutines that keep them. Anyone may call its methods.
type Set struct {
	o     Options
	disk  disk.Disk
	seed  uint64 // of the routing hash
	clock *clock

	writers []*writer
	keeper  *keeper
	waits   waitTable
	drafts  segstore.Drafts
	repeats *repeats // nil: none are told

	topics   atomic.Pointer[topicMap]    // immutable; replaced under mu
	logs     atomic.Pointer[[]*logState] // immutable; by index, only ever grows
	sick     map[string]sickTopic        // under mu
	sickness atomic.Pointer[error]       // what Ready says of them; nil when there is none
	mu       sync.Mutex

	ticketMu sync.Mutex
	tickets  []*Ticket

	moving    bool        // the goroutines were started; else whoever built the set does their work
	spools    atomic.Bool // a cluster keeps a topic, or did
	closing   atomic.Bool
	closeOnce sync.Once
	closeErr  error

	dirty                    atomic.Int32  // logs that wait for a sync
	resident                 atomic.Int64  // what each log keeps in memory now: see shareMemory
	turn                     atomic.Uint32 // the shard, modulo their number, that records without a key go to
	refusedBusy, refusedFull atomic.Uint64
}

// Open opens the set and recovers all logs of the data directory.
func Open(o Options) (*Set, error) {
	s, err := build(o)
	if err != nil {
		return nil, err
	}
	s.start()
	return s, nil
}

// build is Open as far as one goroutine does it: everything is there and nothing moves yet.
func build(o Options) (*Set, error) {
	o = o.withDefaults()
	s := &Set{o: o, disk: o.Disk, sick: map[string]sickTopic{}}
	s.resident.Store(o.ResidentBytes)
	s.topics.Store(&topicMap{})
	s.logs.Store(&[]*logState{})
	for _, dir := range []string{o.Dir, s.topicsDir()} {
		if err := s.disk.MakeDir(dir); err != nil {
			return nil, err
		}
	}
	var err error
	if s.seed, err = routingSeed(s.disk, o.Dir, o.Seed); err != nil {
		return nil, err
	}
	if s.clock, err = openClock(s.disk, filepath.Join(o.Dir, "clock"), o.Times); err != nil {
		return nil, err
	}
	if err := s.syncDirs(); err != nil {
		return nil, err
	}
	for range o.Shards {
		w, err := newWriter(s, o.RingBytes)
		if err != nil {
			return nil, err
		}
		s.writers = append(s.writers, w)
	}
	s.keeper = newKeeper(s)
	if err := s.openTopics(); err != nil {
		return nil, err
	}
	s.repeats = newRepeats(o.RepeatBytes, o.RepeatWindow.Milliseconds(), s.listedBefore)
	s.learnIDs(*s.logs.Load())
	return s, nil
}

// syncDirs puts the names on disk of the directories that everything is in: at every start, since the one that made them may have been
// killed before. A parent that we may not read was made by somebody else, long ago.
func (s *Set) syncDirs() error {
	if err := s.disk.SyncDir(filepath.Dir(s.o.Dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return s.disk.SyncDir(s.o.Dir)
}

// start starts the goroutines.
func (s *Set) start() {
	s.moving = true
	for i, w := range s.writers {
		cpu := -1
		if pin := s.o.Pin; len(pin) > 0 {
			cpu = pin[i%len(pin)]
		}
		go w.run(cpu)
		go w.syncer.run()
	}
	go s.keeper.run()
}

func (o Options) withDefaults() Options {
	if o.Shards == 0 {
		o.Shards = runtime.GOMAXPROCS(0)
	}
	if o.RingBytes == 0 {
		o.RingBytes = 16 << 20
	}
	if o.Retention == 0 {
		o.Retention = 24 * time.Hour
	}
	if o.ResidentBytes == 0 {
		o.ResidentBytes = math.MaxInt64
	}
	if o.RepeatWindow == 0 {
		o.RepeatWindow = o.Retention
	}
	if o.MaxTopics == 0 {
		o.MaxTopics = 1000
	}
	if o.Disk == nil {
		o.Disk = disk.OS{}
	}
	if o.Times.Wall == nil {
		o.Times = machineTimes()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.openers == 0 {
		o.openers = 8
	}
	if o.apartLeast == 0 {
		o.apartLeast = apartLeast
	}
	return o
}

// openTopics recovers every topic there is.
func (s *Set) openTopics() error {
	shards, err := s.findTopics()
	if err != nil {
		return err
	}
	names := sortedKeys(shards)
	topics := make([]*Topic, len(names))
	errs := make([]error, len(names))
	var next atomic.Int64
	var all sync.WaitGroup
	open := func() {
		for i := next.Add(1) - 1; i < int64(len(names)); i = next.Add(1) - 1 {
			topics[i], errs[i] = s.openTopic(names[i], shards[names[i]])
		}
	}
	for range s.o.openers - 1 {
		all.Go(open)
	}
	open()
	all.Wait()
	return s.opened(names, shards, topics, errs)
}

// findTopics reads from the directories' names which topics there are and how many shards each has.
func (s *Set) findTopics() (map[string]int, error) {
	dirs, err := s.disk.Dirs(s.topicsDir())
	if err != nil {
		return nil, err
	}
	shards := map[string]int{}
	for _, dir := range dirs {
		i := strings.LastIndexByte(dir, '-')
		if i < 0 {
			continue
		}
		name := dir[:i]
		n, err := strconv.Atoi(dir[i+1:])
		if err != nil || n < 0 || n >= ShardsMax || !wire.ValidTopic(name) {
			s.o.Logger.Warn("a directory in the topics folder is no shard of a topic: left alone", "name", dir)
			continue
		}
		shards[name] = max(shards[name], n+1)
	}
	return shards, nil
}

// logOptions is how a shard's log is kept. A capped topic has segments small enough for the cap to be kept to.
func (s *Set) logOptions(l *logState) segstore.Options {
	segment := s.o.SegmentBytes
	if limit := s.o.Caps[l.topic.name]; limit > 0 {
		segment = min(cmp.Or(segment, limit), max(limit/capSegments, capSegmentMin))
	}
	return segstore.Options{
		SegmentBytes: segment,
		ReadSynced:   s.o.Ack == AckDisk,
		Resident:     s.resident.Load,
		Stages:       &l.writer.stages,
		Disk:         s.disk,
		Now:          s.clock.now,
		Background:   func() { s.keeper.want(l) },
		Report:       s.report,
		GaveUp:       s.forgetID,
	}
}

// report tells the operator what a log found wrong.
func (s *Set) report(f segstore.Finding) {
	level := slog.LevelWarn
	if f.Acknowledged() || f.Kind == segstore.SyncFailed {
		level = slog.LevelError
	}
	s.o.Logger.Log(context.Background(), level, f.Kind.String(), "file", f.Path, "byte", f.Position, "bytes", f.Bytes,
		"first", f.First, "next", f.Next, "what", f.Text)
}

// Ready says whether the set takes records: nil, or why not.
func (s *Set) Ready() error {
	if s.closing.Load() {
		return ErrClosing
	}
	if err := s.sickness.Load(); err != nil {
		return *err
	}
	for _, l := range *s.logs.Load() {
		if err := l.log.Trouble(); err != nil {
			return fmt.Errorf("topic %s, shard %d takes no records: %w", l.topic.name, l.shard, diskFault(err))
		}
	}
	return nil
}

// Closing is whether Close was called.
func (s *Set) Closing() bool { return s.closing.Load() }

// Close stops taking batches, lets the writers empty their rings, syncs, and closes the logs. When the context ends first it gives
// up waiting: what is acknowledged is safe all the same, recovery then has more to do.
func (s *Set) Close(ctx context.Context) error {
	s.closeOnce.Do(func() { s.closeErr = s.close(ctx) })
	return s.closeErr
}

func (s *Set) close(ctx context.Context) error {
	s.closing.Store(true)
	s.mu.Lock() // a topic being made or deleted is finished first
	defer s.mu.Unlock()
	if err := s.quiet(ctx); err != nil {
		return err
	}
	for _, step := range []func(w *writer) (stop, ended chan struct{}){
		func(w *writer) (stop, ended chan struct{}) { return w.stop, w.ended },
		func(w *writer) (stop, ended chan struct{}) { return w.syncer.stop, w.syncer.ended },
	} {
		for _, w := range s.writers {
			stop, _ := step(w)
			close(stop)
		}
		for _, w := range s.writers {
			_, ended := step(w)
			if err := await(ctx, ended); err != nil {
				return err
			}
		}
	}
	close(s.keeper.stop)
	if err := await(ctx, s.keeper.ended); err != nil {
		return err
	}
	return errors.Join(s.closeLogs(), s.clock.close())
}

// quiet waits until no Offer is under way. Those that begin later see closing and turn back.
func (s *Set) quiet(ctx context.Context) error {
	s.ticketMu.Lock()
	tickets := append([]*Ticket(nil), s.tickets...)
	s.ticketMu.Unlock()
	for _, t := range tickets {
		for t.busy.Load() {
			select {
			case <-ctx.Done():
				return fmt.Errorf("requests were still being taken: %w", ctx.Err())
			case <-time.After(time.Millisecond):
			}
		}
	}
	return nil
}

func await(ctx context.Context, ended chan struct{}) error {
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the logs could not be closed in time: %w", ctx.Err())
	}
}

func (s *Set) closeLogs() error {
	var errs []error
	for _, l := range *s.logs.Load() {
		if !l.closed {
			errs = append(errs, l.close())
		}
	}
	return errors.Join(errs...)
}

func sortedKeys[V any, M ~map[string]V](m M) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
