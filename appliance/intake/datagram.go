package intake

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"

	"penstock/wire"
)

// datagramDoor is one UDP socket of a stream. One goroutine reads datagrams into slots, another lays the records of all that are
// there into one batch and stores it. When the shards are busy it waits, the slots run out, and the kernel drops what its own
// buffer does not hold: UDP knows no other way.
type datagramDoor struct {
	*streamOf
	socket  *net.UDPConn
	workers *workers
	split   wire.Splitter
	free    chan *slot
	full    chan *slot
	closing chan struct{}
	ended   chan struct{}
	closed  atomic.Bool
	doorCounts
}

// slot is a datagram.
type slot struct {
	bytes [1 << 16]byte
	n     int
	peer  netip.Addr
}

const (
	// slots is how many datagrams wait for the storing goroutine, at most.
	slots = 64
	// socketBuffer is what the kernel is asked to hold of datagrams not yet read; it gives what net.core.rmem_max allows.
	socketBuffer = 4 << 20
)

func newDatagramDoor(of *streamOf, socket *net.UDPConn, w *workers) *datagramDoor {
	d := &datagramDoor{
		streamOf: of, socket: socket, workers: w, split: of.NewSplit(), free: make(chan *slot, slots), full: make(chan *slot, slots),
		closing: make(chan struct{}), ended: make(chan struct{}),
	}
	for range slots {
		d.free <- new(slot)
	}
	return d
}

// read takes datagrams from the socket until it is closed.
func (d *datagramDoor) read() {
	defer close(d.full)
	for s := range d.free {
		n, from, err := d.socket.ReadFromUDPAddrPort(s.bytes[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			d.acceptErrors.Add(1) // an ICMP error of a datagram we never sent, or no memory: the next read may do better
			d.free <- s
			continue
		}
		d.counts.datagrams.Add(1)
		s.n, s.peer = n, from.Addr().Unmap()
		d.full <- s
	}
}

// store lays and stores what comes, until read has ended and everything is stored.
func (d *datagramDoor) store() {
	defer close(d.ended)
	var held []*slot
	for s := range d.full {
		held = d.round(s, held[:0])
		for _, s := range held {
			d.free <- s
		}
	}
}

// round stores a datagram and those that are there with it, and returns all of them. A bug in a parser costs the round.
func (d *datagramDoor) round(s *slot, held []*slot) (taken []*slot) {
	in := feed{streamOf: d.streamOf, workers: d.workers, closing: d.closing, split: d.split}
	d.split = nil
	defer func() {
		if taken = held; d.split == nil {
			d.split = d.NewSplit() // it was in the middle of something
		}
	}()
	defer in.end(&d.doorCounts)
	for s != nil {
		held = append(held, s)
		in.peer = s.peer
		in.take(s.bytes[:s.n], true)
		if in.w != nil {
			in.layRefused()
		}
		s = nil
		if len(held) < slots/2 {
			select {
			case s = <-d.full:
			default:
			}
		}
	}
	in.store()
	d.split = in.split
	return held
}

// close ends reading; what was read is stored.
func (d *datagramDoor) close() error {
	if d.closed.Swap(true) {
		return nil
	}
	close(d.closing)
	return d.socket.Close()
}
