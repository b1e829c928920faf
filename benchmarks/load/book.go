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
	requests atomic.Int64

	ackedEvents, unknownEvents, refusedEvents atomic.Int64
	keptEvents, lostEvents                    int64 // what became of the unknown, once a verifier has settled it
}

// account is one key's in one topic. Every event below next is in lost, in open, or was acknowledged (or found) and must be there.
//
// lost and open are in order, do not overlap, and all of lost comes before all of open: a sender whose request's fate is unknown sends no
// more before a verifier has looked.
type account struct {
	next int64   // of the next event to be sent
	lost []reach // must not be there: seen missing once, or refused. Neighbours are merged
	open []reach // requests whose answer was not seen: each is kept whole, or not at all
}

// reach is the events [from, to) of a key.
type reach struct {
	From, To int64
	Request  int64 // numbers the request, among those of unknown fate
	missing  bool  // the verifier that is settling it has passed it by
}

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
func (b *book) acked(s *sending) { b.ackedEvents.Add(s.events()) }

// unknown notes that a request was sent, wholly or in part, and its answer was not seen.
func (b *book) unknown(s *sending) {
	request := b.requests.Add(1)
	for _, r := range s.runs {
		a := &b.accounts[s.topic][r.key]
		a.open = append(a.open, reach{From: r.first, To: r.first + r.count, Request: request})
	}
	b.unknownEvents.Add(s.events())
}

// refused notes that the last answer to a request was that nothing of it was kept, and it is not sent again: none of it may be found.
func (b *book) refused(s *sending) {
	for _, r := range s.runs {
		a := &b.accounts[s.topic][r.key]
		if len(a.open) > 0 {
			panic("BUG: a sender went on after a request of unknown fate")
		}
		a.lose(r.first, r.first+r.count)
	}
	b.refusedEvents.Add(s.events())
}

// lose adds events to those that must not be there.
func (a *account) lose(from, to int64) {
	if n := len(a.lost); n > 0 && a.lost[n-1].To == from {
		a.lost[n-1].To = to
		return
	}
	a.lost = append(a.lost, reach{From: from, To: to})
}

// isLost says that an event must not be there.
func (a *account) isLost(seq int64) bool {
	i := sort.Search(len(a.lost), func(i int) bool { return a.lost[i].To > seq })
	return i < len(a.lost) && a.lost[i].From <= seq
}

// miss says whether a key's events [from, to) may be missing, that is, whether they are lost ones and whole requests of unknown fate. Those
// it notes as missing.
func (a *account) miss(from, to int64) bool {
	for _, list := range [][]reach{a.lost, a.open} {
		i := sort.Search(len(list), func(i int) bool { return list[i].From >= from })
		for ; i < len(list) && list[i].From == from && list[i].To <= to; i++ {
			list[i].missing = true
			from = list[i].To
		}
	}
	return from == to
}

// close settles an account's open requests: those noted as missing are lost for good, the others were found. kept and lost are in events.
func (a *account) close() (kept, lost int64) {
	for _, r := range a.open {
		if r.missing {
			a.lose(r.From, r.To)
			lost += r.To - r.From
		} else {
			kept += r.To - r.From
		}
	}
	a.open = nil
	return kept, lost
}
