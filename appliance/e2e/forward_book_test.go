package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// fate is what a sender was told about an event.
type fate byte

const (
	refused   fate = iota // or never sent: it must not be anywhere
	unsure                // the connection broke before the answer came: it may be there, once
	inLog                 // acknowledged, for a log of the appliance
	inCluster             // acknowledged, for the cluster
)

// book knows what was sent to a topic and what the senders were told. Each page belongs to one sender, and others look when it has stopped.
type book struct{ pages []*page }

// page is one connection's: its events are numbered, and their text follows from the number.
type page struct {
	number int
	key    func(n int) string
	fates  []fate
}

const bookKeys = 50 // that all senders share

func newBook(senders int) *book {
	b := &book{}
	for range senders {
		b.open(func(n int) string { return "k" + strconv.Itoa(n*7919%bookKeys) })
	}
	return b
}

func (b *book) open(key func(n int) string) *page {
	a := &page{number: len(b.pages), key: key}
	b.pages = append(b.pages, a)
	return a
}

func (a *page) event(n int) string {
	return fmt.Sprintf(`{"c":%d,"n":%d,"k":"%s","fill":"%s"}`, a.number, n, a.key(n), fill[:n%len(fill)])
}

var fill = strings.Repeat("x", 120)

// note says what became of the next events.
func (a *page) note(count int, f fate) {
	for range count {
		a.fates = append(a.fates, f)
	}
}

func (b *book) count(f fate) (n int) {
	for _, a := range b.pages {
		for _, have := range a.fates {
			if have == f {
				n++
			}
		}
	}
	return n
}

// check holds one reading of a topic, from its beginning, against the book. Records of one partition come in the order of their offsets.
type check struct {
	book        *book
	found       [][]byte // how often, by page and number
	last        map[[2]int]int
	partitions  map[string]int // by key
	records     int
	duplicates  int
	complaints  int
	first       []string // of the complaints
	unsureFound int
}

func newCheck(b *book) *check {
	c := &check{book: b, last: map[[2]int]int{}, partitions: map[string]int{}}
	for _, a := range b.pages {
		c.found = append(c.found, make([]byte, len(a.fates)))
	}
	return c
}

func (c *check) complain(format string, args ...any) {
	if c.complaints++; len(c.first) < 10 {
		c.first = append(c.first, fmt.Sprintf(format, args...))
	}
}

func (c *check) record(partition int, offset int64, key, value string) {
	c.records++
	var account, n int
	if _, err := fmt.Sscanf(value, `{"c":%d,"n":%d,`, &account, &n); err != nil || account < 0 || account >= len(c.found) || n < 0 || n >= len(c.found[account]) {
		c.complain("partition %d, offset %d: nobody sent %.200q", partition, offset, value)
		return
	}
	a := c.book.pages[account]
	if value != a.event(n) || key != a.key(n) {
		c.complain("partition %d, offset %d: key %q and %q, sent were %q and %q", partition, offset, key, value, a.key(n), a.event(n))
	}
	if at, ok := c.partitions[key]; ok && at != partition {
		c.complain("key %s is in partitions %d and %d", key, at, partition)
	}
	c.partitions[key] = partition
	if c.found[account][n]++; c.found[account][n] > 1 {
		c.duplicates++
		c.complain("partition %d, offset %d: event %d of connection %d for the %d. time", partition, offset, n, account, c.found[account][n])
		return
	}
	way := [2]int{account, partition}
	if before, ok := c.last[way]; ok && before > n {
		c.complain("partition %d, offset %d: event %d of connection %d comes behind its event %d", partition, offset, n, account, before)
	}
	c.last[way] = n
	switch a.fates[n] {
	case refused:
		c.complain("partition %d, offset %d: event %d of connection %d was refused", partition, offset, n, account)
	case unsure:
		c.unsureFound++
	}
}

// end complains about what is missing of all events whose sender was told that much, or more.
func (c *check) end(least fate) {
	for _, a := range c.book.pages {
		for n, f := range a.fates {
			if f >= least && c.found[a.number][n] == 0 {
				c.complain("event %d of connection %d was acknowledged (%d) and is not there", n, a.number, f)
			}
		}
	}
}

// tell fails the test if there was anything to complain about.
func (c *check) tell(t *testing.T, what string) {
	t.Helper()
	if c.complaints > 0 {
		t.Errorf("%s: %d complaints, %d duplicates among %d records:\n%s", what, c.complaints, c.duplicates, c.records, strings.Join(c.first, "\n"))
	}
	acknowledged := c.book.count(inLog) + c.book.count(inCluster)
	t.Logf("%s: %d records, %d duplicates; %d events were acknowledged, %d of them by the cluster, and %d of %d whose answer was not seen are there",
		what, c.records, c.duplicates, acknowledged, c.book.count(inCluster), c.unsureFound, c.book.count(unsure))
}

// The check notices whatever may be wrong with a topic.
func TestBookNotices(t *testing.T) {
	b := newBook(2)
	for _, a := range b.pages {
		a.note(10, inCluster)
		a.note(10, inLog)
		a.note(10, unsure)
		a.note(10, refused)
	}
	type at struct {
		partition, account, n int
	}
	partition := func(a, n int) int { return len(b.pages[a].key(n)) % 2 } // the same for a key, whoever sends it
	var all []at
	for a := range b.pages {
		for n := range 25 {
			all = append(all, at{partition(a, n), a, n})
		}
	}
	read := func(least fate, records []at) *check {
		c := newCheck(b)
		for i, r := range records {
			a := b.pages[r.account]
			c.record(r.partition, int64(i), a.key(r.n), a.event(r.n))
		}
		c.end(least)
		return c
	}
	without := func(n int) []at { return append(append([]at{}, all[:n]...), all[n+1:]...) }
	with := func(more ...at) []at { return append(append([]at{}, all...), more...) }
	if c := read(inLog, all); c.complaints != 0 || c.unsureFound != 10 || c.records != 50 {
		t.Errorf("of a good topic: %+v", c.first)
	}
	if c := read(inCluster, without(12)); c.complaints != 0 {
		t.Errorf("an event that the cluster did not acknowledge: %v", c.first)
	}
	other := func(p int) int { return 1 - p }
	for _, c := range []struct {
		what    string
		records []at
		says    string
	}{
		{"lost", without(12), "event 12 of connection 0 was acknowledged (2) and is not there"},
		{"lost at the end", nil, "event 0 of connection 0 was acknowledged (3) and is not there"},
		{"twice", with(at{partition(1, 24), 1, 24}), "event 24 of connection 1 for the 2. time"},
		{"out of order", with(at{partition(0, 28), 0, 28}, at{partition(0, 27), 0, 27}), "event 27 of connection 0 comes behind its event 28"},
		{"refused", with(at{partition(0, 35), 0, 35}), "event 35 of connection 0 was refused"},
		{"key in two", with(at{other(partition(0, 29)), 0, 29}, at{partition(1, 29), 1, 29}), "is in partitions"},
	} {
		if got := read(inLog, c.records); !strings.Contains(strings.Join(got.first, "\n"), c.says) {
			t.Errorf("%s: %q", c.what, got.first)
		}
	}
	for _, c := range [][2]string{{"k0", "nonsense"}, {"k0", `{"c":2,"n":0,"k":"k0","fill":""}`}, {"k0", `{"c":0,"n":40,"k":"k0","fill":""}`},
		{"k1", `{"c":0,"n":0,"k":"k0","fill":""}`}, {"k0", `{"c":0,"n":0,"k":"k0","fill":"x"}`}} {
		check := newCheck(b)
		if check.record(0, 0, c[0], c[1]); check.complaints == 0 {
			t.Errorf("nothing is said of %q", c)
		}
	}
}
