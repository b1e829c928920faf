package intake

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// What bodies were read into goes from connection to connection: those that have sent one and are silent hold nothing, and the next is not made anew.
func TestBodiesGoFromConnectionToConnection(t *testing.T) {
	r := start(t, withLines)
	body := strings.Repeat(event, 1500)
	kept := func() int {
		r.bodies.mu.Lock()
		defer r.bodies.mu.Unlock()
		return r.bodies.kept
	}
	for name, request := range map[string]string{
		"a length":    post("bodies", body),
		"chunks":      head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
		"no route":    say("POST", "/nowhere", body),
		"not taken":   say("POST", "/lines/version/k", "all bad"+strings.Repeat(" ", len(body))),
		"bad framing": post("bodies", body, "Host: another"),
	} {
		for range 5 {
			r.one(t, request) // its connection stays open
		}
		if got, most := kept(), 2*spareSize(len(body)); got > most {
			t.Fatalf("%s: %d bytes are kept for the next, want at most %d", name, got, most)
		}
	}
	quiet, had := r.dial(t), kept()
	if had == 0 {
		t.Fatal("nothing is kept for the next")
	}
	if _, err := io.WriteString(quiet, head+"Transfer-Encoding: chunked\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one that announces chunks had what was there", func() bool { return kept() < had })
	r.one(t, post("bodies", body))
	before := kept()
	refused := fmt.Sprintf("POST /nowhere HTTP/1.1\r\nHost: penstock\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	if a := r.one(t, refused); a.status != 404 || kept() != before {
		t.Fatalf("%d, and of %d bytes %d are left for the next by a body that was not wanted", a.status, before, kept())
	}
	for range 5 {
		c := r.dial(t)
		if _, err := io.WriteString(c, post("bodies", body)[:len(body)/2]); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a body was on its way", func() bool { return kept() < before })
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "what a body that broke off had was there for the next", func() bool { return kept() == before })
	}
}

// A request that waits for the disk holds neither body nor bench, unless something is wanted of them yet: any number may wait behind a disk that hangs with
// the memory of one. All are told right when it goes on.
func TestWhoWaitsForTheDiskHasNoBench(t *testing.T) {
	r, d := openTroubled(t)
	goOn := make(chan struct{})
	hang := func(call, _ string) error {
		if call == "sync" {
			<-goOn
		}
		return nil
	}
	d.trouble.Store(&hang)
	r.run(t)
	workers := r.doors[0].workers
	state := func() (alive, benches, bodies int) {
		workers.mu.Lock()
		defer workers.mu.Unlock()
		r.bodies.mu.Lock()
		defer r.bodies.mu.Unlock()
		return workers.alive, len(workers.benches), r.bodies.kept
	}
	var waiting []net.Conn
	send := func(request string, benches, bodies int) {
		t.Helper()
		c := r.dial(t)
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, c)
		eventually(t, fmt.Sprintf("%d requests waited, with %d benches and %d bytes given back", len(waiting), benches, bodies), func() bool {
			a, b, n := state()
			return a == len(waiting) && b == benches && n == bodies
		})
	}
	large := strings.Repeat("x", 10<<10)
	for i := range 6 {
		send(post("a", fmt.Sprintf(`{"n":"%d%s"}`, i, large)), 1, 16<<10)
	}
	send(say("POST", "/lines/exact/k", large+"\nbad\n"+large), 0, 16<<10)
	send(post("a", `{"n":"7`+large+`"}`), 1, 16<<10)
	close(goOn)
	d.trouble.Store(nil)

	for i, c := range waiting {
		a, err := readReply(bufio.NewReader(c))
		want := "202 "
		if i == 6 {
			want = "200 2 items, 1 bad, params k , in the format's own words"
		}
		if got := fmt.Sprint(a.status, " ", a.body); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("request %d: %s, %v", i, got, err)
		}
	}
	eventually(t, "all benches were idle", func() bool { _, benches, _ := state(); return benches == 2 })
	if got := len(r.texts(t, "a")); got != 7 {
		t.Errorf("topic a has %d records", got)
	}
	if got := r.refused(t); len(got) != 1 || got[0].Raw != "bad" {
		t.Errorf("kept of what was refused: %+v", got)
	}
	stats := r.Stats()
	at := slices.IndexFunc(stats.Wires, func(w WireStats) bool { return w.Name == "interana" })
	if w := stats.Wires[at]; w.Received != 7 || w.Stored != 7 || stats.Listeners[0].Panics != 0 {
		t.Errorf("%+v", w)
	}
}
