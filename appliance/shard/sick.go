package shard

import (
	"errors"
	"fmt"

	"penstock/segstore"
)

// sickTopic is a topic that is there and could not be opened. The others are served; it is tried again until the disk lets us.
type sickTopic struct {
	shards int
	err    error
}

// opened takes in what a start opened and what it could not. It fails only where nothing could be opened, or where a later version's
// files must be left alone.
func (s *Set) opened(names []string, shards map[string]int, topics []*Topic, errs []error) error {
	for i, name := range names {
		if errs[i] == nil {
			s.addTopic(topics[i])
			continue
		}
		s.sick[name] = sickTopic{shards: shards[name], err: errs[i]}
	}
	all := errors.Join(errs...)
	var newer *segstore.NewerError
	if errors.As(all, &newer) || all != nil && len(s.sick) == len(names) {
		return errors.Join(all, s.closeLogs())
	}
	s.tellSick()
	for _, name := range sortedKeys(s.sick) {
		s.o.Logger.Error("a topic can't be opened; the others are served, and it is tried again", "topic", name, "error", s.sick[name].err)
	}
	return nil
}

// tellSick brings up to date what Ready says.
func (s *Set) tellSick() {
	s.sickness.Store(nil)
	for _, name := range sortedKeys(s.sick) {
		err := fmt.Errorf("topic %s can't be opened: %w", name, s.sick[name].err)
		s.sickness.Store(&err)
		return
	}
}

// openSick tries to open the topics that could not be opened. The keeper calls it, for whom Close waits while it holds mu.
func (s *Set) openSick() {
	if s.sickness.Load() == nil || !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	defer s.tellSick()
	for _, name := range sortedKeys(s.sick) {
		if s.closing.Load() {
			return
		}
		t, err := s.openTopic(name, s.sick[name].shards)
		if err != nil {
			s.sick[name] = sickTopic{shards: s.sick[name].shards, err: err}
			continue
		}
		s.learnIDs(t.logs)
		s.addTopic(t)
		delete(s.sick, name)
		s.o.Logger.Info("a topic could be opened at last", "topic", name)
	}
}

// whySick is why a topic that is there is not served; nil when it is, or is not there. The caller holds mu.
func (s *Set) whySick(name string) error {
	if sick, ok := s.sick[name]; ok {
		return fmt.Errorf("%w: %w", ErrSick, sick.err)
	}
	return nil
}
