package drive

import (
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// paceEach is how many requests a second one pacer sends with ease.
const paceEach = 60_000

// pace sends every request when it is due, over as many threads as that takes.
func (l *load) pace() {
	n := max(1, min(int(l.Rate/paceEach)+1, runtime.NumCPU(), len(l.conns)))
	// A pacer keeps a thread to itself; the others go on as if it were not there.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n))
	var all sync.WaitGroup
	begin := l.now()
	for i := range n {
		p := &pacer{l: l, gap: float64(n) * 1e9 / l.Rate, next: float64(begin) + float64(i)*1e9/l.Rate,
			rng: rand.New(rand.NewPCG(l.Seed, 0x70616365+uint64(i)))}
		for k := i; k < len(l.conns); k += n {
			p.conns = append(p.conns, l.conns[k])
		}
		p.end = begin + int64(l.Warmup+l.Duration)
		all.Go(p.run)
	}
	all.Wait()
}

// pacer sends a part of the requests, over a part of the connections.
type pacer struct {
	l     *load
	conns []*conn
	turn  int     // whose turn it is
	gap   float64 // ns from one request to the next, on average
	next  float64 // when the next is due
	end   int64   // of the schedule
	rng   *rand.Rand
}

func (p *pacer) run() {
	runtime.LockOSThread() // for good: the thread's timer slack is ours
	const timerSlack = 29  // PR_SET_TIMERSLACK
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, timerSlack, 1, 0)
	for {
		due := int64(p.next)
		if p.l.Requests == 0 && due >= p.end || !p.l.take() {
			return
		}
		if p.l.Poisson {
			p.next += p.rng.ExpFloat64() * p.gap
		} else {
			p.next += p.gap
		}
		if p.await(due); p.l.stop.Load() {
			return
		}
		c := p.free(due)
		if c == nil {
			p.giveUp()
			return
		}
		c.send(due)
	}
}

// await sleeps until an instant. A goroutine's own timers are a millisecond late when nothing else happens (go.dev/issue/44343).
func (p *pacer) await(due int64) {
	for {
		left := due - p.l.now()
		if left <= 0 {
			return
		}
		if left > int64(10*time.Millisecond) {
			if left = int64(10 * time.Millisecond); p.l.stop.Load() {
				return
			}
		}
		ts := syscall.NsecToTimespec(left)
		_ = syscall.Nanosleep(&ts, nil) // a signal ends it early, and we look at the clock again
	}
}

// free takes a connection on which a request may be sent now, and waits for one, but not for ever: nil then.
func (p *pacer) free(due int64) *conn {
	for {
		for range p.conns {
			c := p.conns[p.turn]
			if p.turn++; p.turn == len(p.conns) {
				p.turn = 0
			}
			if c.due.most > 0 && c.due.full() || !c.mu.TryLock() {
				continue
			}
			if c.sock.Load() != nil {
				return c
			}
			c.mu.Unlock()
		}
		if p.l.stop.Load() || p.l.now()-max(due, p.end) > int64(p.l.Timeout) {
			return nil
		}
		ts := syscall.NsecToTimespec(int64(20 * time.Microsecond))
		_ = syscall.Nanosleep(&ts, nil)
	}
}

// giveUp counts the request at hand, and all that the schedule still has, as not sent.
func (p *pacer) giveUp() {
	if p.l.stop.Load() {
		return // it was interrupted
	}
	n := int64(1)
	if p.l.Requests == 0 {
		n += max(0, int64((float64(p.end)-p.next)/p.gap))
	} else {
		n += max(0, p.l.left.Swap(0))
	}
	p.l.rec.failed(kind{"not sent: every connection was waiting", 0}, n)
}

// send sends the next request on a connection whose mu is held, and sees to it that mu is freed.
func (c *conn) send(due int64) {
	at := int32(c.at)
	r := c.next()
	now := c.l.now()
	if c.l.answered() {
		c.due.push(entry{due, now, at})
	}
	s := c.sock.Load()
	n := s.raw.write(s, r.Bytes)
	if n == len(r.Bytes) {
		c.mu.Unlock()
		if !c.l.answered() {
			c.group.note(r, 0, 0)
		}
		return
	}
	go func() { // the server does not read fast enough; the pacer has others to serve
		defer c.mu.Unlock()
		_ = s.SetWriteDeadline(time.Now().Add(c.l.Timeout)) // fails with what Write fails with
		if _, err := s.Write(r.Bytes[n:]); err != nil {
			s.Close() // the receiver notices
			return
		}
		if !c.l.answered() {
			c.group.note(r, 0, 0)
		}
	}()
}

// receiveAll takes the answers to what pacers send, until the load is over.
func (c *conn) receiveAll() {
	if c.sock.Load() == nil && !c.reopen() { // nobody sends on it meanwhile
		return
	}
	for {
		err := c.receiveUntil()
		c.shut() // ends a write that is under way
		c.mu.Lock()
		if c.l.over.Load() && c.due.empty() {
			c.mu.Unlock()
			return
		}
		c.lose(err)
		again := c.reopen()
		c.mu.Unlock()
		if !again {
			return
		}
	}
}

func (c *conn) receiveUntil() error {
	if !c.l.answered() {
		_, err := io.Copy(io.Discard, onlyReader{c.sock.Load().Conn})
		if err == nil {
			err = io.EOF
		}
		return err
	}
	for {
		a, err := c.l.read(c.in)
		if err != nil {
			return err
		}
		if c.due.empty() {
			return errUnasked
		}
		c.settle(a)
		if a.last {
			return errLast
		}
	}
}

// rawWriter writes without waiting.
type rawWriter struct {
	raw     syscall.RawConn // nil: it has none
	attempt func(fd uintptr) bool
	bytes   []byte
	n       int
}

func (w *rawWriter) init(n net.Conn) {
	sc, ok := n.(syscall.Conn)
	if !ok {
		return // TLS
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	w.raw = raw
	w.attempt = func(fd uintptr) bool {
		w.n, _ = syscall.Write(int(fd), w.bytes) // what is wrong with it the next write tells
		return true
	}
}

// write writes what the kernel takes at once, and says how much that was. Whoever writes the rest learns of an error.
func (w *rawWriter) write(s *socket, b []byte) int {
	if w.raw == nil {
		n, _ := s.Write(b)
		return n
	}
	w.bytes, w.n = b, 0
	if w.raw.Write(w.attempt) != nil {
		return 0
	}
	return max(w.n, 0)
}
