package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Lines that meet a full disk wait for it, and so does their sender; when there is room again every one of them is stored.
func TestLinesWaitForTheDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=24m"); err != nil {
		lacking(t, "needs to mount a small file system, which is not allowed here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := start(t, filepath.Join(disk, "data"), "--min-free-bytes", "1", "--shards", "1", "--telnet", "127.0.0.1:0")
	const n = 250_000
	telnet, sent := s.door("telnet"), make(chan error, 1)
	go func() {
		c, err := net.Dial("tcp", telnet)
		if err != nil {
			sent <- err
			return
		}
		defer c.Close()
		w := bufio.NewWriter(c)
		for i := range n {
			fmt.Fprintf(w, "put wait.for.the.disk %d 1.5 host=server-17\n", 1_600_000_000_000+i)
		}
		fmt.Fprintf(w, "version\n") // answered when everything before it is stored
		if err = w.Flush(); err == nil {
			_, err = io.ReadFull(c, make([]byte, 1))
		}
		sent <- err
	}()
	stored := fmt.Sprintf("penstock_records_stored_total{wire=%q}", "kairosdb")
	waits := fmt.Sprintf("penstock_stream_waits_total{stream=%q}", "telnet")
	for end := time.Now().Add(30 * time.Second); s.metric(waits) < 5; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("nobody waits, and %.0f lines are stored", s.metric(stored))
		}
	}
	if status, _ := s.get("/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("the disk is full, and /readyz says %d", status)
	}
	before := s.metric(stored)
	select {
	case err := <-sent:
		t.Fatalf("the sender was not kept waiting: %v, %.0f lines are stored", err, before)
	case <-time.After(300 * time.Millisecond):
	}
	if err := grow(disk, 256); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-sent:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(60 * time.Second):
		t.Fatalf("the sender waits for ever; %.0f lines are stored", s.metric(stored))
	}
	if got := s.metric(stored); got != n {
		t.Errorf("%.0f lines are counted as stored, want %d", got, n)
	}
	seen := make([]int, n)
	for _, line := range s.tail("metrics") {
		_, rest, _ := strings.Cut(line, `"time":`)
		var ms int
		if _, err := fmt.Sscanf(rest, "%d", &ms); err != nil || ms < 1_600_000_000_000 || ms >= 1_600_000_000_000+n {
			t.Fatalf("not a line that was sent: %.300s", line)
		}
		seen[ms-1_600_000_000_000]++
	}
	missing, twice := 0, 0
	for _, times := range seen {
		if times == 0 {
			missing++
		} else {
			twice += times - 1
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d lines are lost", missing, n)
	}
	t.Logf("the disk was full after %.0f lines; %d are there twice", before, twice)
}
