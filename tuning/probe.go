package tuning

import (
	"slices"
	"time"
)

// Probes is what had to be tried or asked, rather than read.
type Probes struct {
	Dir         string // where: the data directory, or what is there of its path
	Free, Total int64  // bytes of its file system, free for this user

	Tried       error // why the disk could not be tried; nil = it was
	Preallocate error // why space can't be set aside there; nil = it can
	Syncs       []time.Duration

	Clock ClockState
}

// ClockState is whether something keeps the machine's clock right.
type ClockState int

// The states of a clock.
const (
	ClockUnknown ClockState = iota
	ClockKept
	ClockAdrift
)

// The probe of a disk: as many syncs of a page as there is time for, up to syncsMost.
const (
	syncsMost   = 200
	syncsTime   = 3 * time.Second
	syncedBytes = 4096
)

// quantile is the q-th of the sorted durations, 0 for none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// syncTimes are the probe's median and 99th percentile.
func (p *Probes) syncTimes() (p50, p99 time.Duration) {
	sorted := slices.Sorted(slices.Values(p.Syncs))
	return quantile(sorted, 0.50), quantile(sorted, 0.99)
}
