package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"penstock/segstore/disk"
)

// Stage is how far a topic is on its way to a cluster, or back.
type Stage string

// The stages of a promotion.
const (
	Shipping  Stage = "shipping"  // its records are brought there, and proven to be there
	Promoted  Stage = "promoted"  // the cluster keeps it; its log here is the spool
	Returning Stage = "returning" // its log here keeps it again; what others brought to the cluster is fetched
)

// Promotion is a topic that a cluster keeps, or is to keep, and others are not.
type Promotion struct {
	To    string `json:"to"`
	Stage Stage  `json:"stage"`
	// Shards is how far each shard is.
	Shards []PromotedShard `json:"shards"`
}

// PromotedShard is how far a shard is.
type PromotedShard struct {
	First  int64 `json:"first"`  // the oldest record that is brought to the cluster
	Proven int64 `json:"proven"` // the records before this were read back from the cluster, and are those of the log
	At     int64 `json:"at"`     // where in the partition the reading goes on
	Begin  int64 `json:"begin"`  // where it began
	Mark   int64 `json:"mark"`   // when it returns: what comes from here on is not for the cluster
	Until  int64 `json:"until"`  // when it returns: where the partition ended, 0 while that is not known
}

// Promotions are the topics that have one, in a file that is replaced whole. Anyone may call their methods.
type Promotions struct {
	disk disk.Disk
	path string

	mu  sync.Mutex
	all map[string]Promotion
}

// OpenPromotions reads which topics are on their way to a cluster, or there. It comes before the logs are opened: retention must not take what
// is yet to be brought.
func OpenPromotions(d disk.Disk, data string) (*Promotions, error) {
	if d == nil {
		d = disk.OS{}
	}
	p := &Promotions{disk: d, path: filepath.Join(Dir(data), "promotions.json"), all: map[string]Promotion{}}
	text, err := disk.ReadWhole(d, p.path, positionsBytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &p.all); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): put back a copy; without it, topics that a cluster keeps are kept here alone", p.path, err)
	}
	if p.all == nil { // the file says null
		p.all = map[string]Promotion{}
	}
	return p, nil
}

// Has is whether a topic is on its way to a cluster, or there.
func (p *Promotions) Has(topic string) bool {
	at, ok := p.get(topic)
	return ok && at.Stage != Returning
}

func (p *Promotions) get(topic string) (Promotion, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.all[topic]
	at.Shards = append([]PromotedShard(nil), at.Shards...)
	return at, ok
}

func (p *Promotions) topics() map[string]Promotion {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]Promotion{}
	for topic, at := range p.all {
		all[topic] = at
	}
	return all
}

// put notes a promotion, on disk before it returns nil.
func (p *Promotions) put(topic string, at Promotion) error {
	at.Shards = append([]PromotedShard(nil), at.Shards...)
	return p.change(func() { p.all[topic] = at })
}

// remove forgets a promotion, on disk before it returns nil.
func (p *Promotions) remove(topic string) error {
	return p.change(func() { delete(p.all, topic) })
}

func (p *Promotions) change(do func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := map[string]Promotion{}
	for topic, at := range p.all {
		before[topic] = at
	}
	do()
	text, err := json.MarshalIndent(p.all, "", " ")
	if err == nil {
		err = errors.Join(disk.WriteWhole(p.disk, p.path, text), p.disk.SyncDir(filepath.Dir(p.path)))
	}
	if err != nil {
		p.all = before
	}
	return err
}
