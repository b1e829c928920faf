package intake

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// datagramDoor is one UDP socket of a stream. One goroutine reads datagrams into slots, another lays the records of all that are
// there into one batch and stores it. When the shards are busy it waits, the slots run out, and the kernel drops what its own
// buffer does not hold: UDP knows no other way.
type datagramDoor struct {
	*streamOf
	socket  *net.UDPConn
	workers *workers
	free    chan *slot
	full    chan *slot
	dropped uint32 // what the kernel said last; the reading goroutine's
	closing chan struct{}
	ended   chan struct{} // everything that was read is stored
	life    atomic.Int32
	doorCounts
}

// The stages of a datagram door's life.
const (
	doorFresh int32 = iota
	doorServing
	doorClosed
)

// slot is a datagram.
type slot struct {
	bytes  [1 << 16]byte
	n      int
	beside [controlRoom]byte
	peer   netip.Addr
}

const (
	// slots is how many datagrams wait for the storing goroutine, at most. They are made as they are needed.
	slots = 64
	// DatagramBuffer is what the kernel is asked to hold of datagrams not yet read, for each socket. Whom it does not trust gets what
	// net.core.rmem_max allows.
	DatagramBuffer = 4 << 20
)

func newDatagramDoor(of *streamOf, socket *net.UDPConn, w *workers) *datagramDoor {
	return &datagramDoor{
		streamOf: of, socket: socket, workers: w, free: make(chan *slot, slots), full: make(chan *slot, slots),
		closing: make(chan struct{}), ended: make(chan struct{}),
	}
}

// serve takes datagrams until the door is closed, and returns when all of them are stored.
func (d *datagramDoor) serve() {
	if !d.life.CompareAndSwap(doorFresh, doorServing) {
		return
	}
	go d.read()
	d.store()
}

// read takes datagrams from the socket until it is closed.
func (d *datagramDoor) read() {
	defer close(d.full)
	made := 0
	for {
		var s *slot
		select {
		case s = <-d.free:
		default:
			if made < slots {
				s, made = new(slot), made+1
			} else {
				s = <-d.free // comes: the storing goroutine gives up waiting for room when the door is closed
			}
		}
		if !d.receive(s) {
			return
		}
		d.full <- s // has room for every slot there is
	}
}

// receive fills a slot; false when the socket is closed.
func (d *datagramDoor) receive(s *slot) bool {
	for {
		n, beside, _, from, err := d.socket.ReadMsgUDPAddrPort(s.bytes[:], s.beside[:])
		if err == nil {
			s.n, s.peer = n, from.Addr().Unmap()
			if now, said := droppedBefore(s.beside[:beside]); said && now != d.dropped {
				d.counts.dropped.Add(uint64(now - d.dropped))
				d.dropped = now
			}
			return true
		}
		if errors.Is(err, net.ErrClosed) {
			return false
		}
		d.acceptErrors.Add(1) // no memory, most likely
		time.Sleep(acceptPauseMin)
	}
}

// store lays and stores what comes, until read has ended and everything is stored.
func (d *datagramDoor) store() {
	defer close(d.ended)
	in := d.newFeed()
	held := make([]*slot, 0, slots)
	for s := range d.full {
		held = append(held[:0], s)
		for more := true; more && len(held) < slots/2; {
			select {
			case s, more = <-d.full:
				if more {
					held = append(held, s)
				}
			default:
				more = false
			}
		}
		if !d.round(in, held) {
			in = d.newFeed()
		}
		for _, s := range held {
			d.free <- s
		}
	}
}

func (d *datagramDoor) newFeed() *feed {
	return &feed{streamOf: d.streamOf, workers: d.workers, closing: d.closing, split: d.NewSplit(), door: &d.doorCounts}
}

// round stores datagrams. false: the feed was left in the middle of something and is not to be used again.
func (d *datagramDoor) round(in *feed, held []*slot) (whole bool) {
	defer in.end()
	d.counts.datagrams.Add(uint64(len(held)))
	for _, s := range held {
		in.peer = s.peer
		used, open := in.take(s.bytes[:s.n], true)
		if in.w != nil {
			in.layRefused()
		}
		if !open || used < s.n {
			in.split = d.NewSplit() // what is left of the datagram is lost
		}
	}
	in.store()
	return true
}

// close ends reading; what was read is stored.
func (d *datagramDoor) close() error {
	switch was := d.life.Swap(doorClosed); was {
	case doorClosed:
		return nil
	case doorFresh:
		close(d.ended)
	}
	close(d.closing)
	return d.socket.Close()
}
