package drive

import (
	"io"
	"net"
	"sync"
	"time"
)

// closed keeps the connection's window full until no more is to be sent, and receives what is due then.
func (c *conn) closed() {
	for {
		if c.sock.Load() == nil && !c.reopen() {
			return
		}
		err := c.refill()
		if err == nil {
			if c.due.empty() {
				return
			}
			err = c.receive()
		}
		if err != nil {
			c.lose(err)
		}
	}
}

// outMost is how much is put together for one write.
const outMost = 64 << 10

// refill sends as many requests as the window has room for.
func (c *conn) refill() error {
	if c.due.full() {
		return nil
	}
	s := c.sock.Load()
	now := c.l.now()
	c.out = c.out[:0]
	for !c.due.full() && c.l.take() {
		at := int32(c.at)
		r := c.next()
		c.due.push(entry{now, now, at})
		if c.l.Pipeline == 1 {
			_, err := s.Write(r.Bytes)
			return err
		}
		if len(c.out)+len(r.Bytes) > outMost && len(c.out) > 0 {
			if _, err := s.Write(c.out); err != nil {
				return err
			}
			c.out = c.out[:0]
		}
		c.out = append(c.out, r.Bytes...)
	}
	if len(c.out) == 0 {
		return nil
	}
	_, err := s.Write(c.out)
	return err
}

// receive takes one answer, and those that came with it.
func (c *conn) receive() error {
	pause := false
	for first := true; first || !c.due.empty() && c.in.Buffered() > 0; first = false {
		a, err := c.l.read(c.in)
		if err != nil {
			return err
		}
		c.settle(a)
		pause = pause || a.verdict == overloaded
		if a.last {
			return errLast
		}
	}
	if pause && c.l.Pause > 0 && !c.l.stop.Load() {
		time.Sleep(c.l.Pause)
	}
	return nil
}

// stream sends without a pause where nobody answers: the connection's own flow control is the loop.
func (c *conn) stream() {
	for {
		if c.sock.Load() == nil && !c.reopen() {
			return
		}
		s := c.sock.Load()
		for c.l.take() {
			r := c.next()
			err := s.SetWriteDeadline(time.Now().Add(c.l.Timeout))
			if err == nil {
				_, err = s.Write(r.Bytes)
			}
			if err != nil {
				c.lose(err)
				break
			}
			c.group.note(r, 0, 0)
		}
		if c.sock.Load() != nil {
			c.finish()
			return
		}
	}
}

// finish ends a stream and waits until the server has read all of it and ended it, too.
func (c *conn) finish() {
	s := c.sock.Load()
	if !s.closeWrite() {
		return
	}
	_ = s.SetDeadline(time.Now().Add(c.l.Timeout)) // fails when it is closed, and so does the next
	_, _ = io.Copy(io.Discard, onlyReader{s})
	s.Close()
}

// endStreams ends an open loop's streams, where nobody answers, and waits for those who read them.
func (l *load) endStreams(readers *sync.WaitGroup) {
	if l.answered() {
		return
	}
	ended := false
	for _, c := range l.conns {
		c.mu.Lock()
		if s := c.sock.Load(); s != nil && s.closeWrite() {
			ended = true
		}
		c.mu.Unlock()
	}
	if !ended {
		return
	}
	done := make(chan struct{})
	go func() { readers.Wait(); close(done) }()
	timer := time.NewTimer(l.Timeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// closeWrite says that no more comes; false where that can't be said.
func (s *socket) closeWrite() bool {
	end, can := s.Conn.(interface{ CloseWrite() error })
	return can && end.CloseWrite() == nil
}

// onlyReader hides what else a connection can do: splicing into nothing.
type onlyReader struct{ net.Conn }
