package shard

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"penstock/segstore"
	"penstock/wire"
)

// Topic is a named stream of records in a fixed number of shards.
type Topic struct {
	name      string
	nameBytes []byte
	logs      []*logState
}

// Name is the topic's name.
func (t *Topic) Name() string { return t.name }

// Logs are the topic's logs, by shard.
func (t *Topic) Logs() []*segstore.Log {
	logs := make([]*segstore.Log, len(t.logs))
	for i, l := range t.logs {
		logs[i] = l.log
	}
	return logs
}

// logState is one shard of a topic: its log, and what its writer, its syncer and the keeper need to know of it.
type logState struct {
	index  uint32 // in Set.logs
	topic  *Topic
	shard  int
	log    *segstore.Log
	writer *writer

	// Under the writer's helm.
	touched bool
	fresh   []entry // laid since the last commit

	// Between writer and syncer.
	mu      sync.Mutex
	waiting []entry // laid, not yet asked to be synced
	dirty   bool    // in the syncer's list

	syncing []entry // the syncer's: what it is about to acknowledge

	life     sync.Mutex // held by the syncer and the keeper while they work on the log, and to close it
	closed   bool       // under life
	closedBy error      // the last sync's, when closed
	queued   atomic.Bool
	looked   int64 // the keeper's: offset behind the last record when it last looked

	acked atomic.Int64          // offset behind the last record acknowledged in this run, in the log or on disk
	spool atomic.Pointer[Spool] // nil: no cluster keeps the topic
}

// entry is a request's part that waits for a log.
type entry struct {
	ticket     uint32
	part       uint32
	ack        Ack
	generation int64
	next       int64 // offset behind its last record
}

type topicMap map[string]*Topic

// Topics lists the topics by name, sorted.
func (s *Set) Topics() []string { return sortedKeys(*s.topics.Load()) }

// Topic finds a topic.
func (s *Set) Topic(name string) (*Topic, bool) {
	t, ok := (*s.topics.Load())[name]
	return t, ok
}

// topicFor finds a record's topic, making it on first use.
func (s *Set) topicFor(name []byte) (*Topic, error) {
	if t, ok := (*s.topics.Load())[string(name)]; ok {
		return t, nil
	}
	err := s.CreateTopic(string(name), 0)
	if err != nil && !errors.Is(err, ErrExists) {
		return nil, err
	}
	if t, ok := s.Topic(string(name)); ok {
		return t, nil
	}
	return nil, ErrUnknownTopic // deleted this very moment
}

// CreateTopic makes a topic with that many shards; 0 means the set's own number. When it returns nil the topic survives a crash.
// Errors: ErrExists, ErrTopics, ErrClosing, ErrFull, a bad name or number, or what the disk said.
func (s *Set) CreateTopic(name string, shards int) error {
	if shards == 0 {
		shards = s.o.Shards
	}
	if !wire.ValidTopic(name) {
		return fmt.Errorf("%q can't be a topic: %s", name, wire.BadTopic.Text())
	}
	if shards < 1 || shards > ShardsMax {
		return fmt.Errorf("a topic has 1 to %d shards, not %d", ShardsMax, shards)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return ErrClosing
	}
	if _, ok := s.Topic(name); ok {
		return ErrExists
	}
	if err := s.whySick(name); err != nil {
		return err
	}
	if len(*s.topics.Load()) >= s.o.MaxTopics {
		return ErrTopics
	}
	if err := s.makeShardDirs(name, shards); err != nil {
		return err
	}
	t, err := s.openTopic(name, shards)
	if err != nil {
		return err
	}
	s.addTopic(t)
	return nil
}

// ShardsMax is the most shards a topic may have.
const ShardsMax = 1024

// makeShardDirs makes a topic's directories, the highest shard first. The number of shards is the highest directory plus one, so
// a crash in between can't make the topic smaller, which would send its keys elsewhere.
func (s *Set) makeShardDirs(name string, shards int) error {
	for i := shards - 1; i >= 0; i-- {
		if err := s.disk.MakeDir(s.shardDir(name, i)); err != nil {
			return errors.Join(diskFault(err), s.disk.Remove(s.shardDir(name, shards-1)))
		}
		if i == shards-1 || i == 0 {
			if err := s.disk.SyncDir(s.topicsDir()); err != nil {
				return diskFault(err)
			}
		}
	}
	return nil
}

func (s *Set) topicsDir() string { return filepath.Join(s.o.Dir, "topics") }

func (s *Set) shardDir(topic string, shard int) string {
	return filepath.Join(s.topicsDir(), topic+"-"+strconv.Itoa(shard))
}

// openTopic opens all logs of a topic.
func (s *Set) openTopic(name string, shards int) (*Topic, error) {
	t := &Topic{name: name, nameBytes: []byte(name)}
	for i := range shards {
		l := &logState{topic: t, shard: i, writer: s.writers[i%len(s.writers)]}
		var err error
		if l.log, err = segstore.Open(s.shardDir(name, i), s.logOptions(l)); err != nil {
			for _, l := range t.logs {
				err = errors.Join(err, l.log.Close())
			}
			return nil, fmt.Errorf("topic %s, shard %d: %w", name, i, diskFault(err))
		}
		l.looked = l.log.Written()
		t.logs = append(t.logs, l)
	}
	t.Spool(s.o.Spooled != nil && s.o.Spooled(name))
	return t, nil
}

// diskFault tells a full disk from other trouble.
func diskFault(err error) error {
	if errors.Is(err, segstore.ErrFull) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// addTopic makes a topic known. The caller holds mu, or nobody else is there yet.
func (s *Set) addTopic(t *Topic) {
	logs := append([]*logState(nil), *s.logs.Load()...)
	for _, l := range t.logs {
		l.index = uint32(len(logs))
		logs = append(logs, l)
	}
	s.logs.Store(&logs)
	topics := topicMap{}
	for name, other := range *s.topics.Load() {
		topics[name] = other
	}
	topics[t.name] = t
	s.topics.Store(&topics)
	s.changed()
}

// DeleteTopic removes a topic and all its records. Requests under way for it are answered with an error. ErrUnknownTopic when there
// is none.
func (s *Set) DeleteTopic(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return ErrClosing
	}
	t, ok := s.Topic(name)
	if !ok {
		return ErrUnknownTopic
	}
	s.dropTopic(t)
	var errs []error
	for _, l := range t.logs { // the highest shard last: until it is gone, a crash leaves the topic with its number of shards
		closed := make(chan error, 1)
		l.writer.do(func() { closed <- l.close() })
		errs = append(errs, <-closed, s.removeLog(l))
	}
	return errors.Join(errs...)
}

// dropTopic makes a topic unknown. The caller holds mu.
func (s *Set) dropTopic(t *Topic) {
	topics := topicMap{}
	for name, other := range *s.topics.Load() {
		if other != t {
			topics[name] = other
		}
	}
	s.topics.Store(&topics)
	s.changed()
}

// changed tells who wants to know that there is another topic, or one less.
func (s *Set) changed() {
	if s.o.Changed != nil {
		s.o.Changed()
	}
}

// removeLog removes what is left of a closed log. Its records, sent again, are to be stored, those that retention had taken before, too,
// and no ID says whose it is. So all are forgotten that no file has: a repeat of what is in a growing segment may then be stored twice.
func (s *Set) removeLog(l *logState) error {
	if s.repeats != nil {
		s.repeats.forgetAll()
	}
	return segstore.Remove(s.disk, l.log.Dir())
}

// close ends a log's life, on its writer's goroutine: what waits for it is told the truth about it.
func (l *logState) close() error {
	l.writer.commit()
	l.life.Lock()
	defer l.life.Unlock()
	err := l.log.Close()
	l.closed, l.closedBy = true, err
	l.settle(err)
	if p := l.spool.Load(); p != nil {
		p.Away(true)
	}
	return err
}
