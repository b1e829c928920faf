package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"penstock/benchmarks/child"
)

// penstock is the real binary in a directory of its own.
type penstock struct {
	*child.Penstock
	home, http, kafka string
}

// start starts it in a directory, which is made where it is not there, waits until it is ready, and says how long that took.
func (b *bench) start(home string, flags ...string) (*penstock, time.Duration, error) {
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, 0, err
	}
	began := time.Now()
	p, err := child.Serve(b.bin, home, dataIn(home), append([]string{"--http", "127.0.0.1:0", "--log-level", "warn", "--retention-bytes", "28GB", "--idle-timeout", "10m"}, flags...)...)
	if err != nil {
		return nil, 0, err
	}
	if err := p.Ready(2 * time.Minute); err != nil {
		p.End()
		return nil, 0, fmt.Errorf("it does not start: %w", err)
	}
	return &penstock{p, home, p.Address("http"), p.Address("kafka")}, time.Since(began), nil
}

// home is a directory for a server's data, and what empties it. The files themselves are removed with all others, at the end of the run: ext4 without a
// journal does not use the inode of a file again for minutes after it was removed, and goes past all of those when one is made. Removed after each
// cell they made each file of the next one cost milliseconds, and 64 topics cost a fifth more.
func (b *bench) home(part string) (dir string, empty func()) {
	b.homes++
	dir = filepath.Join(b.root, fmt.Sprintf("%s-%d", part, b.homes))
	return dir, func() {
		_ = filepath.WalkDir(dir, func(path string, file fs.DirEntry, err error) error {
			if err == nil && file.Type().IsRegular() {
				_ = os.Truncate(path, 0) // what stays takes room on the disk, and is no other trouble
			}
			return nil
		})
	}
}

// wire is what the ledger counts the events under.
const wire = "interana"

// written is how many records the topic that is filled has, of all times.
func (s *penstock) written() (n int64, err error) {
	text, err := child.Get(s.Admin + "/v1/topics/" + topicName(0))
	if err != nil {
		return 0, err
	}
	var topic struct{ Shards []struct{ Written int64 } }
	err = json.Unmarshal(text, &topic)
	for _, shard := range topic.Shards {
		n += shard.Written
	}
	return n, err
}

// settle waits until the process does next to nothing.
func (s *penstock) settle() error { return s.Settle(100*time.Millisecond, 0) }
