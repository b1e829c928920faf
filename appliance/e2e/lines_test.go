package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penstock/segstore/disk"
)

// Lines that meet a full disk wait for it, and so does their sender; when there is room again every one of them is stored.
func TestLinesWaitForTheDisk(t *testing.T) {
	for _, ack := range []string{"disk", "log"} {
		t.Run(ack, func(t *testing.T) { linesWait(t, ack) })
	}
}

func linesWait(t *testing.T, ack string) {
	room := smallDisk(t, "24m")
	s := start(t, filepath.Join(room, "data"), "--ack", ack, "--min-free-bytes", "1", "--shards", "1", "--telnet", "127.0.0.1:0")
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
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if status, _ := s.get("/readyz"); status == http.StatusServiceUnavailable && s.metric(waits) >= 5 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the disk is not full, or nobody waits for it, and %.0f lines are stored", s.metric(stored))
		}
	}
	before := s.metric(stored)
	alwaysFree(t, room, time.Second)
	select {
	case err := <-sent:
		t.Fatalf("the sender was not kept waiting: %v, %.0f lines are stored", err, before)
	case <-time.After(300 * time.Millisecond):
	}
	if err := grow(room, 256); err != nil {
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

// alwaysFree wants some of the disk to be free all the time. Retention goes by what is free: what has no room must not take the last of
// it, not even for the moment until it is given back.
func alwaysFree(t *testing.T, dir string, d time.Duration) {
	t.Helper()
	looks, none := 0, 0
	for end := time.Now().Add(d); time.Now().Before(end); looks++ {
		free, _, err := disk.OS{}.Space(dir)
		if err != nil {
			t.Fatal(err)
		}
		if free == 0 {
			none++
		}
	}
	if none > 0 {
		t.Errorf("at %d of %d looks nothing was free", none, looks)
	}
}
