package drive

import (
	"context"
	"time"

	"penstock/benchmarks/load/report"
	"penstock/benchmarks/proc"
)

// timeline follows a load from outside, interval by interval.
type timeline struct {
	l     *load
	began time.Time
	last  time.Time // the end of the interval before
	warm  time.Time // the end of the warm-up
	now   *cell
	total *cell // the warm-up excluded
	out   report.Run

	failed       int64 // up to the last interval
	user, system time.Duration
}

func newTimeline(l *load) *timeline {
	t := &timeline{l: l, began: time.Now(), now: newCell(), total: newCell()}
	t.last, t.warm = t.began, t.began.Add(l.Warmup)
	t.user, t.system = proc.CPU(l.PID)
	t.out = report.Run{Format: report.Format, Began: t.began, Machine: report.ThisMachine(), Intervals: []report.Interval{}}
	return t
}

// follow harvests every interval, ends the warm-up and the load when it is time, and returns when all is done.
func (t *timeline) follow(ctx context.Context, finished <-chan struct{}) {
	l := t.l
	end := t.warm.Add(l.Duration)
	timed := l.Rate == 0 && l.Requests == 0 // an open loop ends when its schedule does, and what it still waits for counts
	interrupted := ctx.Done()
	for {
		next := t.last.Add(interval)
		if t.last.Before(t.warm) && next.After(t.warm) {
			next = t.warm
		}
		switch scheduled := l.Rate > 0 && l.Requests == 0; {
		case timed && next.After(end.Add(-interval/10)):
			next = end
		case scheduled && next.After(end.Add(-interval/10)) && !next.After(end.Add(interval/2)):
			next = next.Add(interval / 2) // the last answers are a moment later than the schedule's end
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
			t.harvest(next)
			if timed && !next.Before(end) {
				t.finish(finished)
				return
			}
		case <-interrupted:
			timer.Stop()
			interrupted = nil
			timed, end = true, time.Now()
			t.harvest(end)
			t.finish(finished)
			return
		case <-finished:
			timer.Stop()
			t.harvest(time.Now())
			t.finish(finished)
			return
		}
	}
}

// finish ends the load. What is answered from now on is part of it, but not of what is measured.
func (t *timeline) finish(finished <-chan struct{}) {
	t.l.stop.Store(true)
	began := time.Now()
	<-finished
	if !t.l.answered() {
		t.out.Total.Drain = time.Since(began).Seconds()
	}
	t.l.rec.harvest(t.now)
	t.out.Total.EverRequests += t.now.requests
	t.out.Total.EverItems += t.now.items
}

// harvest ends an interval.
func (t *timeline) harvest(at time.Time) {
	t.l.rec.harvest(t.now)
	failed, _ := t.l.rec.failures()
	user, system := proc.CPU(t.l.PID)
	c, took := t.now, at.Sub(t.last).Seconds()
	if took <= 0 {
		took = 1e-9
	}
	i := report.Interval{
		At: at.Sub(t.began).Seconds(), Seconds: took, Warmup: !at.After(t.warm) && t.l.Warmup > 0,
		Requests: c.requests, Items: c.items, Errors: failed - t.failed, Overload: c.tryAgain,
		ServerUser: (user - t.user).Seconds() / took, ServerSystem: (system - t.system).Seconds() / took,
	}
	if c.due.TotalCount() > 0 {
		us := func(percent float64) float64 { return float64(c.due.ValueAtQuantile(percent)) / 1e3 }
		i.P50, i.P99, i.P999, i.Max = us(50), us(99), us(99.9), float64(c.due.Max())/1e3
	}
	total := &t.out.Total
	total.EverRequests += c.requests
	total.EverItems += c.items
	if !i.Warmup {
		t.total.merge(c)
		total.Seconds += took
		total.Errors += i.Errors
		total.ServerUser += (user - t.user).Seconds()
		total.ServerSystem += (system - t.system).Seconds()
	}
	t.out.Intervals = append(t.out.Intervals, i)
	t.last, t.failed, t.user, t.system = at, failed, user, system
	if t.l.Progress != nil {
		t.l.Progress(&i)
	}
}

// run is the report, without its settings.
func (t *timeline) run(own time.Duration) *report.Run {
	r, c := &t.out, t.total
	total := &r.Total
	total.Requests, total.Items, total.Body, total.Sent, total.Overload = c.requests, c.items, c.body, c.bytes, c.tryAgain
	total.OwnCPU = own.Seconds()
	if total.Seconds > 0 {
		total.RequestRate, total.ItemRate = float64(c.requests)/total.Seconds, float64(c.items)/total.Seconds
	}
	if c.items > 0 {
		total.ServerMicros = (total.ServerUser + total.ServerSystem) * 1e6 / float64(c.items)
	}
	failed, kinds := t.l.rec.failures()
	total.Errors += failed - t.failed // what was not answered after the end
	r.Errors = map[string]int64{}
	for k, n := range kinds {
		r.Errors[k.String()] = n
	}
	if t.l.answered() {
		r.Latency = report.NewLatency(c.due)
		if t.l.Rate > 0 {
			r.FromSend = report.NewLatency(c.sent)
		}
	}
	return r
}
