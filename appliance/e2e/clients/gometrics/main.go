// Command gometrics reports one registry with go-metrics' OpenTSDB reporter, once.
//
//	gometrics HOST:PORT
package main

import (
	"log"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rcrowley/go-metrics"
)

func main() {
	addr, err := net.ResolveTCPAddr("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	registry := &once{Registry: metrics.NewRegistry(), done: make(chan struct{})}
	for name, metric := range all() {
		if err := registry.Register(name, metric); err != nil {
			log.Fatal(err)
		}
	}
	go metrics.OpenTSDBWithConfig(metrics.OpenTSDBConfig{
		Addr:          addr,
		Registry:      registry,
		FlushInterval: 50 * time.Millisecond,
		DurationUnit:  time.Millisecond,
		Prefix:        "penstock.e2e",
	})
	select {
	case <-registry.done:
	case <-time.After(30 * time.Second):
		log.Fatal("nothing was reported within 30 seconds")
	}
}

// all has one metric of each type that the reporter knows.
func all() map[string]any {
	requests := metrics.NewCounter()
	requests.Inc(9007199254740993) // no double has it
	depth := metrics.NewGauge()
	depth.Update(-17)
	load := metrics.NewGaugeFloat64()
	load.Update(0.375)
	sizes := metrics.NewHistogram(metrics.NewUniformSample(8))
	for _, size := range []int64{1, 2, 3, 10} {
		sizes.Update(size)
	}
	times := metrics.NewHistogram(metrics.NewUniformSample(8))
	for _, ms := range []time.Duration{20, 40} {
		times.Update(int64(ms * time.Millisecond))
	}
	return map[string]any{
		"requests": requests,
		"depth":    depth,
		"load":     load,
		"sizes":    sizes,
		"hits":     rates{},
		"latency":  metrics.NewCustomTimer(times, metrics.NewMeter()), // the meter sees nothing: its rates are 0 at any time
	}
}

// rates is a meter whose rates do not depend on when it is asked.
type rates struct{}

func (rates) Count() int64              { return 4 }
func (rates) Mark(int64)                {}
func (rates) Rate1() float64            { return 1.25 }
func (rates) Rate5() float64            { return 5.5 }
func (rates) Rate15() float64           { return 15.75 }
func (rates) RateMean() float64         { return 2 }
func (r rates) Snapshot() metrics.Meter { return r }
func (rates) Stop()                     {}

// once is a registry that is read once: the reporter sends everything before Each returns, and would send it again on its next tick.
type once struct {
	metrics.Registry
	first sync.Once
	done  chan struct{}
}

func (o *once) Each(f func(string, any)) {
	o.first.Do(func() {
		o.Registry.Each(f)
		close(o.done)
	})
}
