package intake

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"penstock/wire"
	"penstock/wire/graphite"
	"penstock/wire/kairosdb"
)

// The real wires behind their doors: what is stored, what is refused, and what is said back.
func TestWiresOfLines(t *testing.T) {
	r := start(t, func(o *Options) {
		o.Formats = []wire.Format{graphite.Format, kairosdb.New(kairosdb.Settings{Feedback: true})}
		o.Streams = map[string]string{"telnet": "127.0.0.1:0", "graphite": "127.0.0.1:0", "pickle": "127.0.0.1:0"}
		o.Topics = map[string]map[wire.Kind]string{"kairosdb": {wire.KindMetric: "kairos"}}
	})
	telnet := dial(t, r.at("telnet"))
	tell(t, telnet, "put load_value_test 1349109376 12.5 host=A\r\nput load_value_test x 1 host=A\nversion\n")
	answers := bufio.NewReader(telnet)
	for _, want := range []string{"put", "KairosDB"} {
		if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, want) {
			t.Errorf("telnet said %q, %v, want %s", line, err, want)
		}
	}
	r.waitStored(t, "kairos", 1)

	tell(t, dial(t, r.at("graphite")), "servers.web01.load 1.5 1795324341\nnothing 1 1795324341\n")
	tell(t, r.dialUDP(t, "graphite", "127.0.0.1"), "servers.web02.load 2.5 1795324341")
	pickle := "\x80\x02]X\x12\x00\x00\x00servers.web03.loadJ5\x97\x02kG@\x0c\x00\x00\x00\x00\x00\x00\x86\x86a."
	frame := fmt.Sprintf("\x00\x00\x00%c%s", len(pickle), pickle)
	tell(t, dial(t, r.at("pickle")), frame+frame)
	tell(t, r.dialUDP(t, "pickle", "127.0.0.1"), frame)
	r.waitStored(t, "metrics", 5)
	hosts := map[string]int{}
	for _, line := range r.lines(t, "metrics") {
		for _, host := range []string{"web01", "web02", "web03"} {
			if strings.Contains(line, host) {
				hosts[host]++
			}
		}
	}
	if fmt.Sprint(hosts) != "map[web01:1 web02:1 web03:3]" {
		t.Errorf("stored %v: %q", hosts, r.lines(t, "metrics"))
	}

	cut := dial(t, r.at("pickle"))
	tell(t, cut, "\x7f\xff\xff\xff")
	if said := gone(t, cut); said != "" {
		t.Errorf("pickle said %q", said)
	}
	eventually(t, "three refusals are kept", func() bool { return len(r.refused(t)) == 3 })
	for _, kept := range r.refused(t) {
		if kept.Peer != "127.0.0.1" || kept.Reason == "" || kept.Wire != "graphite" && kept.Wire != "kairosdb" {
			t.Errorf("kept %+v", kept)
		}
	}
	if s := r.Stats(); len(s.Streams) != 3 || s.Wires[0].Stored != 5 || s.Wires[1].Stored != 1 || s.Wires[1].Refused != 1 {
		t.Errorf("counted %+v %+v", s.Streams, s.Wires)
	}
}

// A client that goes away at once leaves nothing behind.
func TestStream_ScannedPort(t *testing.T) {
	r := startToy(t, nil)
	for range 20 {
		c, err := net.Dial("tcp", r.at("toy"))
		if err != nil {
			t.Fatal(err)
		}
		_ = c.(*net.TCPConn).SetLinger(0) // closed with a reset
		_, _ = io.WriteString(c, "half a li")
		_ = c.Close()
	}
	eventually(t, "all are gone", func() bool {
		open, accepted := 0, uint64(0)
		for _, l := range r.Stats().Listeners {
			if l.Scheme == "toy" {
				open, accepted = open+l.Open, accepted+l.Accepted
			}
		}
		return open == 0 && accepted == 20
	})
	if n := r.stored("events"); n != 0 {
		t.Errorf("%d halves of lines are stored after a reset", n)
	}
}
