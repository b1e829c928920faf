package main

import (
	"sort"
	"sync/atomic"
)

// book knows what was sent and what became of it, in memory that does not grow with the number of events.
//
// A key's events are taken, sent and settled by the one sender who owns the key, so its account needs no lock. Others may look when the
// senders have stopped.
type book struct {
	w        *workload
	accounts [][]account // by topic, key
	round    int         // how often senders were started

	ackedEvents, unknownEvents atomic.Int64
}

// account is one key's in one topic.
type account struct {
	next    int64   // of the next event to be sent
	unknown []reach // requests whose answer was not seen, in order: each is kept whole, or not at all
}

// reach is the events [from, to) of a key.
type reach struct{ from, to int64 }

func newBook(w *workload) *book {
	b := &book{w: w, accounts: make([][]account, w.Topics)}
	for t := range b.accounts {
		b.accounts[t] = make([]account, w.Keys)
	}
	return b
}

// take hands out a key's next sequence number.
func (b *book) take(topic, key int) int64 {
	a := &b.accounts[topic][key]
	a.next++
	return a.next - 1
}

// acked notes that a request was acknowledged: all its events must be found, once, in order. That is what the account says without a note.
func (b *book) acked(s *sending) {
	for _, n := range s.count {
		b.ackedEvents.Add(n)
	}
}

// unknown notes that a request's answer was not seen.
func (b *book) unknown(s *sending) {
	for key, n := range s.count {
		a := &b.accounts[s.topic][key]
		a.unknown = append(a.unknown, reach{s.first[key], s.first[key] + n})
		b.unknownEvents.Add(n)
	}
}

// mayMiss says whether a key's events [from, to) may be missing: they are whole requests of unknown fate, one after the other.
func (a *account) mayMiss(from, to int64) bool {
	i := sort.Search(len(a.unknown), func(i int) bool { return a.unknown[i].from >= from })
	for ; i < len(a.unknown) && a.unknown[i].from == from && a.unknown[i].to <= to; i++ {
		from = a.unknown[i].to
	}
	return from == to
}
