package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// samples are an agent's: rounds of so many series, as lines and pickles, and the points that they are to be read as.
type samples struct {
	t                        *testing.T
	telnet, graphite, pickle []byte
	want                     []point
}

func (l *samples) add(rounds, series int, from time.Time) {
	var frame []byte
	for round := range rounds {
		at := from.Unix() + int64(10*round)
		for i := range series {
			host, cpu := fmt.Sprintf("host-%d", i/8), strconv.Itoa(i%8)
			value := float64((i*37+round*91)%10_000) / 100
			text := strconv.FormatFloat(value, 'f', -1, 64)
			l.telnet = fmt.Appendf(l.telnet, "put node.cpu %d %s host=%s cpu=%s\n", at, text, host, cpu)
			kind := object{"type": "double"}
			if !strings.Contains(text, ".") {
				kind = object{"type": "long"}
			}
			l.want = append(l.want, point{l.named("kairosdb", "node.cpu", host, cpu, kind), at * 1000, text})
			l.graphite = fmt.Appendf(l.graphite, "node.load;host=%s;cpu=%s %s %d\n", host, cpu, text, at)
			l.want = append(l.want, point{l.named("graphite", "node.load", host, cpu), at * 1000, text})
			name := fmt.Sprintf("node.mem;host=%s;cpu=%s", host, cpu)
			frame = append(binary.LittleEndian.AppendUint32(append(frame, 'X'), uint32(len(name))), name...)
			frame = binary.LittleEndian.AppendUint32(append(frame, 'J'), uint32(at))
			frame = append(binary.BigEndian.AppendUint64(append(frame, 'G'), math.Float64bits(value)), 0x86, 0x86)
			l.want = append(l.want, point{l.named("graphite", "node.mem", host, cpu), at * 1000, text})
		}
		frame = append(append([]byte("\x80\x02]("), frame...), "e."...)
		l.pickle = append(binary.BigEndian.AppendUint32(l.pickle, uint32(len(frame))), frame...)
		frame = frame[:0]
	}
}

func (l *samples) named(wire, metric, host, cpu string, more ...object) string {
	return series(l.t, wire, metric, object{"host": host, "cpu": cpu}, more...)
}

// send sends all at once to its doors, and waits until it is stored.
func (l *samples) send(s *server) {
	l.t.Helper()
	stored := func() float64 {
		return s.metric(`penstock_records_stored_total{wire="kairosdb"}`) + s.metric(`penstock_records_stored_total{wire="graphite"}`)
	}
	want := float64(len(l.want))
	for door, text := range map[string][]byte{s.Telnet: l.telnet, s.Graphite: l.graphite, s.Pickle: l.pickle} {
		conn, err := net.Dial("tcp", door)
		if err != nil {
			l.t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(text); err != nil {
			l.t.Fatal(err)
		}
	}
	for end := time.Now().Add(time.Minute); stored() < want; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			_, said := s.get("/v1/ledger")
			l.t.Fatalf("%.0f samples of %.0f are stored: %s", stored(), want, said)
		}
	}
}

// startPacked is a server that packs samples, with some, of which the first half has survived a kill.
func startPacked(t *testing.T, rounds, series int) (*server, []point) {
	s := start(t, t.TempDir(), "--ack", "log", "--compression", "lz4", "--shards", "2", "--segment-bytes", "2MiB", "--graphite-tags", "graphite", "--kafka", "127.0.0.1:0",
		"--telnet", "127.0.0.1:0", "--graphite", "127.0.0.1:0", "--pickle", "127.0.0.1:0")
	first, second := samples{t: t}, samples{t: t}
	first.add(rounds/2, series, time.Unix(1_700_000_000, 0))
	first.send(s)
	s.kill()
	s.start()
	second.add(rounds-rounds/2, series, time.Unix(1_710_000_000, 0))
	second.send(s)
	return s, append(first.want, second.want...)
}

// With compression samples are what they are without, to whoever reads them: tail, a Kafka client, a log that is dumped. And they survive a kill.
func TestPackedSamples(t *testing.T) {
	s, want := startPacked(t, 40, 400)
	s.wantPoints(want)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var fetched, tailed []string
	for _, r := range s.readTopic(ctx, "metrics", len(want)) {
		fetched = append(fetched, fmt.Sprintf("%d %s %s", r.Timestamp.UnixMilli(), r.Key, r.Value))
	}
	for _, r := range s.records("metrics") {
		tailed = append(tailed, fmt.Sprintf("%d %s %s", r.Time, *r.Key, r.Value))
	}
	slices.Sort(fetched)
	slices.Sort(tailed)
	sameTexts(t, fetched, tailed)

	s.stop()
	offline := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(filepath.Join(built, "penstock"), append([]string{"log"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("penstock log %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	logs := filepath.Join(s.dir, "topics")
	if said := offline("verify", logs); !strings.Contains(said, "0 findings") {
		t.Error(said)
	}
	records, bytes, packed := 0, 0, 0
	for line := range strings.Lines(offline("dump", "--batches", logs)) {
		_, rest, ok := strings.Cut(line, " bytes=")
		if !ok {
			continue
		}
		var size, from, to, count int
		if _, err := fmt.Sscanf(rest, "%d offsets=%d..%d records=%d", &size, &from, &to, &count); err != nil {
			t.Fatal(err, line)
		}
		if strings.Contains(line, " lz4=true") {
			packed += count
		}
		records, bytes = records+count, bytes+size
	}
	t.Logf("%d records, %d of them packed, in %d bytes: %d each", records, packed, bytes, bytes/records)
	if records != len(want) || 10*packed < 9*records || bytes/records > 80 {
		t.Errorf("%d records, want %d; %d are packed", records, len(want), packed)
	}
	dumped := 0
	for line := range strings.Lines(offline("dump", logs)) {
		if strings.HasPrefix(line, "{") {
			dumped++
		}
	}
	if dumped != len(want) {
		t.Errorf("%d records are dumped, want %d", dumped, len(want))
	}
}

// librdkafka and Kafka's own tools read what is packed, and find nothing wrong with it.
func TestClientKafkaReadsPacked(t *testing.T) {
	program := installed(t, "kcat", "kcat")
	s, want := startPacked(t, 6, 200)
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "-b", s.Kafka, "-t", "metrics", "-q", "-C", "-o", "beginning", "-e", "-f", "%s\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	kcat := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	console := consoleConsumer(t, s.Kafka, "metrics", len(want), 20*time.Second)
	var tailed, dumped []string
	for _, r := range s.records("metrics") {
		tailed = append(tailed, string(r.Value))
	}
	s.stop()
	segments, err := filepath.Glob(filepath.Join(s.dir, "topics", "metrics-*", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dumpLog(t, segments) {
		dumped = append(dumped, d.value)
	}
	for _, read := range [][]string{kcat, console, dumped, tailed} {
		slices.Sort(read)
	}
	if len(tailed) != len(want) {
		t.Errorf("tail reads %d records of %d", len(tailed), len(want))
	}
	sameTexts(t, kcat, tailed)
	sameTexts(t, console, tailed)
	sameTexts(t, dumped, tailed)
}
