package intake

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"penstock/appliance/shard"
	"penstock/tuning"
	"penstock/wire"
	"penstock/wire/interana"
)

func TestEncodings(t *testing.T) {
	r := start(t, nil)
	plain := strings.Repeat(event, 10)
	for _, c := range []struct{ name, encoding, body string }{
		{"none", "", plain},
		{"gzip", "gzip", string(gzipped(t, plain))},
		{"deflate as zlib", "deflate", string(zlibbed(t, plain))},
		{"deflate, bare", "deflate", string(deflated(t, plain))},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := r.stored("encodings")
			fields := []string{"Content-Type: application/json"}
			if c.encoding != "" {
				fields = append(fields, "Content-Encoding: "+c.encoding)
			}
			if a := r.one(t, post("encodings", c.body, fields...)); a.status != 202 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if n := r.stored("encodings") - before; n != 10 {
				t.Fatalf("%d records are stored, want 10", n)
			}
		})
	}
}

func TestPolicies(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct {
		name, field  string
		status       int
		ack, where   string
		mentionsAll3 bool
	}{
		{"none asked", "X-Nothing: 1", 202, "", "", false},
		{"disk", "Penstock-Ack: disk", 202, "disk", "policies/", false},
		{"log", "penstock-ack: log", 202, "log", "policies/", false},
		{"ring", "Penstock-Ack: ring", 202, "ring", "", false},
		{"unknown", "Penstock-Ack: Disk", 400, "", "", true},
		{"empty", "Penstock-Ack:", 400, "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := r.one(t, post("policies", event, c.field))
			ack, where := a.header.Get("Penstock-Ack"), a.header.Get("Penstock-Position")
			if a.status != c.status || ack != c.ack || !strings.HasPrefix(where, c.where) || (c.where == "") != (where == "") {
				t.Fatalf("%d, Penstock-Ack %q, Penstock-Position %q, %s", a.status, ack, where, a.body)
			}
			if c.mentionsAll3 && !(strings.Contains(a.body, "disk") && strings.Contains(a.body, "log") && strings.Contains(a.body, "ring")) {
				t.Errorf("the refusal does not name the policies: %q", a.body)
			}
		})
	}
}

// The position is the truth: first and last are as far apart as there were records.
func TestPositionCounts(t *testing.T) {
	r := start(t, nil)
	a := r.one(t, post("position", strings.Repeat(event, 5), "Penstock-Ack: log"))
	var shardNumber, first, last int64
	if _, err := fmt.Sscanf(a.header.Get("Penstock-Position"), "position/%d@%d-%d", &shardNumber, &first, &last); err != nil {
		t.Fatalf("%q: %v", a.header.Get("Penstock-Position"), err)
	}
	if last-first != 4 {
		t.Errorf("five records at %d to %d", first, last)
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		err  error
		want wire.Verdict
	}{
		{nil, wire.Stored},
		{shard.ErrBusy, wire.Busy},
		{shard.ErrFull, wire.Busy},
		{shard.ErrTopics, wire.Busy},
		{shard.ErrClosing, wire.Busy},
		{shard.ErrTimeout, wire.Busy},
		{fmt.Errorf("shard 3: %w", shard.ErrFull), wire.Busy},
		{shard.ErrTooLarge, wire.Refused},
		{shard.ErrSync, wire.Busy},
		{shard.ErrSick, wire.Busy},
		{shard.ErrUnderWay, wire.Busy},
		{errors.New("something else"), wire.Failed},
	} {
		got, reason := verdictOf(c.err)
		if got != c.want {
			t.Errorf("%v: verdict %d, want %d", c.err, got, c.want)
		}
		if needs := got == wire.Busy || got == wire.Failed; needs != (reason != "") {
			t.Errorf("%v: reason %q", c.err, reason)
		}
	}
}

// When the shards no longer take records, the reply is the format's own "busy", with a time to come back, and the connection lives.
func TestBusyWhileShardsClose(t *testing.T) {
	r := start(t, nil)
	if err := r.set.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	answers, closed := r.talk(t, post("late", event)+post("late", event), 2)
	if closed || len(answers) != 2 {
		t.Fatalf("%d answers, closed %v", len(answers), closed)
	}
	for _, a := range answers {
		if a.status != 503 || a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, `"busy"`) {
			t.Fatalf("%d, Retry-After %q, %s", a.status, a.header.Get("Retry-After"), a.body)
		}
	}
	if w := r.Stats().Wires[0]; w.Busy != 2 || w.Received != 2 || w.InFlight != 0 {
		t.Errorf("%+v", w)
	}
}

func TestPipelined(t *testing.T) {
	r := start(t, nil)
	const n = 100
	var b strings.Builder
	for i := range n {
		b.WriteString(post(fmt.Sprintf("pipelined%d", i%3), event))
	}
	answers, _ := r.talk(t, b.String(), n)
	if len(answers) != n {
		t.Fatalf("%d answers", len(answers))
	}
	for i, a := range answers {
		if a.status != 202 {
			t.Fatalf("request %d: %d %s", i, a.status, a.body)
		}
	}
	if got := r.stored("pipelined0") + r.stored("pipelined1") + r.stored("pipelined2"); got != n {
		t.Errorf("%d records, want %d", got, n)
	}
}

// A chunked body may come in any pieces; alone on its connection it leaves the connection open.
func TestChunkedPiecemeal(t *testing.T) {
	r := start(t, nil)
	c := r.dial(t)
	b := bufio.NewReader(c)
	for range 3 {
		for _, piece := range []string{head, "Transfer-Encoding: chunked\r\n\r", "\n7\r", "\n" + one[:3], one[3:] + "\r\n", "0\r\n", "\r", "\n"} {
			if _, err := io.WriteString(c, piece); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond) // let it arrive as a piece of its own; nothing depends on it
		}
		a, err := readReply(b)
		if err != nil || a.status != 202 || a.close {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	if n := r.stored("raw"); n != 3 {
		t.Errorf("%d records", n)
	}
}

// A client that asks first gets its "go on" even on a connection that has been idle longer than a write may take.
func TestContinueAfterIdling(t *testing.T) {
	r := start(t, func(o *Options) { o.WriteTimeout = 50 * time.Millisecond })
	c := r.dial(t)
	b := bufio.NewReader(c)
	for range 2 {
		if _, err := io.WriteString(c, head+"Expect: 100-continue\r\nContent-Length: 7\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		line, err := b.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
			t.Fatalf("%q, %v", line, err)
		}
		if _, err := io.WriteString(c, one); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Discard(2); err != nil { // the empty line behind the 100
			t.Fatal(err)
		}
		if a, err := readReply(b); err != nil || a.status != 202 {
			t.Fatalf("%+v, %v", a, err)
		}
		time.Sleep(150 * time.Millisecond)
	}
}

// A client that drips a byte now and then is cut at its deadline, wherever it drips: the bytes do not extend it.
func TestSlowClients(t *testing.T) {
	r := start(t, func(o *Options) {
		o.HeaderTimeout, o.ReadTimeout, o.IdleTimeout = 100*time.Millisecond, 200*time.Millisecond, 100*time.Millisecond
	})
	for _, c := range []struct {
		name, first string
		drip        string
		answers     []int
	}{
		{"says nothing", "", "", []int{408}},
		{"drips a header", head, "X-A: b\r\n", []int{408}},
		{"drips a body", head + "Content-Length: 100000\r\n\r\n", " ", []int{408}},
		{"drips chunks", head + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", []int{408}},
		{"idles after a request", post("slow", event), "", []int{202}},
		{"drips its second request", post("slow", event) + head, "X-A: b\r\n", []int{202, 408}},
		{"promises a body and sends none", head + "Expect: 100-continue\r\nContent-Length: 7\r\n\r\n", "", []int{408}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := r.dial(t)
			stop := make(chan struct{})
			dripped := make(chan struct{})
			go func() {
				defer close(dripped)
				_, err := io.WriteString(conn, c.first)
				for err == nil {
					select {
					case <-stop:
						return
					case <-time.After(10 * time.Millisecond):
						_, err = io.WriteString(conn, c.drip)
					}
				}
			}()
			answers, closed := converse(t, conn, "", len(c.answers)+1)
			close(stop)
			<-dripped
			if !closed {
				t.Fatal("the connection lives on")
			}
			var got []int
			for _, a := range answers {
				got = append(got, a.status)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.answers) {
				t.Fatalf("answered %v, want %v", got, c.answers)
			}
		})
	}
	eventually(t, "all connections were gone", func() bool { return r.Stats().Listeners[0].Open == 0 })
}

// A client that is refused while it is still sending can send to the end and then read why: a connection closed on unread bytes
// would be reset under it.
func TestRefusedClientCanFinish(t *testing.T) {
	r := start(t, func(o *Options) { o.MaxBody = rawBody })
	c := r.dial(t)
	if err := c.(*net.TCPConn).SetWriteBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, post("large", strings.Repeat(" ", drainBytes-1<<20))); err != nil {
		t.Fatalf("the client could not finish: %v", err)
	}
	if a, err := readReply(bufio.NewReader(c)); err != nil || a.status != 413 || !a.close {
		t.Fatalf("%+v, %v", a, err)
	}
}

// A client that never reads its answers is let go as well: nothing waits for it without end.
func TestClientThatNeverReads(t *testing.T) {
	r := start(t, func(o *Options) { o.WriteTimeout = 100 * time.Millisecond })
	c := r.dial(t)
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	unknown := strings.Repeat("GET /nothing HTTP/1.1\r\nHost: penstock\r\n\r\n", 1000)
	for {
		_, err := io.WriteString(c, unknown)
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			t.Fatal("the server neither reads nor lets go")
		}
		if err != nil {
			break // the server has closed it
		}
	}
	eventually(t, "the connection was gone", func() bool { return r.Stats().Listeners[0].Open == 0 })
}

// Announcing large bodies takes memory; together they may take so much and no more, and what they took is given back.
func TestBufferedIsBounded(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			r := start(t, func(o *Options) {
				o.MaxBuffered, o.HTTPS, o.DataDir = 2<<20, "127.0.0.1:0", t.TempDir()
				o.HeaderTimeout, o.ReadTimeout = patience, 2*patience
			})
			dial := func() net.Conn {
				c := dial(t, r.Addrs()[scheme].String())
				if scheme == "https" {
					return tls.Client(c, &tls.Config{InsecureSkipVerify: true})
				}
				return c
			}
			large := head + fmt.Sprintf("Content-Length: %d\r\n\r\n", 900<<10)
			var held []net.Conn
			for range 2 {
				c := dial()
				if _, err := io.WriteString(c, large); err != nil {
					t.Fatal(err)
				}
				held = append(held, c)
			}
			eventually(t, "two bodies held their room", func() bool { return r.Stats().Buffered == 2*900<<10 })
			a, closed := converse(t, dial(), large, 2)
			if !closed || len(a) != 1 || a[0].status != 503 || a[0].header.Get("Retry-After") != "1" {
				t.Fatalf("a third: %+v", a)
			}
			if a, _ := converse(t, dial(), post("small", event), 1); a[0].status != 202 {
				t.Fatal("a small body was refused")
			}
			if a, _ := converse(t, held[0], strings.Repeat(" ", 900<<10-len(one))+one, 1); a[0].status != 202 {
				t.Fatal("a body that had its room was refused")
			}
			if err := held[1].Close(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "all room was given back", func() bool { return r.Stats().Buffered == 0 })
		})
	}
}

func TestTwoListenersShareConnections(t *testing.T) {
	r := start(t, func(o *Options) { o.Listeners = 2 })
	eventually(t, "both listeners had a connection", func() bool {
		if a := r.one(t, post("two", event)); a.status != 202 {
			t.Fatalf("%d", a.status)
		}
		l := r.Stats().Listeners
		return len(l) == 2 && l[0].Address == l[1].Address && l[0].Accepted > 0 && l[1].Accepted > 0 && l[0].Requests > 0 && l[1].Requests > 0
	})
}

// TestSteeredListeners connects from one CPU only: one of the listeners has all the connections.
func TestSteeredListeners(t *testing.T) {
	cpus, err := tuning.CPUs()
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, func(o *Options) { o.Listeners, o.Steer = 2, true })
	const connections = 12
	dialed := make(chan error)
	go func() { // its thread goes with it
		if err := tuning.Pin(cpus[0]); err != nil {
			dialed <- err
			return
		}
		for range connections {
			c, err := net.DialTimeout("tcp", r.addr, patience)
			if err == nil {
				err = c.Close()
			}
			dialed <- err
		}
	}()
	for range connections {
		if err := <-dialed; err != nil {
			t.Fatal(err)
		}
	}
	var l []ListenerStats
	eventually(t, "all connections were taken", func() bool {
		l = r.Stats().Listeners
		return l[0].Accepted+l[1].Accepted == connections
	})
	if at := cpus[0] % 2; l[at].Accepted != connections {
		t.Errorf("from CPU %d: %d and %d connections", cpus[0], l[0].Accepted, l[1].Accepted)
	}
}

func TestAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	r := open(t, nil)
	for _, o := range []Options{{HTTP: addr}, {HTTPS: addr, DataDir: t.TempDir()}, {HTTP: r.addr}} {
		o.Set = r.set
		_, err := New(o)
		flag, where := "--http ", o.HTTP
		if o.HTTPS != "" {
			flag, where = "--https", o.HTTPS
		}
		if err == nil || !strings.Contains(err.Error(), where+" is in use") || !strings.Contains(err.Error()+" ", strings.TrimSpace(flag)) {
			t.Errorf("%v", err)
		}
	}
	// and a share of a port that another Server has opened to sharing is not taken either: r's is such a port
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestConnectionCaps(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*Options)
	}{
		{"over all", func(o *Options) { o.MaxConnections = 3 }},
		{"for one address", func(o *Options) { o.MaxConnsPerIP = 3 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, c.set)
			var held []net.Conn
			for range 3 {
				conn := r.dial(t)
				if a, closed := converse(t, conn, post("caps", event), 1); closed || a[0].status != 202 {
					t.Fatal("one of the first three was not served")
				}
				held = append(held, conn)
			}
			if a, closed := r.talk(t, "", 1); !closed || len(a) != 0 {
				t.Fatalf("a fourth was served: %+v", a)
			}
			if n := r.Stats().Listeners[0].TurnedAway; n != 1 {
				t.Errorf("%d turned away", n)
			}
			if err := held[0].Close(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a place was free again", func() bool {
				conn := r.dial(t)
				_, _ = io.WriteString(conn, post("caps", event)) // an error shows below
				a, err := readReply(bufio.NewReader(conn))
				_ = conn.Close()
				return err == nil && a.status == 202
			})
		})
	}
}

var bugsMade atomic.Int32 // parsers of oddFormat that have a bug

// oddFormat has a parser that is a bug, and one that waits.
func oddFormat(waiting chan<- struct{}, goOn <-chan struct{}) wire.Format {
	reply := func(dst []byte, o *wire.Outcome) wire.Reply {
		statuses := []int{wire.Stored: 200, wire.Refused: 400, wire.Busy: 429, wire.Failed: 500}
		return wire.Reply{Body: append(dst, o.Reason...), Status: statuses[o.Verdict]}
	}
	return wire.Format{Name: "odd", Routes: []wire.Route{
		{Methods: []string{"POST"}, Path: "/bug", Reply: reply, New: func() wire.Parser {
			bugsMade.Add(1)
			return parserFunc(func(*wire.Request, *wire.Batch) *wire.Fault {
				panic("BUG: this parser always has one")
			})
		}},
		{Methods: []string{"POST"}, Path: "/wait", Reply: reply, New: func() wire.Parser {
			return parserFunc(func(*wire.Request, *wire.Batch) *wire.Fault {
				waiting <- struct{}{}
				<-goOn
				return nil
			})
		}},
	}}
}

type parserFunc func(*wire.Request, *wire.Batch) *wire.Fault

func (f parserFunc) Parse(r *wire.Request, b *wire.Batch) *wire.Fault { return f(r, b) }

// A bug in a parser costs its request, not the process; its worker is not used again, and the log says it once.
func TestBugInParser(t *testing.T) {
	bugsMade.Store(0)
	r := start(t, func(o *Options) {
		o.Formats = append(o.Formats, oddFormat(nil, nil))
		o.MaxInFlight = 1 // so a worker that was not replaced would be missed
	})
	bug := "POST /bug HTTP/1.1\r\nHost: penstock\r\nContent-Length: 4\r\n\r\nsoil"
	answers, closed := r.talk(t, bug+bug+post("after", event)+bug+post("after", event), 5)
	if closed || len(answers) != 5 {
		t.Fatalf("%d answers", len(answers))
	}
	for i, want := range []int{500, 500, 202, 500, 202} {
		if answers[i].status != want {
			t.Errorf("answer %d is %d, want %d", i, answers[i].status, want)
		}
	}
	s := r.Stats()
	if s.Listeners[0].Panics != 3 || s.Wires[1].Requests != 3 || s.Wires[0].Stored != 2 {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(r.logs.String(), "BUG: this parser always has one"); n != 1 {
		t.Errorf("the log has the bug %d times", n)
	}
	if n := bugsMade.Load(); n != 3 {
		t.Errorf("%d parsers for three bugs: a worker was used again after one", n)
	}
	if w := r.doors[0].workers; len(w.all) != 1 {
		t.Errorf("%d tallies for one worker at a time", len(w.all))
	}
}

// When as many requests are in work as may be, the next is told to come back, in its own format.
func TestMaxInFlight(t *testing.T) {
	waiting, goOn := make(chan struct{}), make(chan struct{})
	r := start(t, func(o *Options) {
		o.Formats = append(o.Formats, oddFormat(waiting, goOn))
		o.MaxInFlight = 1
	})
	held := r.dial(t)
	if _, err := io.WriteString(held, "POST /wait HTTP/1.1\r\nHost: penstock\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-waiting
	a := r.one(t, post("shed", event))
	if a.status != 503 || a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, "too many requests") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := r.one(t, "POST /wait HTTP/1.1\r\nHost: penstock\r\nContent-Length: 0\r\n\r\n"); a.status != 429 {
		t.Fatalf("another format's busy is %d", a.status)
	}
	close(goOn)
	if a, err := readReply(bufio.NewReader(held)); err != nil || a.status != 200 {
		t.Fatalf("%+v, %v", a, err)
	}
	if n := r.Stats().Shed; n != 2 {
		t.Errorf("%d shed", n)
	}
}

// Close lets a request in work finish, tells its client that the connection ends, and does not wait for idle or silent clients.
func TestCloseIsGraceful(t *testing.T) {
	waiting, goOn := make(chan struct{}), make(chan struct{})
	r := open(t, func(o *Options) { o.Formats = append(o.Formats, oddFormat(waiting, goOn)) })
	served := make(chan error, 1)
	go func() { served <- r.Serve() }()

	idle, silent, busy := r.dial(t), r.dial(t), r.dial(t)
	if a, _ := converse(t, idle, post("idle", event), 1); a[0].status != 202 {
		t.Fatal("not served")
	}
	if _, err := io.WriteString(busy, "POST /wait HTTP/1.1\r\nHost: penstock\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-waiting
	eventually(t, "all three were accepted", func() bool { return r.Stats().Listeners[0].Open == 3 })

	closed := make(chan error, 1)
	go func() { closed <- r.Close(context.Background()) }() // no deadline: it must end by itself
	for _, c := range []net.Conn{idle, silent} {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a connection without a request got bytes")
		}
	}
	select {
	case err := <-closed:
		t.Fatalf("Close did not wait for the request in work: %v", err)
	default:
	}
	if _, err := net.Dial("tcp", r.addr); err == nil {
		t.Error("a new connection was taken while closing")
	}
	close(goOn)
	a, err := readReply(bufio.NewReader(busy))
	if err != nil || a.status != 200 || !a.close {
		t.Errorf("the request in work: %+v, %v", a, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := r.Close(context.Background()); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

// What does not end in time is cut, and Close says so.
func TestCloseIsBounded(t *testing.T) {
	waiting, goOn := make(chan struct{}), make(chan struct{})
	r := open(t, func(o *Options) { o.Formats = append(o.Formats, oddFormat(waiting, goOn)) })
	served := make(chan error, 1)
	go func() { served <- r.Serve() }()
	busy := r.dial(t)
	if _, err := io.WriteString(busy, "POST /wait HTTP/1.1\r\nHost: penstock\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-waiting
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err := r.Close(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 connections") {
		t.Errorf("%v", err)
	}
	if _, err := io.ReadAll(busy); err == nil {
		t.Log("the client saw an orderly end") // either is fine: it did not get an answer
	}
	close(goOn)
	if err := <-served; err != nil {
		t.Error(err)
	}
	eventually(t, "the cut request's goroutine ended", func() bool { return r.Stats().Listeners[0].Open == 0 })
}

// A Server that was opened and never served closes too.
func TestCloseWithoutServe(t *testing.T) {
	r := open(t, func(o *Options) { o.HTTPS, o.DataDir = "127.0.0.1:0", t.TempDir() })
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := r.Serve(); err != nil {
		t.Errorf("serving after closing: %v", err)
	}
}

func TestOptions(t *testing.T) {
	set := open(t, nil).set
	good := Options{HTTP: "127.0.0.1:0", Set: set, Formats: []wire.Format{interana.Format}}
	for _, c := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"no set", func(o *Options) { o.Set = nil }, "no shard set"},
		{"no address", func(o *Options) { o.HTTP = "off" }, "no address"},
		{"a certificate without key", func(o *Options) { o.CertFile = "cert.pem" }, "go together"},
		{"https without a place for a certificate", func(o *Options) { o.HTTPS = "127.0.0.1:0" }, "certificate"},
		{"a missing certificate", func(o *Options) { o.HTTPS, o.CertFile, o.KeyFile = "127.0.0.1:0", "/nowhere/c", "/nowhere/k" }, "/nowhere/c"},
		{"no listeners", func(o *Options) { o.Listeners = -1 }, "listeners is -1"},
		{"a tiny header", func(o *Options) { o.MaxHeader = 100 }, "max header"},
		{"no time", func(o *Options) { o.WriteTimeout = -1 }, "write timeout"},
		{"a header longer than its request", func(o *Options) { o.HeaderTimeout = time.Hour }, "header timeout"},
		{"a bad address", func(o *Options) { o.HTTP = "nonsense" }, "nonsense"},
		{"an address of another machine", func(o *Options) { o.HTTP = "192.0.2.1:80" }, "192.0.2.1:80"},
		{"two wires on one path", func(o *Options) { o.Formats = []wire.Format{interana.Format, interana.Format} }, "two wires"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good
			c.change(&o)
			if _, err := New(o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want it to say %q", err, c.want)
			}
		})
	}
}

// A flood of bombs is answered one by one and the process lives; what they inflate to is bounded by TestBombIsBounded.
func TestBombs(t *testing.T) {
	r := start(t, nil)
	zeros := string(gzipped(t, strings.Repeat("0", 64<<20)))
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"gzip, a thousand to one", post("bombs", zeros, "Content-Encoding: gzip"), 413},
		{"deflate, a thousand to one", post("bombs", string(zlibbed(t, strings.Repeat("0", 64<<20))), "Content-Encoding: deflate"), 413},
		{"a hundred thousand arrays deep", post("bombs", strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)), 400},
		{"a hundred thousand objects deep", post("bombs", strings.Repeat(`{"a":`, 100_000)+"1"+strings.Repeat("}", 100_000)), 400},
		{"never closed", post("bombs", strings.Repeat("[", 1<<20)), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 5 {
				if a := r.one(t, c.request); a.status != c.status {
					t.Fatalf("%d %s", a.status, a.body)
				}
			}
		})
	}
	if a := r.one(t, post("bombs", `{"digits":`+strings.Repeat("9", 1_000_000)+`}`)); a.status != 202 && a.status != 400 {
		t.Fatalf("a million digits: %d %s", a.status, a.body)
	}
	if n := r.Stats().Listeners[0].Panics; n != 0 {
		t.Fatalf("%d bugs", n)
	}
}

// The sums add up: everything received has an end.
func TestStatsConserve(t *testing.T) {
	r := start(t, nil)
	requests := strings.Repeat(post("sums", strings.Repeat(event, 7))+post("sums", `{"a":`)+post("", event), 5) + "GET /nothing HTTP/1.1\r\nHost: penstock\r\n\r\n"
	if a, _ := r.talk(t, requests, 16); len(a) != 16 {
		t.Fatalf("%d answers", len(a))
	}
	r.one(t, "GET / HTTP/2.0\r\nHost: penstock\r\n\r\n")
	s := r.Stats()
	w, l := s.Wires[0], s.Listeners[0]
	if w.Name != "interana" || w.Requests != 15 || w.Received != 45 || w.Stored != 35 || w.Refused != 10 || w.Busy+w.Failed+w.InFlight != 0 {
		t.Errorf("%+v", w)
	}
	if w.RefusedBy[wire.BadJSON]+w.RefusedBy[wire.NoTopic]+w.RefusedBy[wire.BadTopic] != 10 {
		t.Errorf("refused by code: %v", w.RefusedBy)
	}
	if want := uint64(5 * (7*len(event) + len(`{"a":`) + len(event))); w.Bytes != want {
		t.Errorf("%d bytes, want %d", w.Bytes, want)
	}
	if l.Unrouted != 1 || l.Malformed != 1 || l.Accepted != 2 {
		t.Errorf("%+v", l)
	}
}

// Keys travel in headers and in URLs. Whatever is wrong with a request, none of its bytes reach the log.
func TestNoSecretsInLog(t *testing.T) {
	r := start(t, func(o *Options) { o.HeaderTimeout = 300 * time.Millisecond })
	const secret = "c4n4ry"
	auth := "Authorization: Bearer " + secret + "\r\n"
	line := "POST /add_events?api_key=" + secret + " HTTP/1.1\r\nHost: penstock\r\n" + auth
	for i, request := range []string{
		line + "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n" + secret,
		line + "Content-Length: x" + secret + "\r\n\r\n",
		line + "Transfer-Encoding: " + secret + "\r\n\r\n",
		line + secret + "\r\n\r\n",
		line + "\x00" + secret + ": 1\r\n\r\n",
		line + "X: \x00" + secret + "\r\n\r\n",
		line + "Trailer: " + secret + ", content-length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		line + "Transfer-Encoding: chunked\r\n\r\n" + secret + "\r\n",
		line + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + secret + "\x00: 1\r\n\r\n",
		line + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: \x00" + secret + "\r\n\r\n",
		line + "X: " + strings.Repeat(secret, 4000) + "\r\n\r\n",
		line, // and then nothing
		"GET " + secret + " HTTP/1.1\r\n" + auth + "\r\n",
		"GET / HTTP/1.1\r\nHost: " + secret + " " + secret + "\r\n\r\n",
		"GET /" + secret + "\x01 HTTP/1.1\r\n" + auth + "\r\n",
		"GET / " + secret + "\r\n" + auth + "\r\n",
		secret + "\x7f / HTTP/1.1\r\n" + auth + "\r\n",
		secret + "\r\n\r\n",
	} {
		for range 3 {
			r.talk(t, request, 1)
		}
		r.quiet.pace.mu.Lock()
		r.quiet.pace.next = time.Time{} // let the log take one for each
		r.quiet.pace.mu.Unlock()
		if i > 0 && r.quiet.ended.Load() == 0 {
			t.Fatal("nothing was logged at all: the test proves nothing")
		}
	}
	logged := r.logs.String()
	if !strings.Contains(logged, "ended in an error") {
		t.Fatalf("the log has no line about them:\n%s", logged)
	}
	if strings.Contains(logged, secret) {
		t.Fatalf("the log has the secret:\n%s", logged)
	}
}
