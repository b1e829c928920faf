package segstore

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"penstock/segstore/disk"
)

// script is a log's life on a real disk: segments made, filled, rolled, sealed, retired, the log closed, left behind and opened again,
// now and then with a batch that has rotten meanwhile. It says beforehand what it is about to do and afterwards what it has done, so
// that whoever kills it knows what must be there.
type script struct {
	*fixture
	say func(format string, args ...any)
}

// callsInAScript is how many calls to the disk a script makes at least.
const callsInAScript = 2000

func (s *script) run() {
	const chapters = 12
	for chapter := range chapters {
		s.reopen()
		for step := range 14 {
			records := int64(3 + step)
			if chapter%3 == 1 { // more than a segment of them
				records += 50
			}
			s.step(records)
			if step%3 != 1 {
				s.must(s.Sync())
			}
			if step%4 == 3 {
				s.must(s.Background())
			}
			s.now += 10
			if step%5 == 4 {
				s.must(s.RollOlder(s.now))
			}
		}
		for range 3 {
			s.step(5)
			s.must(s.Sync())
		}
		s.retire(s.now - 200)
		if chapter%3 == 0 {
			continue // left as a kill leaves it: the next chapter begins with a recovery
		}
		s.must(s.Log.Close())
		if chapter%3 == 2 {
			s.rot()
		}
	}
	s.say("done")
}

// step adds a batch.
func (s *script) step(records int64) {
	n := s.Log.next
	s.say("adding up to %d", n+records)
	s.add(n, n+records)
	s.say("written up to %d", n+records)
}

// retire says from where on everything is kept, and retires the rest.
func (s *script) retire(cutoff int64) {
	kept := int64(math.MaxInt64)
	for _, segment := range s.list() {
		if segment.newest >= cutoff || segment == s.active {
			kept = min(kept, segment.base)
		}
	}
	s.say("kept from %d", kept)
	_, err := s.Retire(cutoff)
	s.must(err)
}

// rot flips a bit of the last segment's second batch.
func (s *script) rot() {
	list := s.list()
	path := list[len(list)-1].path
	content, err := os.ReadFile(path)
	s.must(err)
	position := readHeader(content).size
	h := readHeader(content[position:])
	s.say("lost from %d to %d", h.base, h.next())
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	s.must(err)
	_, err = f.WriteAt([]byte{content[position+70] ^ 4}, position+70)
	s.must(errors.Join(err, f.Close()))
}

// promise is what scripts on one directory have said until they were killed.
type promise struct {
	adding, written, kept int64
	lost                  []span
	done                  bool
}

func (p *promise) hear(line string) error {
	var lost span
	for format, to := range map[string][]any{
		"adding up to %d":    {&p.adding},
		"written up to %d":   {&p.written},
		"kept from %d":       {&p.kept},
		"lost from %d to %d": {&lost.first, &lost.next},
	} {
		if n, _ := fmt.Sscanf(line, format, to...); n == len(to) {
			if lost.next > 0 {
				p.lost = append(p.lost, lost)
			}
			return nil
		}
	}
	if line != "done" {
		return fmt.Errorf("the script said %q", line)
	}
	p.done = true
	return nil
}

// killing is which of its calls to the disk kills a script.
type killing struct {
	call  int
	after bool // the call is carried out
}

func (k killing) String() string {
	if k.after {
		return fmt.Sprintf("after call %d", k.call)
	}
	return fmt.Sprintf("before call %d", k.call)
}

// killEnv tells a process that it is to play the script in its working directory, and when to die.
const killEnv = "PENSTOCK_TEST_KILL"

// The child's side: it plays the script and dies of SIGKILL in the middle of it.
func TestScriptThatIsKilled(t *testing.T) {
	var k killing
	if n, _ := fmt.Sscanf(os.Getenv(killEnv), "%d %t", &k.call, &k.after); n != 2 {
		t.Skip("the other tests run it")
	}
	ear := os.NewFile(3, "pipe")
	calls := 0
	die := func(now bool) {
		if now {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	d := &disk.Trace{
		Disk: disk.OS{},
		Before: func(string, string) error {
			calls++
			die(calls == k.call && !k.after)
			return nil
		},
		After: func(_, _ string, err error) error {
			die(calls == k.call && k.after)
			return err
		},
	}
	s := script{fixture: &fixture{TB: t, disk: d, dir: scriptDir, options: testOptions(), now: 1000}}
	s.say = func(format string, args ...any) {
		if _, err := fmt.Fprintf(ear, format+"\n", args...); err != nil { // one write, and nothing between it and the pipe
			t.Fatal(err)
		}
	}
	s.run()
}

// scriptDir is the log's directory below the working directory.
const scriptDir = "clicks-0"

// play has a child play the script below a directory until it is killed, and hears what it says.
func (p *promise) play(dir string, k killing) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	child := exec.Command(self, "-test.run=^TestScriptThatIsKilled$", "-test.timeout=1m")
	child.Dir = dir
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%d %t", killEnv, k.call, k.after))
	child.ExtraFiles = []*os.File{out}
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var output strings.Builder
	child.Stdout, child.Stderr = &output, &output
	err = child.Start()
	out.Close()
	if err != nil {
		return err
	}
	said, err := io.ReadAll(in)
	_ = child.Wait() // "signal: killed"
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(said)) {
		if err := p.hear(strings.TrimSuffix(line, "\n")); err != nil {
			return err
		}
	}
	if status := child.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL && !p.done {
		return fmt.Errorf("the script ended by itself: %v\n%s", child.ProcessState, &output)
	}
	return nil
}

// hold opens the log after a kill, holds it to what was said, and has it go on. No hand but this one touches it.
func (p *promise) hold(g *fixture, when string) {
	g.Helper()
	if err := g.tryOpen(); err != nil {
		g.Fatalf("%s: the log does not open: %v", when, err)
	}
	there, _ := g.read()
	spans := slices.SortedFunc(slices.Values(slices.Concat(there, p.lost)), func(a, b span) int { return cmp.Compare(a.first, b.first) })
	whole := p.kept
	for _, s := range spans {
		if s.first <= whole {
			whole = max(whole, s.next)
		}
	}
	if whole < p.written || whole > p.adding || g.Next() != whole {
		g.Fatalf("%s: written were %d to %d, being added up to %d, lost %v; the log goes on at %d and holds %v",
			when, p.kept, p.written, p.adding, p.lost, g.Next(), there)
	}
	for _, found := range g.findings {
		if found.Acknowledged() && !slices.Contains(p.lost, span{found.First, found.Next}) {
			g.Fatalf("%s: found damage where nothing was damaged: %v", when, found)
		}
	}
	next := g.Next()
	g.addSynced(next, next+5)
	g.must(g.Close())
	g.readAll = true
	g.reopen()
	g.holds(join(there, next, next+5)...)
	g.must(g.Close())
	if sum, err := Verify(g.dir, nil); err != nil || sum.Damaged > 0 {
		g.Fatalf("%s: verify says %+v, %v", when, sum, err)
	}
	if made, err := filepath.Glob(filepath.Join(g.dir, "*"+temporarySuffix)); err != nil || len(made) > 0 {
		g.Fatalf("%s: still there are %v, %v", when, made, err)
	}
}

// A process is killed at every one of its calls to a real disk, before the call and after it, and every few times again a little later,
// in the recovery from that. What it had written is there, and the log goes on, without a hand.
// PENSTOCK_SYSCALLS=all kills after every call, too, not only after some.
func TestKilledAtEveryCall(t *testing.T) {
	step, afterEvery := 1, 5
	if testing.Short() {
		step = 50
	}
	if os.Getenv("PENSTOCK_SYSCALLS") == "all" {
		afterEvery = 1
	}
	const workers = 2
	for worker := range workers {
		t.Run(fmt.Sprint("worker=", worker), func(t *testing.T) {
			t.Parallel()
			kills := 0
			for call := 1 + worker*step; call <= callsInAScript; call += workers * step {
				for _, k := range []killing{{call, false}, {call, true}} {
					if k.after && call/step%afterEvery != 0 {
						continue
					}
					kills += killAt(t, k)
				}
			}
			t.Logf("%d kills", kills)
		})
	}
}

// killAt kills one life and looks at what is left.
func killAt(t *testing.T, k killing) (kills int) {
	t.Helper()
	dir := quickDir(t)
	defer os.RemoveAll(dir)
	var p promise
	deaths := []killing{k}
	if k.call%4 == 0 {
		deaths = append(deaths, killing{call: 1 + k.call/4%60})
	}
	for _, k := range deaths {
		if err := p.play(dir, k); err != nil {
			t.Fatalf("killed %v: %v", k, err)
		}
		if p.done {
			t.Fatalf("%v there was nothing left to be killed", k)
		}
	}
	g := &fixture{TB: t, disk: disk.OS{}, dir: filepath.Join(dir, scriptDir), options: testOptions(), now: 1 << 40}
	p.hold(g, fmt.Sprint("killed ", deaths))
	return len(deaths)
}

// quickDir is a directory in memory if there is one: a kill takes nothing from the kernel, so it need not be on a disk.
func quickDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "penstock-")
	if err != nil {
		dir, err = os.MkdirTemp("", "penstock-")
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
