package main

import (
	"os"
	"path/filepath"
	"time"

	"penstock/benchmarks/child"
)

// topic is where events go, here and at NATS.
const topic = "events"

// door is a listener of ours and the wire that the ledger counts it under.
type door struct{ listener, wire string }

var (
	addEvents  = door{"http", "interana"}
	restDoor   = door{"http", "kairosdb"}
	telnetDoor = door{"telnet", "kairosdb"}
	lineDoor   = door{"graphite", "graphite"}
	pickleDoor = door{"pickle", "graphite"}
)

// ours starts penstock with one door open and a bounded log, which the load fills several times where it is long.
func ours(d door, flags ...string) start {
	return func(b *bench) (*server, error) {
		s, _, err := b.penstock(d, flags...)
		return s, err
	}
}

// keyed is ours with a table behind the topic: the shard key is read from each event.
func keyed(d door, flags ...string) start {
	return func(b *bench) (*server, error) {
		s, p, err := b.penstock(d, flags...)
		if err != nil {
			return s, err
		}
		return s, p.Keyed(topic, "key")
	}
}

func (b *bench) penstock(d door, flags ...string) (*server, *child.Penstock, error) {
	home, err := os.MkdirTemp(b.root, "penstock-")
	if err != nil {
		return nil, nil, err
	}
	p, err := child.Serve(b.bin, home, filepath.Join(home, "data"), append([]string{"--retention-bytes", "1GiB", "--log-level", "warn", "--" + d.listener, "127.0.0.1:0"}, flags...)...)
	if err != nil {
		os.RemoveAll(home)
		return nil, nil, err
	}
	s := &server{Process: p.Process, home: home}
	if err := p.Ready(20 * time.Second); err != nil {
		return s, nil, err
	}
	s.addr, s.taken = p.Address(d.listener), func(*server) (int64, error) { return p.Stored(d.wire) }
	return s, p, nil
}
