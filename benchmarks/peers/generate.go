package main

import (
	"math"
	"strconv"

	"penstock/benchmarks/splitmix"
)

// The seeds of what is sent. Every server of a run, and every run, gets the same bytes, but for the time they say.
const (
	eventSeed  = 7
	sampleSeed = 42
)

const (
	eventSize = 200
	eventKeys = 1000
)

var levels = []string{"debug", "info", "info", "info", "warn", "error"}

// events makes events as a service's log has them: JSON objects of exactly eventSize bytes.
type events struct {
	random splitmix.Source
	ns     int64 // the last one's time
}

func newEvents(ns int64) *events { return &events{random: eventSeed, ns: ns} }

// append adds the next event, without a newline.
func (e *events) append(b []byte) []byte {
	r, from := &e.random, len(b)
	e.ns += 1000 + int64(r.Below(1000))
	b = strconv.AppendInt(append(b, `{"ts":`...), e.ns, 10)
	b = append(b, `,"key":"web-`...)
	key := r.Below(eventKeys)
	for unit := 1000; unit > 0; unit /= 10 {
		b = append(b, byte('0'+key/unit%10))
	}
	b = append(append(b, `.api","level":"`...), levels[r.Below(len(levels))]...)
	b = strconv.AppendInt(append(b, `","status":`...), int64(200+100*r.Below(4)), 10)
	b = strconv.AppendFloat(append(b, `,"value":`...), float64(r.Below(1_000_000))/1000, 'f', 3, 64)
	b = strconv.AppendInt(append(b, `,"ok":true,"msg":"GET /path/`...), int64(r.Below(100_000)), 10)
	b = append(b, ' ')
	for len(b) < from+eventSize-len(`"}`) {
		b = append(b, byte('a'+r.Below(26)))
	}
	return append(b, `"}`...)
}

const (
	metrics   = 10
	hosts     = 250
	cpus      = 4
	allSeries = metrics * hosts * cpus // 10,000
	stepSecs  = 10
)

// sample is one value of one series.
type sample struct {
	metric, host, cpu int
	secs              int64
	hundredths        int64 // the value has two decimals
}

// appendValue adds the value as text.
func (s *sample) appendValue(b []byte) []byte {
	return strconv.AppendFloat(b, s.value(), 'f', 2, 64)
}

func (s *sample) value() float64 { return math.Round(float64(s.hundredths)) / 100 }

func (s *sample) appendMetric(b []byte) []byte {
	return strconv.AppendInt(append(b, "node.cpu.mode"...), int64(s.metric), 10)
}

func (s *sample) appendHost(b []byte) []byte {
	return strconv.AppendInt(append(b, "host-"...), int64(s.host), 10)
}

// samples makes so many samples: all series in turn, each a random walk in steps of ten seconds, the last of them now.
func samples(n int, now int64, each func(s *sample)) {
	random := splitmix.Source(sampleSeed)
	walk := make([]int64, allSeries)
	for i := range walk {
		walk[i] = int64(random.Below(10_000))
	}
	steps := int64((n + allSeries - 1) / allSeries)
	for i := range n {
		series := i % allSeries
		walk[series] += int64(random.Below(201)) - 100
		each(&sample{
			metric: series % metrics, host: series / metrics % hosts, cpu: series / metrics / hosts,
			secs: now - (steps-1-int64(i/allSeries))*stepSecs, hundredths: walk[series],
		})
	}
}
