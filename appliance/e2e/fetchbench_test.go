package e2e

import (
	"encoding/binary"
	"fmt"
	"hash/crc64"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// What it costs to serve a consumer, beside Apache Kafka's own broker. Both hold the same batches, byte for byte but for
// the epoch, and both are asked by the same consumer, in turns.
const (
	servedTopic  = "served"
	servedShards = 4
	servedSeed   = 20261126
	servedWarm   = 10 // rounds that are not counted: Java compiles while it runs
	servedRounds = 15
)

// contender is a server that is measured.
type contender struct {
	name    string
	pid     int
	address string
	conn    *rawConn
	costs   []float64 // CPU seconds per GB, by round
	rates   []float64 // GB per second on the wall
	answers int
}

// PENSTOCK_SERVED is how many megabytes both hold; `make served` asks for it. They are read from the page cache, where they are since they were written.
func TestServedBesideABroker(t *testing.T) {
	megabytes, err := strconv.Atoi(os.Getenv("PENSTOCK_SERVED"))
	if err != nil {
		t.Skip("a benchmark: make served")
	}
	// Java takes these last, behind those that make tests start fast: the heap and the collector of the distribution's own start script.
	t.Setenv("_JAVA_OPTIONS", "-XX:TieredStopAtLevel=4 -XX:-UseSerialGC -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -Xms1g -Xmx1g")
	b := startBroker(t)
	s := start(t, t.TempDir(), "--kafka", "127.0.0.1:0", "--shards", strconv.Itoa(servedShards))
	fillServed(t, s, int64(megabytes)*1e6)
	b.createTopic(servedTopic, servedShards)
	both := []*contender{
		{name: "penstock", pid: s.cmd.Process.Pid, address: s.Kafka},
		{name: "Apache Kafka", pid: b.cmd.Process.Pid, address: b.Address},
	}
	for _, c := range both {
		c.conn = dialRaw(t, c.address)
	}
	size, batches := copyServed(t, both[0].conn, both[1].conn)
	if ours, theirs := sumServed(both[0].conn), sumServed(both[1].conn); ours != theirs {
		t.Fatalf("they do not hold the same batches: %x and %x", ours, theirs)
	}
	fmt.Printf("%.2f GB in %d batches of %.1f KiB on average, %d shards; %d rounds after %d that are not counted, seed %d\n",
		float64(size)/1e9, batches, float64(size)/float64(batches)/1024, servedShards, servedRounds, servedWarm, servedSeed)
	for _, sizes := range []fetchSizes{usualSizes, {50 << 20, 128 << 10}} {
		for round := range servedWarm + servedRounds {
			for i := range both {
				both[(i+round)%2].read(size, sizes, round >= servedWarm) // who is first takes turns
			}
		}
		printServed(sizes, both)
	}
}

// fillServed writes events of 200 to 500 bytes, in requests of 64 KiB, of which each goes to a shard of its own choice.
func fillServed(t *testing.T, s *server, size int64) {
	t.Helper()
	if status, body := s.createTopic(fmt.Sprintf(`{"name":"%s","shards":%d}`, servedTopic, servedShards)); status != http.StatusCreated {
		t.Fatal(status, body)
	}
	r := rand.New(rand.NewPCG(servedSeed, 0))
	const bodies, bodySize = 16, 64 << 10
	for range bodies {
		var body strings.Builder
		for n := 0; body.Len() < bodySize-500; n++ {
			fmt.Fprintf(&body, `{"ts":%d,"user":"u%d","path":"/%x","text":"`, 1_790_000_000_000+r.Int64N(86_400_000), r.IntN(100_000), r.Uint64())
			for range 130 + r.IntN(300) {
				body.WriteByte('#' + byte(r.IntN(56))) // neither a quote nor a backslash
			}
			body.WriteString("\"}\n")
		}
		newPump(t, s.HTTP, addEvents(servedTopic, []byte(body.String()), "Penstock-Ack: log"), 1).send(int(size/bodies/bodySize), 1)
	}
}

// copyServed gives the broker our batches as they are.
func copyServed(t *testing.T, from, to *rawConn) (size int64, batches int) {
	t.Helper()
	size, _ = from.readAway(servedTopic, servedShards, usualSizes, func(shard int32, span []byte) {
		for len(span) > 0 {
			n := batchSize(span)
			if err := to.produceBatch(servedTopic, shard, span[:n]); err != nil {
				t.Fatal(err)
			}
			span = span[n:]
			batches++
		}
	})
	return size, batches
}

// sumServed is a sum over all batches but their leader's epoch, which a broker sets anew.
func sumServed(c *rawConn) (sums [servedShards]uint64) {
	table := crc64.MakeTable(crc64.ECMA)
	c.readAway(servedTopic, servedShards, usualSizes, func(shard int32, span []byte) {
		for len(span) > 0 {
			n := batchSize(span)
			binary.BigEndian.PutUint32(span[12:], 0)
			sums[shard] = crc64.Update(sums[shard], table, span[:n])
			span = span[n:]
		}
	})
	return sums
}

// read reads everything and takes down what that has cost the server.
func (c *contender) read(size int64, sizes fetchSizes, counted bool) {
	began, before := time.Now(), processorOf(c.conn.t, c.pid)
	got, answers := c.conn.readAway(servedTopic, servedShards, sizes, func(int32, []byte) {})
	cost, took := processorOf(c.conn.t, c.pid)-before, time.Since(began)
	if got != size {
		c.conn.t.Fatalf("%s: %d bytes came, of %d", c.name, got, size)
	}
	if counted {
		gb := float64(size) / 1e9
		c.costs, c.rates, c.answers = append(c.costs, cost.Seconds()/gb), append(c.rates, gb/took.Seconds()), answers
	}
}

// processorOf is the time that a process has had on processors, of all its threads, in user and system mode.
func processorOf(t testing.TB, pid int) time.Duration {
	t.Helper()
	const scheduled = 2 // CPUCLOCK_SCHED, of a whole process
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Nano())
}

// printServed prints a row for each, and begins anew.
func printServed(sizes fetchSizes, both []*contender) {
	fmt.Printf("\nat most %d MiB an answer and %d KiB a shard\n", sizes.answer>>20, sizes.shard>>10)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(table, "| server\t| CPU s/GB\t| least to most\t| GB/s on the wall\t| answers\t|")
	fmt.Fprintln(table, "| ---\t| ---\t| ---\t| ---\t| ---\t|")
	var medians, ratios []float64
	for i := range both[0].costs {
		ratios = append(ratios, both[1].costs[i]/both[0].costs[i])
	}
	for _, c := range both {
		slices.Sort(c.costs)
		slices.Sort(c.rates)
		n := len(c.costs)
		medians = append(medians, c.costs[n/2])
		fmt.Fprintf(table, "| %s\t| %.3f\t| %.3f to %.3f\t| %.2f\t| %d\t|\n", c.name, c.costs[n/2], c.costs[0], c.costs[n-1], c.rates[n/2], c.answers)
		c.costs, c.rates = nil, nil
	}
	slices.Sort(ratios)
	fmt.Fprintf(table, "| the broker's cost by ours\t| %.2f\t| %.2f to %.2f\t|\t|\t|\n", medians[1]/medians[0], ratios[0], ratios[len(ratios)-1])
	table.Flush()
}
