package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/segstore/disk"
)

// A disk fills up, is freed, and fills up again, under a running appliance: whoever is refused is told why, nothing acknowledged is
// lost, and service comes back by itself.
func TestFullDisk(t *testing.T) {
	room := smallDisk(t, "48m")
	s := start(t, filepath.Join(room, "data"), "--min-free-bytes", "1", "--shards", "1", "--retention", "24h")
	ballast := filepath.Join(room, "somebody-elses-file")
	if err := os.WriteFile(ballast, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	makeRoom := []func() error{
		func() error { return os.Remove(ballast) },
		func() error { // a full disk is no reason not to start
			s.kill()
			s.launch()
			return grow(room, 96)
		},
		func() error { return grow(room, 128) },
		func() error { return grow(room, 160) },
	}
	acked := 0
	for cycle, more := range makeRoom {
		acked += fillUp(t, s, acked)
		if status, body := s.get("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "no disk space") {
			t.Errorf("cycle %d: the disk is full and /readyz says %d %q", cycle, status, body)
		}
		if err := more(); err != nil {
			t.Fatal(err)
		}
		s.waitReady(5 * time.Second)
	}
	lines := s.tail("t")
	if len(lines) < acked {
		t.Fatalf("%d records for %d acknowledged events", len(lines), acked)
	}
	seen := map[string]bool{}
	for _, line := range lines {
		_, rest, _ := strings.Cut(line, `{"n":`)
		n, _, _ := strings.Cut(rest, ",")
		seen[n] = true
	}
	for n := range acked {
		if !seen[fmt.Sprint(n)] {
			t.Errorf("event %d was acknowledged and is gone", n)
		}
	}
}

// Retention goes by what is free, so the last of it is not taken: neither by a file that would just fit, nor by a small one of which a block is left.
func TestSomeOfTheDiskIsLeft(t *testing.T) {
	for _, size := range []int64{1, 4 << 10, 64 << 10} {
		dir := smallDisk(t, "256k")
		files := 0
		for ; ; files++ {
			f, err := disk.OS{}.Create(filepath.Join(dir, strconv.Itoa(files)), size)
			if errors.Is(err, disk.ErrFull) {
				break
			}
			if err == nil {
				err = f.Close()
			}
			if err != nil || files > 64 {
				t.Fatal(files, err)
			}
		}
		free, _, err := disk.OS{}.Space(dir)
		if err != nil || free <= 0 || free > max(size, 4<<10) {
			t.Errorf("after %d files of %d bytes %d are free, %v", files, size, free, err)
		}
	}
}

// smallDisk mounts a file system of that size.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		lacking(t, "needs to mount a small file system, which is not allowed here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillUp posts until the appliance says that the disk is full, and returns how many events it acknowledged before.
func fillUp(t *testing.T, s *server, from int) (acked int) {
	t.Helper()
	fill := strings.Repeat("x", 40<<10)
	for range 10_000 {
		status, body := s.post("t", fmt.Sprintf(`{"n":%d,"fill":"%s"}`, from+acked, fill))
		switch {
		case status == http.StatusAccepted:
			acked++
		case status == http.StatusServiceUnavailable && strings.Contains(body, "disk is full"):
			return acked
		default:
			t.Fatalf("after %d events: status %d, %s", from+acked, status, body)
		}
	}
	t.Fatal("the disk did not fill up")
	return 0
}

// grow gives a tmpfs more space.
func grow(dir string, megabytes int) error {
	return syscall.Mount("", dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%dm", megabytes))
}

// tightDisk is an appliance on a disk that it shares with a neighbour's file, which takes all but a little.
type tightDisk struct {
	*server
	disk     string
	next     int          // number of the next event
	first    int          // of the oldest that is kept
	acked    map[int]bool // from there on
	refusals []time.Duration
	returns  []time.Duration // from when there was space again to the first event taken
}

// A disk is filled and freed many times: a neighbour's file goes, or retention makes room, at the start after a kill on the full disk and
// in a running process. Every event behind the refusal is refused too, in words, nothing acknowledged is lost, and service comes back by
// itself. PENSTOCK_FILLS is how many times it fills up.
func TestFillAndFree(t *testing.T) {
	fills, err := strconv.Atoi(fromEnv("PENSTOCK_FILLS", 18))
	if err != nil {
		t.Fatal(err)
	}
	unbounded := []string{"--min-free-bytes", "1", "--shards", "1", "--segment-bytes", "256KiB", "--max-body-bytes", "64KiB"}
	bounded := slices.Concat(unbounded, []string{"--retention-bytes", "1MiB"})
	v := &tightDisk{disk: smallDisk(t, "8m"), acked: map[int]bool{}}
	v.server = start(t, filepath.Join(v.disk, "data"), unbounded...)
	for fill := range max(fills, 6) {
		switch fill % 6 {
		case 0, 1, 2, 3:
			v.fill()
			v.stillFull()
			v.freed(func() error { return os.Remove(v.neighbour()) })
			v.check(false)
		case 4:
			v.fill()
			v.stillFull()
			v.freed(func() error {
				v.kill()
				v.args = bounded
				v.launch()
				return nil
			})
			v.check(true)
		case 5:
			v.fill() // and retention is at work already
			v.freed(func() error { return nil })
			v.check(true)
			if err := os.Remove(v.neighbour()); err != nil {
				t.Fatal(err)
			}
			v.stop()
			v.args = unbounded
			v.start()
		}
	}
	const promised = 100 * time.Millisecond
	late := 0
	for _, took := range v.refusals {
		if took > promised {
			late++
		}
	}
	t.Logf("%d fills: %d refusals took %s, %d above %v; service came back %d times after %s; %d events", max(fills, 6), len(v.refusals),
		spread(v.refusals), late, promised, len(v.returns), spread(v.returns), v.next)
}

func (v *tightDisk) neighbour() string { return filepath.Join(v.disk, "somebody-elses-file") }

// put posts an event, and says whether it was taken. A refusal must be one for want of space.
func (v *tightDisk) put() (taken bool) {
	v.t.Helper()
	begun := time.Now()
	status, body := v.post("t", fmt.Sprintf(`{"n":%d,"fill":"%s"}`, v.next, strings.Repeat("x", 40<<10)))
	switch {
	case status == http.StatusAccepted:
		v.acked[v.next] = true
		v.next++
		return true
	case (status == http.StatusServiceUnavailable || status == http.StatusInsufficientStorage) && strings.Contains(body, "disk is full"):
		v.refusals = append(v.refusals, time.Since(begun))
		return false
	}
	v.t.Fatalf("event %d: status %d, %s", v.next, status, body)
	return false
}

// fill has the neighbour take all but a little, and posts until that is full, too.
func (v *tightDisk) fill() {
	v.t.Helper()
	const little = 600 << 10
	var space syscall.Statfs_t
	if err := syscall.Statfs(v.disk, &space); err != nil {
		v.t.Fatal(err)
	}
	if free := int64(space.Bavail) * space.Bsize; free > little {
		if err := os.WriteFile(v.neighbour(), make([]byte, free-little), 0o600); err != nil {
			v.t.Fatal(err)
		}
	}
	for range 1000 {
		if !v.put() {
			return
		}
	}
	v.t.Fatal("the disk did not fill up")
}

// stillFull posts on, and wants every event refused.
func (v *tightDisk) stillFull() {
	v.t.Helper()
	for range 10 {
		if v.put() {
			v.t.Fatalf("event %d was taken, and nobody has made room", v.next-1)
		}
	}
}

// freed makes room and wants events to be taken again, within five seconds.
func (v *tightDisk) freed(room func() error) {
	v.t.Helper()
	if err := room(); err != nil {
		v.t.Fatal(err)
	}
	begun := time.Now()
	for !v.put() {
		if time.Since(begun) > 5*time.Second {
			v.t.Fatalf("there is room, and events are still refused:\n%s", v.log)
		}
		time.Sleep(2 * time.Millisecond)
	}
	v.returns = append(v.returns, time.Since(begun))
}

// check wants every event that was acknowledged to be there, but for those before the first that retention has left.
func (v *tightDisk) check(retention bool) {
	v.t.Helper()
	there, first := map[int]bool{}, v.next
	for _, r := range v.records("t") {
		var event struct{ N int }
		if err := json.Unmarshal(r.Value, &event); err != nil {
			v.t.Fatal(err)
		}
		there[event.N] = true
		first = min(first, event.N)
	}
	if first > v.first && !retention {
		v.t.Fatalf("the log began at event %d, and begins at %d", v.first, first)
	}
	v.first = first
	for n := range v.acked {
		switch {
		case n < first:
			delete(v.acked, n)
		case !there[n]:
			v.t.Fatalf("event %d was acknowledged and is gone; the first is %d", n, first)
		}
	}
}

// spread says how durations are spread.
func spread(all []time.Duration) string {
	all = slices.Sorted(slices.Values(all))
	at := func(part float64) time.Duration {
		return all[int(part*float64(len(all)-1))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("%v (half of them), %v (99 of 100), %v (999 of 1000), %v (all)", at(0.5), at(0.99), at(0.999), at(1))
}
