package fuzz

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/wire"
	"penstock/wire/formats"
	"penstock/wire/wiretest"
)

// What reading may cost, whatever the bytes: so much memory for each of them and for a parser's own tables, and so much time of a
// CPU. Time is the thread's own, which no neighbour makes longer. Usual bodies take less than twenty bytes for each; what takes most
// is thousands of empty events, of which two bytes become a record of 136 and a value (TestCost_Densest).
const (
	costPerByte = 176
	costBase    = 512 << 10
	costTime    = 100 * time.Millisecond
)

// affordable runs parse, which tells how many bytes it read, and holds it to what it may cost. A collector that happens to run costs
// its time too, so a slow parse has a second and a third chance.
func affordable(parse func() (size int)) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for try := 1; ; try++ {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := threadTime()
		size := parse()
		took := threadTime() - begun
		runtime.ReadMemStats(&after)
		if took > costTime && try < 3 {
			continue
		}
		if took > costTime {
			return fmt.Errorf("reading %d bytes took %v of a CPU, three times", size, took)
		}
		if bytes := after.TotalAlloc - before.TotalAlloc; bytes > uint64(costPerByte*size+costBase) {
			return fmt.Errorf("reading %d bytes took %d bytes of memory", size, bytes)
		}
		return nil
	}
}

func threadTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// checkCost holds a new parser of a route to what an attack may cost.
func checkCost(route *wire.Route, a *attack) error {
	return affordable(func() int {
		req, decoder := a.request()
		req.Params = wiretest.Params(route.Path, a.path)
		route.New().Parse(req, new(wire.Batch))
		size := max(len(a.body), len(decoder.Payload))
		for _, pair := range a.query {
			size = max(size, len(pair[1]))
		}
		return size
	})
}

// checkFrameCost does so for a stream's parser and one frame.
func checkFrameCost(parser func() wire.Parser, frame []byte) error {
	return affordable(func() int {
		req, _ := (&attack{method: "STREAM", body: frame}).request()
		parser().Parse(req, new(wire.Batch))
		return len(frame)
	})
}

// The densest bodies of each wire, large enough for tables to count.
func TestCost_Densest(t *testing.T) {
	repeat := func(head, item, tail string) string {
		return head + strings.Repeat(item+",", (attackLimit-len(head)-len(item)-len(tail))/(len(item)+1)) + item + tail
	}
	for _, c := range []struct{ path, body string }{
		{"/add_events", repeat("[", "1", "]")},
		{"/add_events", strings.Repeat("{}", attackLimit/2)},
		{"/api/v1/datapoints", repeat("[", "1", "]")},
		{"/api/v1/datapoints", repeat(`[{"name":"a","tags":{"a":"b"},"datapoints":[`, "[1,1]", "]}]")},
		{"/api/v1/datapoints", repeat(`[{"name":"a","tags":{"a":"b"},"datapoints":[`, "[]", "]}]")},
		{"/api/v1/datapoints", repeat(`[{"name":"a","value":1,"time":1,"tags":{`, `"":""`, "}}]")},
		{"/ingest/k", repeat("[", `{"id":"a","type":"b"}`, "]")},
		{"/ingest/k", repeat(`[{"id":"a","type":"b","metrics":[{"id":"m"}],"samples":[`, `{"metricId":"m","timestamp":1,"val":1}`, "]}]")},
		{"/ingest/k", repeat(`[{"id":"a","type":"b","metrics":[`, `{"id":"m"}`, "]}]")},
		{"/ingest/events/k", repeat("[", `{"data":{"elementId":"a"}}`, "]")},
		{"/ingest/collectd/k", repeat(`[{"values":[`, "1", `],"dstypes":[],"dsnames":[],"time":1,"host":"h","plugin":"p","type":"t"}]`)},
		{"/stsAgent/intake", repeat(`{"internalHostname":"h","metrics":[`, `["a",1,1,{}]`, "]}")},
		{"/stsAgent/intake", repeat(`{"internalHostname":"h","topologies":[`, `{}`, "]}")},
		{"/stsAgent/intake", repeat(`{"internalHostname":"h","events":{"e":[`, `{"timestamp":1}`, "]}}")},
		{"/stsAgent/api/v1/series", repeat(`{"series":[{"metric":"m","points":[`, `[1,1]`, "]}]}")},
		{"/events", repeat("[", `{"body":1}`, "]")},
		{"/metrics", repeat(`[{"body":[`, `{"name":"a"}`, "]}]")},
		{"/v1/batch", repeat(`{"batch":[`, `{}`, "]}")},
		{"/v1/batch", repeat(`{"batch":[`, `1`, "]}")},
	} {
		a := &attack{method: "POST", path: c.path, body: []byte(c.body), header: wiretest.Values{{"topic", "t"}}}
		found := false
		for _, f := range formats.All() {
			if route := wiretest.Route(f, a.method, a.path); route != nil {
				found = true
				if err := checkCost(route, a); err != nil {
					t.Errorf("%s %.60s…: %v", c.path, c.body, err)
				}
			}
		}
		if !found {
			t.Errorf("nobody serves %s", c.path)
		}
	}
}

var sink []byte

func TestCanary_Cost(t *testing.T) {
	small := func() int { return 10 }
	if err := affordable(small); err != nil {
		t.Errorf("what costs nothing is too dear: %v", err)
	}
	if affordable(func() int { sink = make([]byte, costBase+costPerByte*10+1); return 10 }) == nil {
		t.Error("memory without measure passes")
	}
	if affordable(func() int {
		for begun := threadTime(); threadTime()-begun < costTime+20*time.Millisecond; {
		}
		return 10
	}) == nil {
		t.Error("a parser that hangs passes")
	}
}
