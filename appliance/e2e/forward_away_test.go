package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// awayBatch is how many events a request has, of about 200 bytes each.
const awayBatch = 100

// awayRequest is a request for a topic, of events with keys.
func awayRequest(topic string) []byte {
	var body bytes.Buffer
	for i := range awayBatch {
		fmt.Fprintf(&body, `{"k":"k%d","n":%d,"fill":"%s"}`+"\n", i%bookKeys, i, strings.Repeat("y", 170))
	}
	return addEvents(topic, body.Bytes())
}

// forwardTo starts a server that forwards all topics to a broker.
func forwardTo(t *testing.T, b *broker, args ...string) *server {
	t.Helper()
	config := writeFile(t, "penstock.yml", fmt.Sprintf("forward:\n  lake: {to: \"kafka://%s\"}\n", b.Address))
	return startWide(t, append([]string{"--config", config}, args...)...)
}

// startWide starts a server for large requests.
func startWide(t *testing.T, args ...string) *server {
	t.Helper()
	return startBringing(t, append([]string{"--segment-bytes", "64MiB", "--max-body-bytes", "1MiB"}, args...)...)
}

// anonymous is a process's memory that is not a file's, in bytes: its heap and stacks, and not the mapped log.
func anonymous(t *testing.T, pid int) (size int64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			if _, err := fmt.Sscanf(rest, "%d kB", &size); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return size << 10
		}
	}
	t.Fatalf("no RssAnon in /proc/%d/status", pid)
	return 0
}

// flat is how far memory may grow while what waits for the broker grows by far more.
const flat = 16 << 20

// The broker is dead while events go on to come, as many as in an hour at a thousand a second when PENSTOCK_AWAY is 3600000: every request
// is acknowledged, memory stays where it was, and all is in the cluster soon after it is back.
func TestBrokerAway(t *testing.T) {
	if testing.Short() {
		t.Skip("a broker takes a while to start")
	}
	records := times("PENSTOCK_AWAY", 400_000)
	b := startBroker(t)
	type waiting struct {
		s            *server
		target, name string
		before       int64 // records
	}
	all := []*waiting{
		{s: forwardTo(t, b), target: "lake", name: "forward"},
		{s: startWide(t, "--log", "kafka://"+b.Address), target: "log", name: "--log"},
	}
	for _, w := range all {
		newPump(t, w.s.HTTP, awayRequest("away"+w.target), 4).send(100, 1)
		w.before = w.s.drained(w.target)
	}
	b.kill()
	for _, w := range all {
		p := newPump(t, w.s.HTTP, awayRequest("away"+w.target), 4)
		p.send(100, 4) // and nobody waits for the broker any more
		const parts = 8
		var memory []string
		var sizes []int64
		began := time.Now()
		for range parts {
			p.send(max(records/parts/awayBatch/len(p.conns), 1), 4)
			sizes = append(sizes, anonymous(t, w.s.cmd.Process.Pid))
			memory = append(memory, fmt.Sprintf("%.1f", float64(sizes[len(sizes)-1])/1e6))
		}
		t.Logf("%s: %d records while the broker is dead, %.0f a second; memory in MB after each eighth of them: %s",
			w.name, records, float64(records)/time.Since(began).Seconds(), strings.Join(memory, " "))
		if grown := slices.Max(sizes[parts/2:]) - slices.Max(sizes[:parts/2]); grown > flat {
			t.Errorf("%s: memory has grown by %d bytes in the second half", w.name, grown)
		}
		if away := w.s.metric(fmt.Sprintf(`penstock_forward_away{target="%s"}`, w.target)); away != 1 {
			t.Errorf("%s: the broker is dead, and the metrics say that it is not away", w.name)
		}
	}
	b.start()
	for _, w := range all {
		began := time.Now()
		if stored := w.s.stored(t, w.target); stored != w.before+int64(max(records/8/awayBatch/4, 1)*8*awayBatch*4)+400*awayBatch {
			t.Errorf("%s: %d records are stored", w.name, stored)
		} else if there := b.count("away" + w.target); there != stored {
			t.Errorf("%s: the cluster has %d records of %d", w.name, there, stored)
		}
		t.Logf("%s: drained in %v", w.name, time.Since(began).Round(time.Millisecond))
	}
}

// count is how many records a topic has.
func (b *broker) count(topic string) (n int64) {
	b.t.Helper()
	client := b.client()
	defer client.Close()
	ctx, cancel := context.WithTimeout(b.t.Context(), clientTime)
	defer cancel()
	all, err := ends(ctx, client, topic)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, end := range all {
		n += end
	}
	return n
}

// What a dead cluster costs ingest, beside one that takes everything and none at all, in turns of half a second within one run: the broker
// runs, is killed, or hangs. PENSTOCK_AWAY_ROUNDS is how often it is in each state, for PENSTOCK_AWAY_TURNS turns; `make away` asks for it, and
// .ci/run for as little as can be, so that it does not rot.
func TestBrokerAwayCosts(t *testing.T) {
	rounds := times("PENSTOCK_AWAY_ROUNDS", 0)
	if rounds == 0 {
		t.Skip("a benchmark: make away")
	}
	turns, turn := times("PENSTOCK_AWAY_TURNS", 20), 500*time.Millisecond
	b := startBroker(t, "log.retention.bytes=268435456", "log.segment.bytes=67108864", "log.retention.check.interval.ms=2000")
	const kept = "--retention-bytes=1GiB" // of what is in the cluster
	servers := []*measured{
		{name: "nowhere", s: startWide(t, kept)},
		{name: "forward", s: forwardTo(t, b, kept), target: "lake"},
		{name: "--log", s: startWide(t, kept, "--log", "kafka://"+b.Address), target: "log"},
	}
	for _, m := range servers {
		m.rates, m.costs = map[string][]float64{}, map[string][]float64{}
		m.p = newPump(t, m.s.HTTP, awayRequest("costs"+m.target), 8)
		m.p.send(1000, 1)
		m.drained()
	}
	states := []string{"runs", "is killed", "hangs"}
	for range rounds {
		for _, state := range states {
			back := b.leave(state)
			for _, m := range servers {
				m.p.send(50, 1) // until it is known
			}
			for i := range turns * len(servers) {
				m := servers[(i+i/len(servers))%len(servers)] // who is first takes turns
				m.measure(state, turn)
				if state == "runs" {
					m.drained()
				}
			}
			back()
			for _, m := range servers {
				m.drained()
			}
		}
	}
	fmt.Printf("records of about 200 bytes, %d a request, 8 connections, ack disk; medians of %d turns of %v, ratios turn by turn\n", awayBatch, rounds*turns, turn)
	fmt.Printf("| records go to | the broker | records/s | CPU s per million | rate, by that of nowhere | CPU, by that of nowhere |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, m := range servers {
		for _, state := range states {
			rates, costs := m.rates[state], m.costs[state]
			fmt.Printf("| %s | %s | %.0f | %.2f | %.3f | %.3f |\n", m.name, state, median(rates), median(costs),
				median(ratios(rates, servers[0].rates[state])), median(ratios(costs, servers[0].costs[state])))
		}
	}
}

// leave brings the broker into a state, and returns how to get it back.
func (b *broker) leave(state string) (back func()) {
	b.t.Helper()
	signal := func(s os.Signal) {
		if err := b.cmd.Process.Signal(s); err != nil {
			b.t.Fatal(err)
		}
	}
	switch state {
	case "is killed":
		b.kill()
		return b.start
	case "hangs":
		signal(syscall.SIGSTOP)
		return func() { signal(syscall.SIGCONT) }
	}
	return func() {}
}

// ratios are turn by turn.
func ratios(of, by []float64) (all []float64) {
	for i := range of {
		all = append(all, of[i]/by[i])
	}
	return all
}

// measured is a server under load, and what was measured by the broker's state.
type measured struct {
	name, target string
	s            *server
	p            *pump
	rates, costs map[string][]float64
}

// measure sends for a while.
func (m *measured) measure(state string, turn time.Duration) {
	pid := m.s.cmd.Process.Pid
	began, before, requests := time.Now(), processorOf(m.s.t, pid), 0
	for time.Since(began) < turn {
		m.p.send(10, 1)
		requests += 10 * len(m.p.conns)
	}
	records := float64(requests * awayBatch)
	m.rates[state] = append(m.rates[state], records/time.Since(began).Seconds())
	m.costs[state] = append(m.costs[state], (processorOf(m.s.t, pid)-before).Seconds()/records*1e6)
}

func (m *measured) drained() {
	if m.target != "" {
		m.s.drained(m.target)
	}
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
