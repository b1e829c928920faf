package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// saved is a book on disk, so that another process can verify what this one sent: after a restart, a power cut, or a day.
type saved struct {
	Seed             uint64
	Topics, Keys     int
	SizeMin, SizeMax int
	Acked            int64
	Begins, Ends     ends // where the load began and ended
	Accounts         [][]savedAccount
}

type savedAccount struct {
	Next int64   `json:",omitempty"`
	Lost []reach `json:",omitempty"`
	Open []reach `json:",omitempty"`
}

// ends is topic → shard → the offset behind the last readable record.
type ends []map[int]int64

// save writes the book of a load whose records are those from begin up to end.
func (b *book) save(path string, begin, end ends) error {
	w := b.w
	s := saved{Seed: w.Seed, Topics: w.Topics, Keys: w.Keys, SizeMin: w.SizeMin, SizeMax: w.SizeMax, Acked: b.ackedEvents.Load(), Begins: begin, Ends: end}
	for _, accounts := range b.accounts {
		list := make([]savedAccount, len(accounts))
		for i, a := range accounts {
			list[i] = savedAccount{a.next, a.lost, a.open}
		}
		s.Accounts = append(s.Accounts, list)
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// openBook reads what save wrote.
func openBook(path string) (b *book, begin, end ends, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, nil, err
	}
	var s saved
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, nil, nil, fmt.Errorf("%s is not a book of sent events: %w", path, err)
	}
	w := newWorkload(s.Seed, s.Topics, s.Keys, s.SizeMin, s.SizeMax)
	if err := w.validate(); err != nil || len(s.Accounts) != s.Topics || len(s.Begins) != s.Topics || len(s.Ends) != s.Topics {
		return nil, nil, nil, fmt.Errorf("%s is not a book of sent events", path)
	}
	b = newBook(w)
	b.ackedEvents.Store(s.Acked)
	for t, list := range s.Accounts {
		if len(list) != s.Keys {
			return nil, nil, nil, fmt.Errorf("%s is not a book of sent events", path)
		}
		for k, a := range list {
			b.accounts[t][k] = account{next: a.Next, lost: a.Lost, open: a.Open}
			for _, r := range a.Open {
				b.unknownEvents.Add(r.To - r.From)
			}
		}
	}
	return b, s.Begins, s.Ends, nil
}
