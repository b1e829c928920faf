package shard

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"penstock/segstore/disk"
)

// blindSpot is a real disk that can't open the files of some topics.
type blindSpot struct {
	disk.OS
	spot atomic.Pointer[string] // part of their path; nil when all is well
}

func (d *blindSpot) Open(path string) (disk.File, error) {
	if spot := d.spot.Load(); spot != nil && strings.Contains(path, *spot) {
		return nil, syscall.EIO
	}
	return d.OS.Open(path)
}

// A topic that the disk does not give back does not keep the others from being served, and is served as soon as the disk is well.
func TestSickTopicDoesNotStopTheOthers(t *testing.T) {
	dir, d := t.TempDir(), &blindSpot{}
	with := func(o *Options) { remembering(o); o.Disk, o.Shards = d, 1 }
	s := openSet(t, dir, with)
	k := s.NewTicket()
	wantFates(t, s, k, AckDisk, "kk", "ill a", "well a")
	closeSet(t, s)

	spot := "/ill-0/"
	d.spot.Store(&spot)
	s = openSet(t, dir, with)
	k = s.NewTicket()
	wantFates(t, s, k, AckDisk, "rk", "well a", "well b")
	if got, err := offer(s, k, AckDisk, "well c", "ill b"); !errors.Is(err, ErrSick) || got != "ll" {
		t.Fatalf("the sick topic took %s, %v", got, err)
	}
	if err := s.CreateTopic("ill", 3); !errors.Is(err, ErrSick) {
		t.Fatalf("made anew: %v", err)
	}
	if err := s.Ready(); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "ill") {
		t.Fatalf("ready: %v", err)
	}
	d.spot.Store(nil)
	for deadline := time.Now().Add(AckTimeout); s.Ready() != nil && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	wantFates(t, s, k, AckDisk, "rkrk", "ill a", "ill b", "well b", "well c")
	if ill, well := valuesOf(t, s, "ill"), valuesOf(t, s, "well"); ill != "a b" || well != "a b c" {
		t.Errorf("stored: %s and %s", ill, well)
	}
	closeSet(t, s)

	everything := "/topics/"
	d.spot.Store(&everything)
	if _, err := Open(Options{Dir: dir, Shards: 1, Disk: d}); !errors.Is(err, syscall.EIO) {
		t.Fatalf("with no topic that can be opened: %v", err)
	}
}
