package appliance

import (
	"cmp"
	"runtime"

	"penstock/appliance/config"
	"penstock/appliance/intake"
	"penstock/tuning"
)

// Wants is what an appliance of this configuration asks of its host, at the most that its settings let it become.
func Wants(c *config.Config) tuning.Want {
	cpus := runtime.NumCPU()
	shards := cmp.Or(c.Shards, cpus)
	w := tuning.Want{
		Connections: c.MaxConnections, Listeners: cmp.Or(c.Listeners, cpus), Logs: c.MaxTopics * shards, Writers: shards,
		SegmentBytes: c.SegmentBytes, Retention: c.Retention, RetentionBytes: c.RetentionBytes, MinFree: c.MinFreeBytes,
		DatagramBuffer: intake.DatagramBuffer, Pinned: c.PinWriters,
	}
	if c.Kafka != config.Off {
		w.Connections *= 2 // that listener takes as many again
	}
	return w
}
