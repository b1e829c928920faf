package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"penstock/wire"
)

// Catalog answers, without a lock and without allocating, what is known about a topic. It is safe for concurrent use.
type Catalog struct {
	path string

	mu     sync.Mutex                               // held by a change, from reading the state to having it on disk
	topics atomic.Pointer[map[string]*wire.Columns] // what the file holds; the map and the Columns never change once published

	unsynced bool // under mu: the last change ended in a *SyncError
}

// Catalog is a parser's view of the tables.
var _ wire.Tables = (*Catalog)(nil)

// Open reads the catalog at path. A missing file is an empty catalog; one that does not read is an error that names it.
func Open(path string) (*Catalog, error) {
	c := &Catalog{path: path}
	topics := map[string]*wire.Columns{}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("cannot read the catalog: %w", err)
	default:
		if topics, err = decode(data); err != nil {
			return nil, fmt.Errorf("the catalog %s %w", path, err)
		}
	}
	c.topics.Store(&topics)
	return c, nil
}

// Columns says which members of the topic's events are its time and its shard key; nil when nobody said.
// The answer is shared: it must not be changed, and stays what it was when the catalog changes.
func (c *Catalog) Columns(topic []byte) *wire.Columns {
	return (*c.topics.Load())[string(topic)]
}

// Topics lists the topics whose columns are known, sorted.
func (c *Catalog) Topics() []string {
	return slices.Sorted(maps.Keys(*c.topics.Load()))
}

// SetColumns remembers a topic's columns; nil forgets them. When it returns nil the change is on disk.
// On error the catalog is as it was, but for a *SyncError: then the change holds, and might not outlive a power cut.
func (c *Catalog) SetColumns(topic string, columns *wire.Columns) error {
	if !wire.ValidTopic(topic) {
		return fmt.Errorf("cannot set the columns of topic %q: %s", topic, wire.BadTopic.Text())
	}
	if columns != nil && !(utf8.ValidString(columns.Time) && utf8.ValidString(columns.Key)) {
		return fmt.Errorf("cannot set the columns of topic %s: a member's name must be UTF-8", topic)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := *c.topics.Load()
	known := before[topic]
	same := known == nil && columns == nil || known != nil && columns != nil && *known == *columns
	if same && !c.unsynced {
		return nil // what is there is on disk; after a *SyncError it may not be, and who tries again must not be told that it is
	}
	after := maps.Clone(before)
	if columns == nil {
		delete(after, topic)
	} else {
		mine := *columns
		after[topic] = &mine
	}
	data, err := encode(after)
	if err != nil {
		return fmt.Errorf("cannot set the columns of topic %s: %w", topic, err)
	}
	err = replace(c.path, data)
	var unsynced *SyncError
	if errors.As(err, &unsynced) {
		c.unsynced = true
	}
	if err == nil {
		c.unsynced = false
	}
	if err == nil || unsynced != nil {
		c.topics.Store(&after)
	}
	return err
}
