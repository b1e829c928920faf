package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"penstock/segstore"
)

func TestTail(t *testing.T) {
	s := serveAdmin(t, 1)
	s.put("t", "k", 1000, numbers(0, 5)...)
	s.put("mixed", "k", 0, "text\nof two lines", "\xff\x00", "{\n\"a\":1.50}", "")
	line := func(offset int) string {
		return fmt.Sprintf(`{"topic":"t","shard":0,"offset":%d,"time":%d,"key":"k","value":{"n":%d}}`, offset, 1000+offset, offset) + "\n"
	}
	for _, c := range []struct {
		args string
		want string
	}{
		{"t", line(0) + line(1) + line(2) + line(3) + line(4)},
		{"t --from 3", line(3) + line(4)},
		{"t --from end", ""},
		{"t --from 1003ms", line(3) + line(4)},
		{"t --from -1h", ""},
		{"t --until 2", line(0) + line(1)},
		{"t --until 1001ms", line(0)},
		{"t --from 1 --until 2", line(1)},
		{"t --limit 2", line(0) + line(1)},
		{"t --limit 0", ""},
		{"t --shard 0 --from 4", line(4)},
		{"t --from 0:4", line(4)},
		{"t --follow --limit 3", line(0) + line(1) + line(2)},
		{"t --format value --from 3", "{\"n\":3}\n{\"n\":4}\n"},
		{"mixed --format value", "text\nof two lines\n\xff\x00\n{\n\"a\":1.50}\n\n"},
	} {
		out, notes, err := s.run(append([]string{"tail"}, strings.Fields(c.args)...)...)
		if err != nil || out != c.want || notes != "" {
			t.Errorf("%s: got %v, %q and\n%s want\n%s", c.args, err, notes, out, c.want)
		}
	}
	if _, _, err := s.run("tail", "u"); err == nil || err.Error() != `there is no topic "u": there are t, mixed` {
		t.Error(err)
	}
	if _, _, err := s.run("tail", "t", "--shard", "1"); err == nil || !strings.Contains(err.Error(), "the shards 0 to 0") {
		t.Error(err)
	}
}

// More than a page, of several shards: everything once, by time.
func TestTailManyPages(t *testing.T) {
	s := serveAdmin(t, 3)
	const n = 210_000 // two pages and a bit
	for i := 0; i < n; i += 1000 {
		s.put("t", fmt.Sprint(i), int64(i), numbers(i, i+1000)...)
	}
	out, notes, err := s.run("tail", "t", "--format", "value")
	if err != nil || notes != "" || out != strings.Join(numbers(0, n), "\n")+"\n" {
		t.Errorf("%v, %q, %d bytes", err, notes, len(out))
	}
}

// follower is a running `tail --follow`.
type follower struct {
	*testing.T
	lines  *bufio.Scanner
	stop   context.CancelFunc
	ended  chan error
	out    *io.PipeReader
	mu     sync.Mutex
	stderr strings.Builder
}

func (f *follower) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stderr.Write(p)
}

func (f *follower) notes() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stderr.String()
}

func (s *served) followTopic(args ...string) *follower {
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	f := &follower{T: s.T, lines: bufio.NewScanner(out), stop: stop, ended: make(chan error, 1), out: out}
	cmd := command(nil, in, f, append([]string{"tail", "--follow", "--format", "value", "--admin", s.addr}, args...)...)
	go func() {
		err := cmd.ExecuteContext(ctx)
		in.Close()
		f.ended <- err
	}()
	s.Cleanup(stop)
	return f
}

// expect reads the values, in order, and nothing between them.
func (f *follower) expect(values ...string) {
	f.Helper()
	for _, want := range values {
		if !f.lines.Scan() || f.lines.Text() != want {
			f.Fatalf("got %q (%v), want %q; notes: %s", f.lines.Text(), f.lines.Err(), want, f.notes())
		}
	}
}

// end interrupts it: that is no error, and nothing else was printed.
func (f *follower) end() {
	f.Helper()
	f.stop()
	if err := <-f.ended; err != nil {
		f.Error(err)
	}
	if f.lines.Scan() {
		f.Errorf("printed %q", f.lines.Text())
	}
}

// A follower holds its place while the appliance restarts, and begins anew when the topic does.
func TestFollow(t *testing.T) {
	s := serveAdmin(t, 3)
	s.put("t", "k", 0, numbers(0, 3)...)
	f := s.followTopic("t")
	f.expect(numbers(0, 3)...)
	for i := 3; i < 9; i++ { // one after the other, of different shards
		s.put("t", fmt.Sprint(i), 0, numbers(i, i+1)...)
		f.expect(numbers(i, i+1)...)
	}
	for life := range 3 {
		s.down()
		s.up(3)
		for i := range 5 {
			n := 10 + 5*life + i
			s.put("t", fmt.Sprint(n), 0, numbers(n, n+1)...)
			f.expect(numbers(n, n+1)...)
		}
	}
	for n := range strings.Count(f.notes(), "\n") {
		if line := strings.Split(f.notes(), "\n")[n]; !strings.Contains(line, "trying again") && !strings.Contains(line, "going on with t") {
			t.Errorf("note %q", line)
		}
	}
	if _, _, err := s.run("topic", "delete", "t", "--yes"); err != nil {
		t.Fatal(err)
	}
	// A topic that is made again before a follower has asked for it looks to it like the old one.
	for !strings.Contains(f.notes(), "waiting for it") {
		runtime.Gosched()
	}
	s.put("t", "k", 0, numbers(100, 103)...)
	f.expect(numbers(100, 103)...)
	f.end()
}

func TestFollowFromEnd(t *testing.T) {
	s := serveAdmin(t, 1)
	s.put("t", "k", 0, numbers(0, 3)...)
	f := s.followTopic("t", "--from", "end", "--limit", "2")
	// It has found its place once it polls; records put before that could be before its end.
	for !strings.Contains(stacks(), "segstore.(*Log).Wait(") {
		runtime.Gosched()
	}
	s.put("t", "k", 0, numbers(3, 9)...)
	f.expect(numbers(3, 5)...)
	if err := <-f.ended; err != nil { // by itself: the limit
		t.Error(err)
	}
}

// stacks is what all goroutines are at.
func stacks() string {
	all := make([]byte, 1<<20)
	return string(all[:runtime.Stack(all, true)])
}

// A topic that is not there yet is waited for, and nothing of it is missed, wherever reading should have begun.
func TestFollowWhatIsToCome(t *testing.T) {
	s := serveAdmin(t, 2)
	f := s.followTopic("later", "--from", "end")
	for !strings.Contains(f.notes(), "there is no topic later: waiting for it\n") {
		runtime.Gosched()
	}
	s.put("later", "k", 0, numbers(0, 3)...)
	f.expect(numbers(0, 3)...)
	f.end()
}

// When nobody reads any more, the end is quiet.
func TestTailIntoNothing(t *testing.T) {
	s := serveAdmin(t, 1)
	s.put("t", "k", 0, numbers(0, 100)...)
	f := s.followTopic("t")
	f.expect(numbers(0, 1)...)
	f.out.Close()
	s.put("t", "k", 0, numbers(100, 101)...)
	if err := <-f.ended; err != nil || f.notes() != "" {
		t.Error(err, f.notes())
	}
}

// What retention took and what is damaged is told on stderr, and what is left is printed.
func TestTailTellsLosses(t *testing.T) {
	s := serveAdmin(t, 1)
	s.put("t", "k", 0, numbers(0, 10)...)
	for i := range 10 {
		s.put("t", "k", 0, fmt.Sprintf(`"%d %s"`, i, strings.Repeat("x", 1000)))
	}
	s.put("t", "k", 0, numbers(20, 23)...)
	topic, _ := s.set.Topic("t")
	files, err := filepath.Glob(filepath.Join(topic.Logs()[0].Dir(), "*.log"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	file, err := os.OpenFile(files[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte("damage"), 5000); err != nil {
		t.Fatal(err)
	}
	out, notes, err := s.run("tail", "t", "--format", "value")
	if err != nil || !strings.HasPrefix(out, "{\"n\":0}\n") || !strings.HasSuffix(out, "{\"n\":22}\n") {
		t.Errorf("%v\n%s", err, out)
	}
	var from, to int
	if _, err := fmt.Sscanf(notes, "penstock: shard 0: offsets %d to %d are damaged and left out\n", &from, &to); err != nil || strings.Count(out, "\n") != 23-(to-from+1) {
		t.Errorf("%d lines, %q, %v", strings.Count(out, "\n"), notes, err)
	}
}

func TestTailFromExpired(t *testing.T) {
	s := serveAdmin(t, 1)
	s.down()
	first, next := shortenedLog(t, filepath.Join(s.dir, "topics", "t-0"))
	s.up(1)
	for _, from := range []string{"0", "0:0"} {
		out, notes, err := s.run("tail", "t", "--from", from)
		want := fmt.Sprintf("penstock: shard 0 no longer keeps offset 0: its oldest record is %d; going on with 0:%d\n", first, first)
		if err != nil || notes != want || int64(strings.Count(out, "\n")) != next-first {
			t.Errorf("%v, %d lines of %d, %q, want %q", err, strings.Count(out, "\n"), next-first, notes, want)
		}
	}
}

// shortenedLog lays a log of several segments and drops the oldest, as retention does.
func shortenedLog(t *testing.T, dir string) (first, next int64) {
	t.Helper()
	log, err := segstore.Open(dir, segstore.Options{SegmentBytes: segstore.SegmentBytesMin})
	if err != nil {
		t.Fatal(err)
	}
	value := []byte(strings.Repeat("x", 1000))
	for i := range 300 {
		if err := log.Reserve(int64(len(value)) + segstore.RecordOverhead); err != nil {
			t.Fatal(err)
		}
		log.Append(nil, value, int64(i))
		log.Commit()
		for _, step := range []func() error{log.Sync, log.Background} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := log.DropOldest(); err != nil {
		t.Fatal(err)
	}
	first, next = log.First(), log.Next()
	if err := log.Close(); err != nil || first <= 0 {
		t.Fatal(first, err)
	}
	return first, next
}
