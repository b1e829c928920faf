package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A disk fills up, is freed, and fills up again, under a running appliance: whoever is refused is told why, nothing acknowledged is
// lost, and service comes back by itself.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=48m"); err != nil {
		t.Skipf("needs to mount a small file system, which is not allowed here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := start(t, filepath.Join(disk, "data"), "--min-free-bytes", "1", "--shards", "1", "--retention", "24h")
	ballast := filepath.Join(disk, "somebody-elses-file")
	if err := os.WriteFile(ballast, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	makeRoom := []func() error{
		func() error { return os.Remove(ballast) },
		func() error { // a full disk is no reason not to start
			s.kill()
			s.launch()
			return grow(disk, 96)
		},
		func() error { return grow(disk, 128) },
		func() error { return grow(disk, 160) },
	}
	acked := 0
	for cycle, room := range makeRoom {
		acked += fillUp(t, s, acked)
		if status, body := s.get("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "no disk space") {
			t.Errorf("cycle %d: the disk is full and /readyz says %d %q", cycle, status, body)
		}
		if err := room(); err != nil {
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
