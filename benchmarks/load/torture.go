package main

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// torture kills the real binary, again and again, at random moments under load, and after each restart reads back what is new: nothing
// acknowledged may be lost, nothing invented, nothing doubled, nothing out of order. At the end everything is read once more from the start.
type torture struct {
	w           *workload
	shape       *shape
	cycles      int
	connections int
	server      *server
	out         io.Writer

	rng      *rand.Rand
	book     *book
	verifier *verifier

	kills, startKills int
	restart           time.Duration // sum
	slowest           time.Duration
	restarts          int
}

func (t *torture) run() error {
	t.rng = rand.New(rand.NewPCG(t.w.Seed, 0x70727475726574))
	t.book = newBook(t.w)
	hashSeed := maphash.MakeSeed()
	began := time.Now()
	for cycle := range t.cycles {
		if err := t.cycle(cycle, hashSeed); err != nil {
			return fmt.Errorf("cycle %d: %w", cycle, err)
		}
		if (cycle+1)%50 == 0 {
			fmt.Fprintf(t.out, "%d kills, %d events acknowledged, %d of unknown fate, %d records verified, %.0f ms a cycle\n", t.kills,
				t.book.ackedEvents.Load(), t.book.unknownEvents.Load(), t.verifier.Records, float64(time.Since(began).Milliseconds())/float64(cycle+1))
		}
	}
	if err := t.finish(hashSeed); err != nil {
		return err
	}
	fmt.Fprintf(t.out, `seed %d: %d kills, %d of them while starting; %.0f ms a cycle
acknowledged   %d events
unknown fate   %d events, %d of them not kept
restart        %.0f ms on average until ready, %d ms at most
violations     0: none lost, none invented, none doubled, none out of order
`, t.w.Seed, t.kills, t.startKills, float64(time.Since(began).Milliseconds())/float64(t.cycles), t.book.ackedEvents.Load(),
		t.book.unknownEvents.Load(), t.verifier.Missing, float64(t.restart.Milliseconds())/float64(max(1, t.restarts)), t.slowest.Milliseconds())
	return nil
}

// cycle is one life of the server: start, verify, load, kill.
func (t *torture) cycle(cycle int, hashSeed maphash.Seed) error {
	if cycle > 0 && t.rng.Float64() < 0.1 { // sometimes it does not even get to start
		if err := t.server.launch(); err != nil {
			return err
		}
		time.Sleep(time.Duration(t.rng.Float64() * float64(40*time.Millisecond)))
		t.kills++
		t.startKills++
		return t.server.kill()
	}
	if err := t.startAndVerify(hashSeed); err != nil {
		return err
	}
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := load(t.w, t.shape, t.book, t.server.http, t.connections, 0, stop, nil)
		ended <- err
	}()
	time.Sleep(time.Millisecond + min(time.Duration(t.rng.ExpFloat64()*float64(90*time.Millisecond)), 600*time.Millisecond))
	t.kills++
	err := t.server.kill()
	close(stop)
	return errors.Join(err, onlyUnseen(<-ended))
}

// onlyUnseen drops the errors that a killed server explains.
func onlyUnseen(err error) error {
	var many interface{ Unwrap() []error }
	if err == nil || !errors.As(err, &many) {
		return err
	}
	var rest []error
	for _, e := range many.Unwrap() {
		var dial interface{ Timeout() bool } // a refused connection is a net.Error
		if !errors.Is(e, errUnknown) && !errors.As(e, &dial) {
			rest = append(rest, e)
		}
	}
	return errors.Join(rest...)
}

func (t *torture) startAndVerify(hashSeed maphash.Seed) error {
	began := time.Now()
	if err := t.server.launch(); err != nil {
		return err
	}
	if err := t.server.awaitReady(30 * time.Second); err != nil {
		return err
	}
	took := time.Since(began)
	t.restart += took
	t.restarts++
	t.slowest = max(t.slowest, took)
	if t.verifier == nil {
		t.verifier = newVerifier(t.w, t.book, t.server.admin, hashSeed)
		return createTopics(t.w, t.server.admin)
	}
	t.verifier.admin = t.server.admin
	return t.check(t.verifier)
}

func (t *torture) check(v *verifier) error {
	err := v.run()
	for _, p := range v.First {
		fmt.Fprintln(t.out, "violation:", p)
	}
	return err
}

// finish verifies the last life, reads everything again from the start with a verifier that knows nothing yet, stops the server, and has the
// log verified offline.
func (t *torture) finish(hashSeed maphash.Seed) error {
	if err := t.startAndVerify(hashSeed); err != nil {
		return err
	}
	again := newVerifier(t.w, t.book, t.server.admin, hashSeed)
	if err := t.check(again); err != nil {
		return fmt.Errorf("reading everything again: %w", err)
	}
	for id, seen := range t.verifier.shards {
		if now := again.shards[id]; t.verifier.Records == again.Records && *now != *seen {
			return fmt.Errorf("%s/%d: records changed after they were verified", t.w.name(id.topic), id.shard)
		}
	}
	if err := t.server.stop(); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	if out, err := exec.Command(t.server.bin, "log", "verify", t.server.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("penstock log verify: %w\n%s", err, out)
	}
	return nil
}

// newServer prepares a server in a directory of its own, which the caller removes when all went well.
func newServer(bin string, flags ...string) (*server, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(bin); err != nil {
		return nil, fmt.Errorf("no binary to run: build it with `go build -o penstock ./appliance/cmd/penstock`, or name it with --bin: %w", err)
	}
	dir, err := os.MkdirTemp("", "penstock-load-")
	if err != nil {
		return nil, err
	}
	return &server{bin: bin, dir: filepath.Join(dir, "data"), flags: flags}, nil
}
