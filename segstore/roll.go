package segstore

import (
	"errors"
	"fmt"

	"penstock/segstore/disk"
)

// Before anything in a segment is reported to be on disk, the segment before it is, all of it, and has been cut to the size of its
// batches: see Log.markWhole. So a segment that still has the size it was made with, which is whole pages, says of itself that nothing in
// the segments behind it was ever acknowledged, whatever a power cut has left of it and of them.

// markWhole makes it durable that a sealed segment is whole, when all of its batches are on disk.
func (l *Log) markWhole(s *segment) error {
	if err := errors.Join(s.file.Truncate(trimmedSize(s.end.Load())), s.file.Sync()); err != nil {
		return fmt.Errorf("marking %s as whole: %w", s.path, err)
	}
	return nil
}

// trimmedSize is the size of a file that is cut to its batches: never whole pages.
func trimmedSize(end int64) int64 {
	if end > 0 && end%pageBytes == 0 {
		return end + 1
	}
	return end
}

// tornRoll reports whether nothing in the segment next, which is behind s, can have been acknowledged: s was never marked as whole by the
// run that made next, the last one, whose epoch is lastRun. What earlier runs left is below the checkpoint that the last one began
// with; and without that checkpoint there is no telling.
func tornRoll(d disk.Disk, s, next *segment, lastRun int64) bool {
	if lastRun == 0 || s.capacity == 0 || s.capacity%pageBytes != 0 {
		return false
	}
	if next.capacity == 0 {
		return true
	}
	if next.pin(d) != nil {
		return false
	}
	defer next.unpin()
	ofLastRun := false
	err := guard(next.data, func() {
		h, wrong := checkBatch(next.data)
		ofLastRun = wrong != "" || int64(h.epoch) == lastRun
	})
	return err == nil && ofLastRun
}
