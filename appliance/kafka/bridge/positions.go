package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"penstock/segstore/disk"
)

// position is how far a target has a shard: every record before Next, for sure. The target itself may know that it has more.
type position struct {
	producer
	Next int64 `json:"next"`
	// At is an offset in the target's partition: what the producer has brought from it on begins with the record AtNext.
	At     int64 `json:"at"`
	AtNext int64 `json:"atNext"`
	// First is the first record that was brought there, Start where the target's partition ended then.
	First int64 `json:"first"`
	Start int64 `json:"start"`
	// Past are producers that brought records there before.
	Past []int64 `json:"past,omitempty"`
}

// positions are a target's, in a file that is replaced whole. What the file says may be old, and then the target knows better; a new producer
// stands in it before it brings anything.
type positions struct {
	disk disk.Disk
	path string

	mu    sync.Mutex
	all   map[string]position // by topic/shard
	dirty bool
	saves sync.Mutex // one at a time
}

// positionsBytesMax bounds the file that is read: 1,000 topics of 1,024 shards would fit.
const positionsBytesMax = 1 << 28

func openPositions(d disk.Disk, path string) (*positions, error) {
	p := &positions{disk: d, path: path, all: map[string]position{}}
	text, err := disk.ReadWhole(d, path, positionsBytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &p.all); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): remove it; what it spoke of is then brought again", path, err)
	}
	if p.all == nil { // the file says null
		p.all = map[string]position{}
	}
	return p, nil
}

func positionKey(topic string, shard int) string { return topic + "/" + strconv.Itoa(shard) }

func (p *positions) get(topic string, shard int) (position, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.all[positionKey(topic, shard)]
	return at, ok
}

// put notes a position; it is in the file after the next save.
func (p *positions) put(topic string, shard int, at position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[positionKey(topic, shard)] = at
	p.dirty = true
}

// forget drops what is known of a topic.
func (p *positions) forget(topic string) error {
	p.keep(func(other string) bool { return other != topic })
	return p.save()
}

// keep drops what is known of topics that are gone.
func (p *positions) keep(there func(topic string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key := range p.all {
		if i := strings.LastIndexByte(key, '/'); i < 0 || !there(key[:i]) {
			delete(p.all, key)
			p.dirty = true
		}
	}
}

// save writes the file, if anything is new.
func (p *positions) save() error {
	p.saves.Lock()
	defer p.saves.Unlock()
	p.mu.Lock()
	if !p.dirty {
		p.mu.Unlock()
		return nil
	}
	text, err := json.MarshalIndent(p.all, "", " ")
	p.dirty = false
	p.mu.Unlock()
	if err == nil {
		err = errors.Join(disk.WriteWhole(p.disk, p.path, text), p.disk.SyncDir(filepath.Dir(p.path)))
	}
	if err != nil {
		p.mu.Lock()
		p.dirty = true
		p.mu.Unlock()
	}
	return err
}
