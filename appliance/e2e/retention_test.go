package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Events that are kept for a second, while a hundred clients read them, most of them too slowly: whoever asks for what is gone is told so,
// and where to go on, and nobody gets a record that is not the one its offset names. A second after the last event all of their disk is
// free again.
func TestRetention(t *testing.T) {
	const seed, readers = 20261126, 100
	s := start(t, t.TempDir(), "--retention", "1s", "--shards", "1", "--segment-bytes", "256KiB", "--max-body-bytes", "64KiB")
	t.Logf("seed %d", seed)
	var all sync.WaitGroup
	var written, told atomic.Int64
	stop := make(chan struct{})
	for i := range readers {
		all.Go(func() {
			n, err := s.followSlowly(rand.New(rand.NewPCG(seed, uint64(i))), stop)
			if err != nil {
				t.Errorf("reader %d: %v", i, err)
			}
			told.Add(n)
		})
	}
	fill := strings.Repeat("x", 8<<10)
	for began := time.Now(); time.Since(began) < 5*time.Second; {
		if status, body := s.post("t", fmt.Sprintf(`{"n":%d,"fill":"%s"}`, written.Load(), fill)); status != http.StatusAccepted {
			t.Fatal(status, body)
		}
		written.Add(1)
	}
	close(stop)
	all.Wait()
	end := written.Load()

	expired := time.Now()
	for s.metric(`penstock_log_first_offset{topic="t",shard="0"}`) != float64(end) || s.held(t) > 0 {
		if time.Since(expired) > time.Minute {
			t.Fatalf("a minute later the log begins at %v of %d, and %d bytes are held", s.metric(`penstock_log_first_offset{topic="t",shard="0"}`), end, s.held(t))
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("%d events, %d times told that they are gone; all gone %v after the last", end, told.Load(), time.Since(expired).Round(time.Millisecond))
	if told.Load() == 0 {
		t.Error("no reader was slow enough")
	}
	const most = 2<<20 + 256<<10 // the active segment, a spare, the checkpoint
	if used := diskUsed(t, filepath.Join(s.dir, "topics", "t-0")); used > most {
		t.Errorf("%d bytes of disk are still used", used)
	}
	for _, from := range []string{"0", fmt.Sprint(end - 1), "0:0"} {
		gone, err := s.gone("from=" + from)
		if err != nil || gone == nil || gone.First != end || gone.End != end || gone.Next != fmt.Sprint("0:", end) || !strings.Contains(gone.Text, fmt.Sprint(end)) {
			t.Errorf("from=%s: %+v, %v", from, gone, err)
		}
	}
	if gone, err := s.gone("from=beginning"); gone != nil || err != nil {
		t.Errorf("from=beginning: %+v, %v", gone, err)
	}
}

// outOfRange is the answer to who asks for what is not there any more.
type outOfRange struct {
	Text       string `json:"error"`
	Shard      int
	First, End int64
	Next       string
}

// gone asks for records and returns the answer when it is 416, nil when it is 200.
func (s *server) gone(query string) (*outOfRange, error) {
	status, body := s.get("/v1/topics/t/records?" + query)
	switch status {
	case http.StatusOK:
		return nil, nil
	case http.StatusRequestedRangeNotSatisfiable:
		gone := &outOfRange{}
		return gone, json.Unmarshal([]byte(body), gone)
	}
	return nil, fmt.Errorf("%d %s", status, body)
}

// followSlowly reads page after page with pauses until it is stopped, and says how often it was told that records are gone.
func (s *server) followSlowly(r *rand.Rand, stop chan struct{}) (told int64, err error) {
	client := http.Client{Timeout: 30 * time.Second}
	next := int64(0)
	for {
		select {
		case <-stop:
			return told, nil
		case <-time.After(time.Duration(r.Int64N(int64(2 * time.Second)))):
		}
		answer, err := client.Get(fmt.Sprintf("http://%s/v1/topics/t/records?from=%d&limit=%d", s.Admin, next, 1+r.IntN(40)))
		if err != nil {
			return told, err
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return told, err
		}
		switch answer.StatusCode {
		case http.StatusNotFound: // nobody has sent anything yet
		case http.StatusRequestedRangeNotSatisfiable:
			var gone outOfRange
			if err := json.Unmarshal(body, &gone); err != nil || gone.First <= next || gone.End < gone.First {
				return told, fmt.Errorf("at %d: %s", next, body)
			}
			told, next = told+1, gone.First
		case http.StatusOK:
			lost := answer.Header.Get("Penstock-Lost") + answer.Trailer.Get("Penstock-Lost")
			if next, err = contiguous(string(body), next, lost); err != nil {
				return told, err
			}
		default:
			return told, fmt.Errorf("%s: %s", answer.Status, body)
		}
	}
}

// contiguous checks a page's records and returns where the next one begins. Retention may have overtaken its reading, which lost tells.
func contiguous(page string, from int64, lost string) (next int64, err error) {
	next = from
	for line := range strings.Lines(page) {
		var record struct {
			Offset int64
			Value  struct{ N int64 }
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			return 0, err
		}
		if record.Value.N != record.Offset || record.Offset < next || record.Offset > next && !strings.Contains(lost, fmt.Sprintf("0:%d-%d expired", next, record.Offset)) {
			return 0, fmt.Errorf("event %d at offset %d, where %d is due; lost %q", record.Value.N, record.Offset, next, lost)
		}
		next = record.Offset + 1
	}
	return next, nil
}

// held is how many bytes of removed files the process has mapped, by the appliance's own account and by the kernel's.
func (s *server) held(t *testing.T) (bytes int64) {
	t.Helper()
	bytes = int64(s.metric(`penstock_log_held_bytes{topic="t",shard="0"}`))
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if !strings.Contains(line, s.dir) || !strings.Contains(line, "(deleted)") {
			continue
		}
		first, behind, _ := strings.Cut(strings.Fields(line)[0], "-")
		a, err1 := strconv.ParseInt(first, 16, 64)
		b, err2 := strconv.ParseInt(behind, 16, 64)
		if err1 != nil || err2 != nil {
			t.Fatal(line)
		}
		bytes += b - a
	}
	return bytes
}

// diskUsed is the space that the files of a directory take.
func diskUsed(t *testing.T, dir string) (sum int64) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		var st syscall.Stat_t
		if err := syscall.Stat(filepath.Join(dir, f.Name()), &st); err == nil { // else it was being made
			sum += st.Blocks * 512
		}
	}
	return sum
}
