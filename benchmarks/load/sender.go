package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// sender is one connection's worth of load, in a closed loop. It owns its keys: nobody else sends for them, so their order is its own.
//
// A request whose answer it did not read to the end is of unknown fate: it is never sent again, and the sender ends with it.
type sender struct {
	w     *workload
	shape *shape
	book  *book
	addr  string
	rng   *rand.Rand
	of    int     // how many senders there are: the keys it owns are number, number+of, number+2·of, … in every topic
	keys  []int   // those
	slot  []int32 // key/of → the key's run in out, counted from 1; 0 is none

	conn   net.Conn
	in     *bufio.Reader
	out    sending
	events []byte // the events of a request, bare
	req    []byte
	zipped bytes.Buffer

	sent stats
}

func newSender(w *workload, sh *shape, b *book, addr string, number, of int) *sender {
	s := &sender{w: w, shape: sh, book: b, addr: addr, of: of, rng: rand.New(rand.NewPCG(w.Seed, uint64(number)+uint64(b.round)<<32))}
	for k := number; k < w.Keys; k += of {
		s.keys = append(s.keys, k)
	}
	s.slot = make([]int32, len(s.keys))
	s.sent.init()
	return s
}

var (
	// errUnseen says that a request was sent, wholly or in part, and its answer was not seen to its end.
	errUnseen = errors.New("the answer was not seen")
	// errUnreached says that there was no connection to send on.
	errUnreached = errors.New("the server can't be reached")
)

// one sends one request of at most so many events, settles it in the book, and returns how many events were acknowledged: none when stop
// was closed while the server refused them. The error is of errUnseen or errUnreached, or tells of an answer that is none of the expected.
func (s *sender) one(atMost int64, stop <-chan struct{}) (acked int64, err error) {
	if s.conn == nil {
		if s.conn, err = net.DialTimeout("tcp", s.addr, s.shape.Timeout); err != nil {
			return 0, fmt.Errorf("%w: %w", errUnreached, err)
		}
		s.in = bufio.NewReaderSize(s.conn, 4<<10)
	}
	s.build(atMost)
	for began := time.Now(); ; {
		answer, err := s.exchange()
		if err != nil {
			s.book.unknown(&s.out)
			s.close()
			return 0, fmt.Errorf("%w: %w", errUnseen, err)
		}
		switch {
		case answer.status == http.StatusAccepted:
			s.book.acked(&s.out)
			acked = s.out.events()
			s.sent.note(acked, len(s.events), time.Since(began))
			if answer.last {
				s.close()
			}
			return acked, nil
		case answer.status != http.StatusServiceUnavailable:
			s.book.unknown(&s.out)
			s.close()
			return 0, fmt.Errorf("status %d for a request of %d events to topic %s", answer.status, s.out.events(), s.w.name(s.out.topic))
		}
		// A 503 is a promise that nothing of it was kept, so the same request may be sent again.
		s.sent.retries++
		if time.Since(began) > s.shape.Timeout {
			s.book.refused(&s.out)
			return 0, fmt.Errorf("status 503 for %v", time.Since(began).Round(time.Second))
		}
		if !sleep(min(answer.wait, s.shape.RetryMax), stop) {
			s.book.refused(&s.out)
			return 0, nil
		}
		if answer.last {
			s.close()
			if s.conn, err = net.DialTimeout("tcp", s.addr, s.shape.Timeout); err != nil {
				s.book.refused(&s.out)
				return 0, fmt.Errorf("%w: %w", errUnreached, err)
			}
			s.in = bufio.NewReaderSize(s.conn, 4<<10)
		}
	}
}

// sleep sleeps, and is false when stop was closed meanwhile.
func sleep(d time.Duration, stop <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-stop:
		return false
	case <-timer.C:
		return true
	}
}

func (s *sender) close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// exchange sends s.req and reads the whole answer.
func (s *sender) exchange() (answer, error) {
	if err := s.conn.SetDeadline(time.Now().Add(s.shape.Timeout)); err != nil {
		return answer{}, err
	}
	if _, err := s.conn.Write(s.req); err != nil {
		return answer{}, err
	}
	return readAnswer(s.in)
}

// answer is what we need of an HTTP answer.
type answer struct {
	status int
	wait   time.Duration // Retry-After, or what we think is decent
	last   bool          // the server closes the connection
}

// readAnswer reads one HTTP/1.1 answer to its end. Its length must be told: these answers are a few bytes.
func readAnswer(in *bufio.Reader) (a answer, err error) {
	a.wait = 100 * time.Millisecond
	length := 0
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return a, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if first {
			if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
				return a, fmt.Errorf("no HTTP answer: %q", line)
			}
			if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return a, fmt.Errorf("no HTTP answer: %q", line)
			}
			continue
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 || length > 1<<20 {
				return a, fmt.Errorf("an answer of strange length: %q", line)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return a, fmt.Errorf("an answer in an unexpected form: %q", line)
		case bytes.EqualFold(name, []byte("Retry-After")):
			if n, err := strconv.Atoi(string(value)); err == nil && n >= 0 && n <= 3600 {
				a.wait = time.Duration(n) * time.Second
			}
		case bytes.EqualFold(name, []byte("Connection")):
			a.last = bytes.EqualFold(value, []byte("close"))
		}
	}
	_, err = in.Discard(length)
	return a, err
}
