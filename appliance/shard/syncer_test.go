package shard

import (
	"testing"
	"time"
)

// A sync waits for a crowd when the last had one, until most of it is there, or for as long as the last one took.
func TestSyncsWaitForCrowds(t *testing.T) {
	const long, short = time.Hour, time.Millisecond
	for _, c := range []struct {
		name     string
		crowd    int32
		there    int // before
		coming   int // while it waits
		patience time.Duration
		stop     bool
	}{
		{"few were there", largeCrowd - 1, 1, 0, long, false},
		{"most are there", 100, 75, 0, long, false},
		{"most come", 100, 1, 74, long, false},
		{"all come", 100, 1, 200, long, false},
		{"nobody comes", 100, 1, 0, short, false},
		{"it ends", 100, 1, 0, long, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			y := newSyncer(nil)
			y.crowd, y.patience = c.crowd, c.patience
			for range c.there {
				y.push(nil, false, true)
			}
			timer := time.NewTimer(time.Hour)
			defer timer.Stop()
			done := make(chan struct{})
			go func() {
				y.gather(timer)
				close(done)
			}()
			for range c.coming {
				y.push(nil, false, true)
			}
			if c.stop {
				close(y.stop)
			}
			select {
			case <-done:
			case <-time.After(time.Minute):
				t.Fatal("it waits for ever")
			}
			if want := y.want.Load(); want != 0 {
				t.Errorf("%d are still wanted", want)
			}
		})
	}
}
