package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The calls by which a log is kept. msync is none of them.
var (
	storageCalls = []string{"openat", "mkdirat", "/^rename", "unlinkat", "fallocate", "fdatasync", "fsync", "ftruncate", "pwrite64", "mmap",
		"utimensat", "getdents64", "fadvise64", "newfstatat", "statfs"}
	failingCalls = []string{"openat", "mkdirat", "/^rename", "unlinkat", "fallocate", "fdatasync", "fsync", "ftruncate", "pwrite64", "mmap"}
)

// surgery is a place for many short lives of the real binary, on one data directory that is made anew for each, under strace.
type surgery struct {
	t     *testing.T
	dir   string            // the data directory of all lives: strace is told the paths of the files beforehand
	used  string            // what it begins with, "" for nothing
	old   map[string]string // the events in that, by place
	paths []string          // of all files that a life without a fault names

	acked map[string]bool // by topic and number, of the life under way
	trace string          // what strace wrote about it
	lives int
}

// mostKept is how much a life keeps: more than it takes itself and what of a used directory may be stuck in one shard, as nothing that it acknowledged may go
// however long it lasts; and less than a used directory has.
const mostKept = "2560KiB"

// script is how the binary is started: segments so small that a few dozen events go through all there is.
func script() []string {
	return []string{"--shards", "2", "--segment-bytes", "128KiB", "--max-body-bytes", "64KiB", "--min-free-bytes", "1"}
}

// newSurgery prepares lives that begin with an empty directory, or (used) with one that a killed process has left, with more in it than
// is to be kept.
func newSurgery(t *testing.T, used bool) *surgery {
	if _, err := exec.LookPath("strace"); err != nil {
		lacking(t, "needs strace: %v", err)
	}
	root, err := os.MkdirTemp("/dev/shm", "penstock-")
	if err != nil {
		root = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	v := &surgery{t: t, dir: filepath.Join(root, "data"), trace: filepath.Join(root, "trace"), acked: map[string]bool{}}
	if used {
		s := &server{t: t, dir: v.dir, args: script()}
		s.start()
		v.post(s, 1000, 48, nil)
		v.old, _ = v.contents(s)
		s.kill()
		v.used = filepath.Join(root, "used")
		v.copy(v.dir, v.used)
	}
	v.begin()
	l := v.launch("-e", "trace="+strings.Join(storageCalls, ","))
	v.post(l.server, 0, 16, nil)
	l.stop()
	text, err := os.ReadFile(v.trace)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, path := range regexp.MustCompile(`"(`+regexp.QuoteMeta(v.dir)+`[^"]*)"`).FindAllStringSubmatch(string(text), -1) {
		seen[path[1]] = true
	}
	v.paths = slices.Sorted(maps.Keys(seen))
	if len(v.paths) < 20 {
		t.Fatalf("a life names these files only: %v\n%s", v.paths, text)
	}
	return v
}

func (v *surgery) copy(from, to string) {
	v.t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		v.t.Fatalf("%v: %s", err, out)
	}
}

// begin makes the directory of a life.
func (v *surgery) begin() {
	v.t.Helper()
	v.lives++
	if err := os.RemoveAll(v.dir); err != nil {
		v.t.Fatal(err)
	}
	if v.used != "" {
		v.copy(v.used, v.dir)
	}
	clear(v.acked)
}

// life is a process under strace.
type life struct {
	*server
	ended chan struct{}
	state *os.ProcessState
	up    bool // it said where it listens
}

// launch starts the binary under strace and waits until it is up or has ended.
func (v *surgery) launch(strace ...string) *life {
	v.t.Helper()
	l := &life{server: &server{t: v.t, dir: v.dir, log: &syncBuffer{}}, ended: make(chan struct{})}
	args := slices.Concat([]string{"-D", "-f", "-qq", "-o", v.trace}, strace,
		[]string{filepath.Join(built, "penstock"), "serve", "--data-dir", v.dir, "--http", "127.0.0.1:0", "--https", "off", "--admin", "127.0.0.1:0",
			"--telnet", "off", "--graphite", "off", "--pickle", "off", "--kafka", "off", "--retention-bytes", mostKept}, script())
	l.cmd = exec.Command("strace", args...) // with -D the process that we start becomes penstock
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	l.cmd.Stdout, l.cmd.Stderr = l.log, l.log
	if err := l.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	go func() {
		_ = l.cmd.Wait()
		l.state = l.cmd.ProcessState
		close(l.ended)
	}()
	for range 2000 {
		if l.up = l.findAddresses(); l.up || l.dead() {
			return l
		}
		time.Sleep(5 * time.Millisecond)
	}
	v.t.Fatalf("penstock neither started nor ended under strace %v:\n%s", strace, l.log)
	return nil
}

func (l *life) dead() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// stop ends a life with TERM, if it has not ended, and returns its exit status; -1 when a signal killed it.
func (l *life) stop() int {
	l.t.Helper()
	if !l.dead() {
		_ = l.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-l.ended:
	case <-time.After(45 * time.Second):
		_ = l.cmd.Process.Kill()
		l.t.Fatalf("penstock did not stop:\n%s", l.log)
	}
	if panicked := regexp.MustCompile(`panic:|fatal error:|SIGBUS`).FindString(l.log.String()); panicked != "" {
		l.t.Fatalf("penstock died of %q:\n%s", panicked, l.log)
	}
	return l.state.ExitCode()
}

// post sends events to both topics, notes which were acknowledged, and tells refused of each that was not. It ends when the
// process has.
func (v *surgery) post(s *server, from, events int, refused func(topic string, status int, body string)) {
	fill := strings.Repeat("x", 30<<10)
	for n := from; n < from+events; n++ {
		for turn := range 2 {
			topic := "sick"
			if (n+turn)%2 == 0 { // each topic has its turn at each shard
				topic = "well"
			}
			status, body := s.post(topic, fmt.Sprintf(`{"n":%d,"fill":"%s"}`, n, fill))
			switch {
			case status == http.StatusAccepted:
				v.acked[fmt.Sprint(topic, " ", n)] = true
			case refused == nil:
				return
			default:
				refused(topic, status, body)
			}
		}
	}
}

// contents reads both topics: what stands at each place, and where each shard begins.
func (v *surgery) contents(s *server) (there map[string]string, first map[string]int64) {
	v.t.Helper()
	there, first = map[string]string{}, map[string]int64{}
	for _, topic := range []string{"sick", "well"} {
		if status, _ := s.get("/v1/topics/" + topic); status == http.StatusNotFound {
			continue
		}
		for _, line := range s.tail(topic, "--until", "end", "--format", "json") {
			var r struct {
				Shard  int
				Offset int64
				Value  struct{ N int }
			}
			if line == "" {
				continue
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				v.t.Fatalf("%v: %s", err, line)
			}
			log := fmt.Sprintf("%s-%d", topic, r.Shard)
			if at, ok := first[log]; !ok || r.Offset < at {
				first[log] = r.Offset
			}
			there[fmt.Sprintf("%s@%d", log, r.Offset)] = fmt.Sprint(topic, " ", r.Value.N)
		}
	}
	return there, first
}

// survives starts the binary without a fault and without a hand: it gets ready, what was acknowledged is there, and it takes more.
func (v *surgery) survives(when string) {
	v.t.Helper()
	s := &server{t: v.t, dir: v.dir, args: script()}
	s.start()
	there, first := v.contents(s)
	found := map[string]bool{}
	for _, event := range there {
		found[event] = true
	}
	for event := range v.acked {
		if !found[event] {
			v.t.Fatalf("%s: event %s was acknowledged and is gone", when, event)
		}
	}
	for place, event := range v.old {
		log, offset, _ := strings.Cut(place, "@")
		var n int64
		fmt.Sscan(offset, &n)
		if begins, ok := first[log]; ok && n >= begins && there[place] != event {
			v.t.Fatalf("%s: at %s stood %s, and stands %q; the log begins at %d", when, place, event, there[place], begins)
		}
	}
	v.post(s, 5000, 1, func(topic string, status int, body string) {
		v.t.Fatalf("%s: the next start refuses events of %s: %d %s", when, topic, status, body)
	})
	s.stop()
}

// below are the paths that begin with a prefix, as strace wants them.
func (v *surgery) below(prefix string) (args []string) {
	for _, path := range v.paths {
		if strings.HasPrefix(path, prefix) {
			args = append(args, "-P", path)
		}
	}
	return args
}

// numbers are which of a kind of calls to do it to: all, until it can't be done any more, or a sample. strace counts by thread, so a number
// may be missed and the next one met.
func numbers(do func(when int) (done bool)) {
	if os.Getenv("PENSTOCK_SYSCALLS") != "all" {
		do(2)
		return
	}
	for when, missed := 1, 0; missed < 2 && when < 1000; when++ {
		if missed++; do(when) {
			missed = 0
		}
	}
}

// begins are the two kinds of directory that lives begin with.
var begins = map[string]bool{"fresh": false, "used": true}

// The real binary is killed at a system call on one of its files, of each kind and number, while it starts, recovers, takes events, rolls,
// retires and stops. It starts again by itself with everything that was acknowledged. PENSTOCK_SYSCALLS=all does all of them.
func TestKilledAtEverySyscall(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the real binary many times")
	}
	for name, used := range begins {
		t.Run(name, func(t *testing.T) {
			v := newSurgery(t, used)
			kills := map[string]int{}
			for _, call := range storageCalls {
				numbers(func(when int) bool {
					v.begin()
					inject := fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, when)
					l := v.launch(slices.Concat(v.below(v.dir), []string{"-e", "trace=" + call, "-e", inject})...)
					if l.up {
						v.post(l.server, 0, 16, nil)
					}
					killed := l.stop() == -1
					if killed {
						kills[call]++
					}
					v.survives(inject)
					return killed
				})
			}
			t.Logf("%d lives, kills: %v", v.lives, kills)
			if len(kills) < len(storageCalls)*2/3 {
				t.Error("too few kinds of calls were met")
			}
		})
	}
}

// A system call on a file of one shard fails, of each kind and number, with each error, once or from then on. The process lives, the other
// topic's events are all taken, and what was acknowledged is there after the next start.
func TestEverySyscallFails(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the real binary many times")
	}
	errors := []string{"EIO:when=%d+", "EINTR:when=%d+2"} // what is interrupted is repeated, and succeeds then
	if os.Getenv("PENSTOCK_SYSCALLS") == "all" {
		errors = append(errors, "EIO:when=%d", "ENOSPC:when=%d", "ENOSPC:when=%d+", "EDQUOT:when=%d")
	}
	for name, used := range begins {
		t.Run(name, func(t *testing.T) {
			v := newSurgery(t, used)
			failed, refused, notStarted := map[string]int{}, 0, 0
			for _, how := range errors {
				for _, call := range failingCalls {
					if call == "mmap" && strings.HasPrefix(how, "EINTR") {
						continue // which it never gives
					}
					numbers(func(when int) bool {
						injected, up := v.fails(call, fmt.Sprintf("inject=%s:error=%s", call, fmt.Sprintf(how, when)), &refused)
						if injected {
							failed[call]++
						}
						if !up {
							notStarted++
						}
						return injected
					})
				}
			}
			t.Logf("%d lives, failures: %v; %d events of the sick topic were refused, %d starts failed", v.lives, failed, refused, notStarted)
			if len(failed) < len(failingCalls)/2 {
				t.Error("too few kinds of calls were met")
			}
		})
	}
}

// fails is one life with a fault in the shard sick-0.
func (v *surgery) fails(call, inject string, refused *int) (injected, up bool) {
	v.begin()
	before := *refused
	l := v.launch(slices.Concat(v.below(filepath.Join(v.dir, "topics", "sick-0")), []string{"-e", "trace=" + call, "-e", inject})...)
	if l.up {
		v.post(l.server, 0, 16, func(topic string, status int, body string) {
			if *refused++; topic != "sick" || status == 0 {
				v.t.Errorf("%s: an event of %s was answered %d %s\n%s", inject, topic, status, body, l.log)
			}
		})
		if l.dead() {
			v.t.Fatalf("%s: penstock ended: %v\n%s", inject, l.state, l.log)
		}
	}
	if status := l.stop(); status == -1 || status > 1 {
		v.t.Fatalf("%s: penstock ended with %v\n%s", inject, l.state, l.log)
	}
	if strings.Contains(inject, "EINTR") && (*refused > before || !l.up) {
		v.t.Errorf("%s: what was only interrupted was not repeated\n%s", inject, l.log)
	}
	text, err := os.ReadFile(v.trace)
	if err != nil {
		v.t.Fatal(err)
	}
	v.survives(inject)
	return strings.Contains(string(text), "(INJECTED)"), l.up
}
