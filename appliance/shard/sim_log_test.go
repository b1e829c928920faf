package shard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"penstock/segstore"
)

// simLog is what is known of a log.
type simLog struct {
	l     *life
	dir   string
	topic string
	shard int
	log   *segstore.Log // nil while it is not open

	parts  []*simPart // that were laid into it and may be there, by offset
	ghosts []*simPart // that were given up, but not for sure
	next   int64      // offset of the next record

	first, synced, written int64 // as last seen

	poisoned bool   // a sync failed, and the writer has not yet moved on
	shaky    bool   // the disk has refused to take what is not safe
	unseen   bool   // it was not looked at since the last end
	worst    ending // since it was last looked at
	unnoted  []span64

	cursor *segstore.Cursor
}

// span64 is offsets [First, Next).
type span64 struct{ First, Next int64 }

// logOf finds or makes what is known of a log.
func (l *life) logOf(dir string) *simLog {
	s := l.byDir[dir]
	if s == nil {
		name := filepath.Base(dir)
		i := strings.LastIndexByte(name, '-')
		s = &simLog{l: l, dir: dir, topic: name[:i]}
		_, _ = fmt.Sscan(name[i+1:], &s.shard)
		l.byDir[dir] = s
		l.logs = append(l.logs, s)
	}
	return s
}

// drained notes what the writer did with a part: how many of its records it laid into the log.
func (p *simPart) drained(records uint64) {
	s := p.log
	switch records {
	case 0:
		p.state = refused
	case uint64(len(p.records)):
		p.state, p.offset, p.at, p.boots = laid, s.next, s.l.elapsed, s.l.boots
		s.next += int64(len(p.records))
		s.parts = append(s.parts, p)
		s.l.sum[countWritten] += len(p.records)
	default:
		s.l.fail("of %v %d were laid into the log", p, records)
	}
}

// look holds what can be seen at any moment against what was promised.
func (l *life) look() {
	if l.set == nil {
		return
	}
	for _, state := range *l.set.logs.Load() {
		s := l.logOf(state.log.Dir())
		if s.log != state.log {
			if state.closed { // of a topic that was deleted
				continue
			}
			s.log, s.next = state.log, state.log.Written()
		}
		if s.unseen {
			l.quiet = true
			s.reconcile()
			l.quiet = false
		}
		s.look(state)
	}
	for _, c := range l.clients {
		if c.pending != nil && c.ticket.wait.state.Load() == waitDone {
			l.answered(c)
		}
	}
}

func (s *simLog) look(state *logState) {
	first, synced, written := s.log.First(), s.log.Synced(), s.log.Written()
	if first < s.first || synced < s.synced || written < s.written || first > synced || synced > written || written > s.next {
		s.l.fail("%s: first %d, synced %d, written %d, next %d; before they were %d, %d, %d", s.dir, first, synced, written, s.next, s.first, s.synced, s.written)
	}
	if acked := state.acked.Load(); s.l.plan.onlyDisk && acked > synced {
		s.l.fail("%s: acknowledged up to %d, synced up to %d", s.dir, acked, synced)
	}
	if first > s.first {
		s.retired(first)
	}
	s.first, s.synced, s.written = first, synced, written
}

// retired holds the removal of everything before first against its age.
func (s *simLog) retired(first int64) {
	l := s.l
	for _, p := range s.parts {
		if p.offset >= first {
			break
		}
		if p.state != laid {
			continue
		}
		if p.end() > first {
			l.fail("retention took a piece of %v, up to %d", p, first)
		}
		p.state = expired
		l.sum[countRetired]++
		age := l.elapsed - p.at
		switch {
		case !l.byAge && (l.plan.small || l.plan.keptBytes > 0):
		case !l.byAge:
			l.fail("%v was removed, and there is space enough", p)
		case p.at < l.doubted:
		case l.plan.jumpy && p.boots != l.boots: // where the machine was started anew, the wall clock is believed for up to a day
		case age < l.plan.retention.Milliseconds():
			l.fail("%v was retired at the age of %d ms", p, age)
		}
	}
}

// found is what the log has found wrong itself.
func (s *simLog) found(kind string, f segstore.Finding) {
	switch kind {
	case segstore.SyncFailed.String():
		s.poisoned = true
	case segstore.GivenUp.String(), segstore.Gap.String():
		switch {
		case strings.HasPrefix(f.Text, "why they are missing"): // could not be noted
			s.unnoted = append(s.unnoted, span64{f.First, f.Next})
		case kind == segstore.Gap.String():
		case strings.HasPrefix(f.Text, "could not be "): // cut off, or set aside, for sure
			s.shaky = true
		default:
			s.givenUp(f.First, f.Next)
		}
	case segstore.Damage.String():
		known := append(s.notes(), s.unnoted...)
		if s.poisoned { // and the run ended before it was given up
			known = append(known, span64{s.synced, math.MaxInt64})
		}
		for _, p := range s.ghosts {
			known = append(known, span64{p.offset, p.end()})
		}
		if !covered(known, f.First, f.Next) {
			s.l.fail("damage was found where nothing was damaged: %s, %d to %d: %s", f.Path, f.First, f.Next, f.Text)
		}
	}
}

// givenUp is what a failed sync has cost: nothing, if it was one of what was on disk already.
func (s *simLog) givenUp(first, next int64) {
	s.poisoned = false
	for _, p := range s.parts {
		if p.state != laid || p.end() <= first || p.offset >= next {
			continue
		}
		s.l.sum[countGivenUp]++
		if p.offset < s.synced {
			s.l.fail("%v was given up, and had been on disk", p)
		}
		p.state = gone
		if s.shaky {
			p.state = uncertain
			s.ghosts = append(s.ghosts, p)
		}
	}
}

// remove is the end of the log.
func (s *simLog) remove() {
	if s.cursor != nil {
		s.cursor.Close()
	}
	for _, p := range append(s.parts, s.ghosts...) {
		p.state, p.hung = deleted, !p.request.told || p.state == expired
	}
	*s = simLog{l: s.l, dir: s.dir, topic: s.topic, shard: s.shard}
}

// leave ends the run for what is known of the log.
func (s *simLog) leave(end ending) {
	s.log, s.cursor, s.unseen, s.worst = nil, nil, true, max(s.worst, end)
}

// notThere is a log that is not open although the set is.
func (s *simLog) notThere() {
	_, sick := s.l.set.sick[s.topic]
	switch {
	case sick:
		s.shaky = true // it is tried again, and what fails meanwhile may cost what is not safe
	case s.synced > 0:
		s.l.fail("%s is gone", s.dir)
	default: // it was never on disk
		s.remove()
	}
}

// reconcile looks at all there is after an end, and holds it against what there should be.
func (s *simLog) reconcile() {
	l, log := s.l, s.log
	if log.Next() != log.Written() || log.Written() != log.Synced() || log.Synced() < s.synced {
		l.fail("%s: opened with %d synced, %d written, %d readable; before, %d were synced", s.dir, log.Synced(), log.Written(), log.Next(), s.synced)
	}
	var there []*simPart
	c := log.Cursor(log.First())
	for {
		b, err := c.Next()
		var hole *segstore.CorruptError
		if errors.Is(err, segstore.ErrTail) {
			break
		}
		if errors.As(err, &hole) {
			continue
		}
		if err != nil {
			l.fail("%s: reading gave %v", s.dir, err)
		}
		s.check(&b, func(p *simPart) { there = append(there, p) })
	}
	c.Close()
	s.holes(there)
	for _, p := range s.parts {
		if p.state == laid && !slices.Contains(there, p) {
			s.lost(p)
		}
	}
	for _, p := range there {
		p.state = laid
	}
	s.parts = there
	s.ghosts = slices.DeleteFunc(s.ghosts, func(p *simPart) bool { return p.state == laid })
	s.first, s.synced, s.written, s.next = log.First(), log.Synced(), log.Written(), log.Written()
	s.poisoned, s.shaky, s.unseen, s.worst = false, false, false, stopped
}

// check holds a batch against what was sent, and calls each for its parts.
func (s *simLog) check(b *segstore.Batch, each func(p *simPart)) {
	l := s.l
	records := b.Records()
	for r, ok := records.Next(); ok; r, ok = records.Next() {
		p := s.at(r.Offset)
		if p == nil {
			l.fail("%s: offset %d was invented, or is back: %q", s.dir, r.Offset, r.Value[:min(len(r.Value), 30)])
		}
		want := p.records[r.Offset-p.offset]
		l.scratch = want.appendValue(l.scratch[:0])
		if !bytes.Equal(r.Value, l.scratch) || !bytes.Equal(r.Key, want.key) || (r.Key == nil) != (want.key == nil) || r.Time != want.time {
			l.fail("%s: offset %d is not what was sent as record %d/%d: %q", s.dir, r.Offset, want.request, want.index, r.Value[:min(len(r.Value), 30)])
		}
		if p.offset < b.Base() || p.end() > b.Last()+1 {
			l.fail("%v is in several batches, one of them %d to %d", p, b.Base(), b.Last())
		}
		if r.Offset == p.offset {
			each(p)
		}
		l.sum[countRead]++
	}
}

// at finds the part that may stand at an offset.
func (s *simLog) at(offset int64) *simPart {
	i := sort.Search(len(s.parts), func(i int) bool { return s.parts[i].offset > offset })
	if i > 0 && s.parts[i-1].end() > offset && s.parts[i-1].state != gone {
		return s.parts[i-1]
	}
	for _, p := range s.ghosts {
		if p.offset <= offset && offset < p.end() {
			return p
		}
	}
	return nil
}

// lost says whether a part that was laid may be gone.
func (s *simLog) lost(p *simPart) {
	l := s.l
	l.sum[countLost]++
	switch {
	case p.offset < s.synced:
		l.fail("%v was on disk and is lost (%v)", p, s.worst)
	case p.kept && p.request.ack == AckDisk:
		l.fail("%v was acknowledged and is lost (%v)", p, s.worst)
	case s.worst != cut && p.end() <= s.written && !s.poisoned && !s.shaky:
		l.fail("%v was written and is lost (%v)", p, s.worst)
	}
	p.state = gone
}

// holes looks for the reason of every offset that is missing.
func (s *simLog) holes(there []*simPart) {
	at := s.log.First()
	var known []span64
	for _, p := range append(slices.Clone(there), &simPart{offset: s.log.Next()}) {
		if p.offset > at {
			s.l.sum[countHoles]++
			if known == nil {
				known = append(s.notes(), s.unnoted...)
			}
			if !covered(known, at, p.offset) {
				s.l.fail("%s: offsets %d to %d are missing, and nobody says why: %v\n%v", s.dir, at, p.offset, known, s.l.mem)
			}
		}
		at = p.end()
	}
}

// notes are the reasons that stand beside the log.
func (s *simLog) notes() (notes []span64) {
	for _, path := range s.l.mem.Paths() {
		var n span64
		if filepath.Dir(path) == s.dir && filepath.Ext(path) == ".gap" && json.Unmarshal(s.l.mem.File(path).Bytes(), &n) == nil {
			notes = append(notes, n)
		}
	}
	return notes
}

func covered(by []span64, first, next int64) bool {
	sort.Slice(by, func(i, j int) bool { return by[i].First < by[j].First })
	for _, g := range by {
		if g.First <= first && g.Next > first {
			first = g.Next
		}
	}
	return first >= next
}

// readOn reads some batches from where the log's reader stands.
func (s *simLog) readOn() {
	l := s.l
	if s.log == nil {
		return
	}
	if s.cursor == nil || l.chance(10) {
		if s.cursor != nil {
			s.cursor.Close()
		}
		s.cursor = s.log.Cursor(s.log.First() + l.Int64N(s.log.Next()-s.log.First()+1))
	}
	for range 1 + l.IntN(4) {
		at := s.cursor.Offset()
		b, err := s.cursor.Next()
		var hole *segstore.CorruptError
		var old *segstore.ExpiredError
		switch {
		case errors.Is(err, segstore.ErrTail), errors.Is(err, segstore.ErrClosed) && l.set.closing.Load():
			return
		case errors.As(err, &old):
			if at >= s.log.First() && !s.poisoned {
				l.fail("%s: offset %d is there, and %v", s.dir, at, err)
			}
			s.cursor.SkipTo(old.First)
		case errors.As(err, &hole):
			s.isMissing(hole)
		case err != nil && l.fired > 0: // opening a segment may fail
			return
		case err != nil:
			l.fail("%s: reading at %d gave %v", s.dir, at, err)
		default:
			s.check(&b, func(*simPart) {})
			if l.plan.ack == AckDisk && b.Last() >= s.log.Synced() {
				l.fail("%s: a reader saw offset %d, synced is %d", s.dir, b.Last(), s.log.Synced())
			}
		}
	}
}

// isMissing holds what a reader is told to be missing against what should be there.
func (s *simLog) isMissing(hole *segstore.CorruptError) {
	for _, p := range s.parts {
		goes := s.poisoned && p.offset >= s.log.Synced() // is being given up
		if p.state == laid && !goes && p.end() > hole.First && p.offset < hole.Next && p.offset >= s.log.First() {
			s.l.fail("%v should be there, and %v", p, hole)
		}
	}
}

// search looks for the first record of a time.
func (s *simLog) search() {
	l := s.l
	if s.log == nil || s.poisoned || l.set.closing.Load() { // what could not be synced may be there, or not
		return
	}
	ms := simEpoch + l.Int64N(l.elapsed+1000) - 500
	got, err := s.log.OffsetAt(ms)
	if err != nil {
		if l.fired == 0 {
			l.fail("%s: searching for %d gave %v", s.dir, ms, err)
		}
		return
	}
	want := s.log.Next()
	for _, p := range s.parts {
		for i, r := range p.records {
			if offset := p.offset + int64(i); p.state == laid && offset >= s.log.First() && offset < want && r.time >= ms {
				want = offset
			}
		}
	}
	if got != want {
		l.fail("%s: time %d is at offset %d, found was %d", s.dir, ms, want, got)
	}
}
