package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Killed with gigabytes retained, the appliance is ready again after reading the segments that were growing and the indexes of the others,
// whether or not the page cache still has the rest. Bytes are counted; the time is told. PENSTOCK_RECOVERY_GB is how much is retained, in
// segments of the usual size then; and all of the machine's caches are dropped before the last start, where that is allowed.
func TestRecovery(t *testing.T) {
	gigabytes, args := 1.0, []string{"--ack", "log", "--segment-bytes", "32MiB"}
	n, err := strconv.ParseFloat(os.Getenv("PENSTOCK_RECOVERY_GB"), 64)
	long := err == nil
	if long {
		gigabytes, args = n, args[:2]
	} else if testing.Short() {
		gigabytes = 0.3
	}
	s := start(t, t.TempDir(), args...)
	retained(t, s, int64(gigabytes*1e9))
	before := s.ends()
	for _, cold := range []bool{false, true} {
		s.kill()
		left := leftBehind(t, s.dir)
		if cold {
			left.dropCache(t, long)
		}
		began := time.Now()
		s.start()
		took := time.Since(began)
		read := s.bytesRead(t)
		t.Logf("cold %v: ready after %v; %v left behind; %v", cold, took.Round(time.Millisecond), left, read)
		const margin = 32 << 20 // the program itself, directories, checkpoints, what the kernel reads ahead
		if most := left.tails + left.indexes + margin; read.disk > most || read.calls > most {
			t.Errorf("%d bytes were read from the disk and %d by calls, where growing segments and indexes are %d", read.disk, read.calls, most-margin)
		}
		if left.batches < left.tails+2*margin {
			t.Errorf("nearly all of it may be read: %v", left)
		}
		if after := s.ends(); after != before {
			t.Errorf("the logs ended at %s, and now at %s", before, after)
		}
		if cold && read.disk < left.tails/2 {
			t.Skipf("the kernel does not count what is read from this file system: %v", read)
		}
	}
}

func mega(bytes int64) float64 { return float64(bytes) / 1e6 }

// retained sends that many bytes, most of them to one topic.
func retained(t *testing.T, s *server, total int64) {
	t.Helper()
	event := []byte(`{"ts":1474921202000,"sk":"u42","event":"page view","url":"https://shop.example/p/17?ref=mail","ms":183.5,"pad":"` +
		strings.Repeat("0123456789", 90) + "\"}\n")
	body := bytes.Repeat(event, 900_000/len(event))
	began := time.Now()
	for topic, tenths := range map[string]int64{"views": 7, "clicks": 2, "mails": 1} {
		const connections = 4
		p := newPump(t, s.HTTP, addEvents(topic, body), connections)
		p.send(int(total*tenths/10/int64(len(body))/connections), 1)
	}
	t.Logf("%.2f GB sent in %v", float64(total)/1e9, time.Since(began).Round(time.Millisecond))
}

// ends are the places where the logs end, by topic and shard.
func (s *server) ends() string {
	s.t.Helper()
	_, body := s.get("/metrics")
	var ends []string
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, "penstock_log_written_offset"); ok {
			ends = append(ends, strings.TrimSpace(rest))
		}
	}
	return strings.Join(ends, ", ")
}

// remains are a data directory's files as a kill left them.
type remains struct {
	paths          []string
	logs, segments int
	batches        int64 // bytes of them
	growing        int   // segments
	tails          int64 // bytes of batches in these
	indexes        int64 // bytes
}

func (r remains) String() string {
	return fmt.Sprintf("%.2f GB in %d segments of %d logs, %d of them growing, with %.1f MB, and %.1f MB of indexes",
		mega(r.batches)/1000, r.segments, r.logs, r.growing, mega(r.tails), mega(r.indexes))
}

func leftBehind(t *testing.T, dir string) (left remains) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "topics"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		left.paths = append(left.paths, path)
		switch filepath.Ext(path) {
		case ".index", ".timeindex":
			left.indexes += info.Size()
		case ".log":
			left.segments++
			used := info.Size()
			if _, err := os.Stat(strings.TrimSuffix(path, ".log") + ".index"); err != nil {
				used = filled(t, path, info.Size())
				left.growing++
				left.tails += used
			}
			left.batches += used
		default:
			if filepath.Base(path) == "checkpoint" {
				left.logs++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// filled is how much of a file is more than zeros at its end.
func filled(t *testing.T, path string, size int64) int64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for size > 0 {
		at := max(0, size-int64(len(block)))
		n, err := f.ReadAt(block[:size-at], at)
		if int64(n) < size-at {
			t.Fatal(err)
		}
		if used := len(bytes.TrimRight(block[:n], "\x00")); used > 0 {
			return at + int64(used)
		}
		size = at
	}
	return 0
}

// dropCache has the kernel forget what it holds of the files, and, if all, whatever it can.
func (r *remains) dropCache(t *testing.T, all bool) {
	t.Helper()
	for _, path := range r.paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if all {
		if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
			t.Logf("the machine's caches stay: %v", err)
		}
	}
}

// reading is what a process has read since its start.
type reading struct {
	disk   int64 // from the disk itself
	calls  int64 // by system calls, whether the disk was asked or not
	faults int64 // major ones: pages of mappings that were not in memory
}

func (r reading) String() string {
	return fmt.Sprintf("%.1f MB read from the disk, %.1f MB by calls, %d major faults", mega(r.disk), mega(r.calls), r.faults)
}

func (s *server) bytesRead(t *testing.T) (r reading) {
	t.Helper()
	proc := fmt.Sprint("/proc/", s.cmd.Process.Pid)
	io, err := os.ReadFile(proc + "/io")
	if err != nil {
		t.Skipf("this machine does not tell how much a process reads: %v", err)
	}
	for line := range strings.Lines(string(io)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "read_bytes":
			r.disk = n
		case "rchar":
			r.calls = n
		}
	}
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	r.faults, err = strconv.ParseInt(fields[9], 10, 64) // the twelfth field of the line
	if err != nil {
		t.Fatal(err)
	}
	return r
}
