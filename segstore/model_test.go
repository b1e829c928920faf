package segstore

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"penstock/segstore/disk"
)

// model is what a log should hold, kept in the plainest way: the offsets that are there, the batches' bounds, and how far it promised.
type model struct {
	*fixture
	rt *rapid.T

	next   int64 // offset of the next record
	closed int64 // of the open batch's first record
	synced int64 // what Sync has said yes to
	first  int64 // retention has taken what is before it
	drafts Drafts
	starts map[int64]bool  // offsets where batches begin
	ages   map[int64]int64 // retention time by batch

	kept []span // what was there when the log was opened: a power cut may leave holes in what was not synced
	from int64  // what was appended since begins here
}

// there is what should be in the log, up to an offset.
func (m *model) there(next int64) (spans []span) {
	for _, s := range append(slices.Clone(m.kept), span{m.from, next}) {
		s.first, s.next = max(s.first, m.First()), min(s.next, next)
		if s.first < s.next {
			spans = join(spans, s.first, s.next)
		}
	}
	return spans
}

func has(spans []span, offset int64) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.first <= offset && offset < s.next })
}

// A log does what its model does, whatever happens to it in whatever order.
func TestModel(t *testing.T) {
	for _, readSynced := range []bool{true, false} {
		t.Run(fmt.Sprintf("ReadSynced=%v", readSynced), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				o := testOptions()
				o.ReadSynced = readSynced
				m := &model{rt: rt, starts: map[int64]bool{}, ages: map[int64]int64{}}
				m.fixture = &fixture{TB: t, disk: disk.NewMem(), dir: "/clicks-0", options: o, now: 1000}
				m.open()
				actions := map[string]func(*rapid.T){
					"append": m.appendSome, "append big": m.appendBig, "place": m.place, "commit": m.commit, "sync": m.sync, "background": m.background, "close": m.closeClean,
					"kill": m.kill, "power cut": m.powerCut, "retire": m.retire, "drop": m.drop, "roll": m.roll, "read": m.readSome,
					"search": m.search, "": m.check,
				}
				rt.Repeat(actions)
			})
		})
	}
}

func (m *model) fatal(format string, args ...any) { m.rt.Helper(); m.rt.Fatalf(format, args...) }

func (m *model) ok(err error) {
	m.rt.Helper()
	if err != nil {
		m.fatal("%v", err)
	}
}

func (m *model) open() {
	m.rt.Helper()
	m.ok(m.tryOpen())
	for _, found := range m.findings {
		if found.Acknowledged() {
			m.fatal("found %v", found)
		}
	}
}

func (m *model) appendRecords(n int64) {
	var size int64
	for i := m.next; i < m.next+n; i++ {
		size += int64(len(value(i))) + RecordOverhead
	}
	m.ok(m.Reserve(size))
	if m.open0() { // what was open went into a batch of its own
		m.closed = m.next
	}
	if m.closed == m.next {
		m.starts[m.next] = true
		m.ages[m.next] = m.now
	}
	for range n {
		if got := m.Append(nil, value(m.next), 10*m.next); got != m.next {
			m.fatal("offset %d, want %d", got, m.next)
		}
		m.next++
	}
}

// open0 says that the log has no open batch: reserving closed it, or there was none.
func (m *model) open0() bool { return m.Log.open.count == 0 }

func (m *model) appendSome(t *rapid.T) { m.appendRecords(rapid.Int64Range(1, 60).Draw(t, "records")) }
func (m *model) appendBig(t *rapid.T)  { m.appendRecords(rapid.Int64Range(200, 900).Draw(t, "records")) }

// place puts a draft into the log, as a batch of its own behind the open one.
func (m *model) place(t *rapid.T) {
	n := rapid.Int64Range(1, 300).Draw(t, "records")
	var size int
	for i := m.next; i < m.next+n; i++ {
		size += len(value(i)) + RecordOverhead
	}
	d, _ := m.drafts.Begin(size)
	for i := m.next; i < m.next+n; i++ {
		d.Append(nil, nil, value(i), nil, 10*i)
	}
	inPlace, segments := m.FitsInPlace(&d), m.Segments()
	m.starts[m.next], m.ages[m.next] = true, m.now
	last, err := m.Place(&d)
	m.ok(err)
	m.drafts.End(&d)
	m.next += n
	m.closed = m.next
	if last != m.next-1 || m.Written() != m.next {
		m.fatal("the last of %d records has offset %d, %d are written; want %d", n, last, m.Written(), m.next-1)
	}
	if inPlace && m.Segments() != segments {
		m.fatal("it was said to fit in place, and a segment was begun")
	}
}

func (m *model) commit(*rapid.T) {
	m.Commit()
	m.closed = m.next
}

func (m *model) sync(*rapid.T) {
	want := m.Written()
	m.ok(m.Sync())
	if m.Synced() != want {
		m.fatal("synced %d, written %d", m.Synced(), want)
	}
	m.synced = want
}

func (m *model) background(*rapid.T) { m.ok(m.Background()) }

func (m *model) closeClean(*rapid.T) {
	m.ok(m.Close())
	m.closed, m.synced = m.next, m.next
	if _, err := m.Cursor(0).Next(); !errors.Is(err, ErrClosed) {
		m.fatal("reading a closed log gave %v", err)
	}
	if err := m.Reserve(1); !errors.Is(err, ErrClosed) {
		m.fatal("reserving in a closed log gave %v", err)
	}
	m.open()
	m.quietly()
}

func (m *model) quietly() {
	if len(m.findings) > 0 {
		m.fatal("found %v", m.findings)
	}
}

// kill ends the process: what is in the mapping stays, the open batch is gone.
func (m *model) kill(*rapid.T) {
	written := m.Written()
	m.open()
	if m.Next() != written {
		m.fatal("a kill left %d of %d", m.Next(), written)
	}
	m.restart()
}

// powerCut keeps what was synced and a choice of the rest.
func (m *model) powerCut(t *rapid.T) {
	written, before := m.Written(), m.there(m.Written())
	choice := rapid.SliceOfN(rapid.Bool(), 1, 30).Draw(t, "kept")
	i := 0
	keep := func() bool {
		i++
		return choice[i%len(choice)]
	}
	order := rapid.IntRange(0, 30).Draw(t, "names kept")
	m.disk = m.disk.(*disk.Mem).Crash(func(i int) bool { return i < order }, func(string, int) bool { return keep() })
	m.open()
	if m.Next() < m.synced || m.Next() > written {
		m.fatal("a power cut left %d; %d were synced, %d written", m.Next(), m.synced, written)
	}
	kept, _ := m.read()
	for offset := min(m.First(), m.first); offset < written; offset++ {
		switch is := has(kept, offset); {
		case is && !has(before, offset) && offset >= m.first:
			m.fatal("offset %d was invented: before %v, after %v", offset, before, kept)
		case !is && has(before, offset) && offset < m.synced:
			m.fatal("offset %d was synced and is gone: before %v, after %v", offset, before, kept)
		}
	}
	m.restart()
	m.kept, m.from = kept, m.next
}

// restart takes over where the log was after a crash.
func (m *model) restart() {
	m.next = m.Next()
	m.closed, m.synced = m.next, m.Synced()
	if m.First() < m.first { // what was removed, but not for sure, is back
		m.first = m.First()
		m.kept, _ = m.read()
		m.from = m.next
	}
	for offset := range m.starts {
		if offset >= m.next {
			delete(m.starts, offset)
		}
	}
}

func (m *model) retire(t *rapid.T) {
	cutoff := m.now - rapid.Int64Range(0, 50).Draw(t, "age")
	_, err := m.Retire(cutoff)
	m.ok(err)
	for offset := m.first; offset < m.First(); offset++ {
		if age, ok := m.ages[offset]; ok && m.starts[offset] && age >= cutoff {
			m.fatal("offset %d is from %d and was retired with %d", offset, age, cutoff)
		}
	}
	m.first = m.First()
}

func (m *model) drop(*rapid.T) {
	before := m.First()
	_, _, ok := m.Oldest()
	m.ok(m.DropOldest())
	if ok != (m.First() > before) {
		m.fatal("an oldest segment: %v, the log began at %d and begins at %d", ok, before, m.First())
	}
	m.first = m.First()
}

func (m *model) roll(*rapid.T) {
	m.ok(m.RollOlder(m.now + 1))
	m.closed = m.next
}

func (m *model) readSome(t *rapid.T) {
	if m.Next() == 0 {
		return
	}
	offset := rapid.Int64Range(0, m.Next()+2).Draw(t, "offset")
	c := m.Cursor(offset)
	defer c.Close()
	b, err := c.Next()
	var expired *ExpiredError
	var corrupt *CorruptError
	switch {
	case offset >= m.Next():
		if !errors.Is(err, ErrTail) {
			m.fatal("behind the end: %v", err)
		}
	case errors.As(err, &expired):
		if offset >= m.First() || expired.First != m.First() {
			m.fatal("offset %d: %v, the log begins at %d", offset, err, m.First())
		}
	case errors.As(err, &corrupt):
		if has(m.there(m.Next()), offset) {
			m.fatal("offset %d: %v", offset, err)
		}
	case err != nil:
		m.fatal("offset %d: %v", offset, err)
	case b.Base() > offset || b.Last() < offset || !m.starts[b.Base()]:
		m.fatal("offset %d: the batch %d to %d", offset, b.Base(), b.Last())
	}
}

func (m *model) search(t *rapid.T) {
	ms := rapid.Int64Range(-5, 10*m.next+20).Draw(t, "time")
	want := min(max((ms+9)/10, m.First(), 0), m.Next())
	for want < m.Next() && !has(m.there(m.Next()), want) {
		want++
	}
	if got, err := m.OffsetAt(ms); err != nil || got != want {
		m.fatal("time %d is at %d, %v, want %d", ms, got, err, want)
	}
}

// check reads everything that may be read.
func (m *model) check(*rapid.T) {
	m.now += 7
	written, synced := m.Written(), m.Synced()
	if synced > written || written > m.next || synced < m.synced || m.First() < m.first || m.First() > m.next {
		m.fatal("first %d, synced %d, written %d, next %d; the model has %d, %d, %d", m.First(), synced, written, m.next, m.first, m.synced, m.next)
	}
	if there, lost := m.read(); fmt.Sprint(there) != fmt.Sprint(m.there(m.Next())) {
		m.fatal("the log goes from %d to %d and holds %v, want %v; lost are %v", m.First(), m.Next(), there, m.there(m.Next()), lost)
	}
}
