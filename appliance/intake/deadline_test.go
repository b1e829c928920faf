package intake

import (
	"bufio"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A read or write is woken when its time is over, never before, and what woke it does not outlast it.
func TestDeadlineWakes(t *testing.T) {
	var d deadline
	var set []time.Time
	socket := func(at time.Time) error { set = append(set, at); return nil }
	for _, step := range []struct {
		name string
		do   func()
		want int
	}{
		{"nothing is waited for", func() { d.wake(100, socket) }, 0},
		{"a wait begins", func() { d.begin(50) }, 0},
		{"its time is not over", func() { d.wake(49, socket) }, 0},
		{"its time is over", func() { d.wake(50, socket) }, 1},
		{"it is woken once", func() { d.wake(60, socket) }, 1},
		{"it ends", func() { d.end(socket) }, 2},
		{"a wait begins and ends in time", func() { d.begin(70); d.end(socket) }, 2},
		{"it is not woken any more", func() { d.wake(80, socket) }, 2},
	} {
		if step.do(); len(set) != step.want {
			t.Fatalf("%s: the socket's deadline was set %d times, not %d", step.name, len(set), step.want)
		}
	}
	if !set[0].Equal(longPast) || !set[1].IsZero() {
		t.Errorf("it was set to %v and then %v", set[0], set[1])
	}
}

// However waking and ending meet, between two waits the socket has no deadline.
func TestDeadlineRaces(t *testing.T) {
	var d deadline
	var at atomic.Int64 // of the socket's deadline, seconds
	socket := func(to time.Time) error {
		if to.IsZero() {
			at.Store(0)
		} else {
			at.Store(to.Unix())
		}
		return nil
	}
	var clock atomic.Int64
	done := make(chan struct{})
	var waker sync.WaitGroup
	waker.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				d.wake(clock.Load(), socket)
			}
		}
	})
	woken := 0
	for i := int64(1); i <= 200_000; i++ {
		d.begin(i)
		clock.Store(i)
		if i%64 == 0 {
			time.Sleep(time.Microsecond)
		}
		if d.by.Load() == missed {
			woken++
		}
		if d.end(socket); at.Load() != 0 {
			t.Fatalf("after wait %d the socket's deadline is %d", i, at.Load())
		}
	}
	close(done)
	waker.Wait()
	if woken == 0 {
		t.Error("nobody was woken: the test shows nothing")
	}
}

// Each thing a client may be slow in has its own time, and another does not shorten it.
func TestTimesOfARequest(t *testing.T) {
	const short, long = 150 * time.Millisecond, 10 * time.Minute
	large := post("slow", `{"x":"`+strings.Repeat("x", smallBody)+`"}`)
	head := len(large) - smallBody - 8
	for _, c := range []struct {
		name                  string
		header, request, idle time.Duration
		sent                  string // then nothing
		answers               int    // before the connection ends
		last                  int    // status
	}{
		{"nothing", short, long, long, "", 1, 408},
		{"half a header", short, long, long, large[:20], 1, 408},
		{"half a header behind a request", short, long, long, post("slow", "{}") + large[:20], 2, 408},
		{"half a small body", short, long, long, post("slow", "{}")[:len(post("slow", "{}"))-1], 1, 408},
		{"half a large body", long, long + short, long, large[:head], 1, 408},
		{"half a large body and more", long, long + short, long, large[:head+100], 1, 408},
		{"nothing more", long, long, short, post("slow", "{}"), 1, 202},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, func(o *Options) { o.HeaderTimeout, o.ReadTimeout, o.IdleTimeout = c.header, c.request, c.idle })
			begun := time.Now()
			conn := r.dial(t)
			if _, err := io.WriteString(conn, c.sent); err != nil {
				t.Fatal(err)
			}
			b := bufio.NewReader(conn)
			for i := range c.answers {
				a, err := readReply(b)
				if err != nil {
					t.Fatalf("answer %d: %v", i, err)
				}
				if want := map[bool]int{true: c.last, false: 202}[i == c.answers-1]; a.status != want {
					t.Errorf("answer %d: %d %s", i, a.status, a.body)
				}
			}
			if _, err := b.ReadByte(); err != io.EOF {
				t.Errorf("the connection does not end: %v", err)
			}
			if took := time.Since(begun); took < short {
				t.Errorf("it ended after %v: before its time", took)
			}
		})
	}
}
