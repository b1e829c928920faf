package bugs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// testMax is how long a test may take to notice a bug.
const testMax = 10 * time.Minute

// tried is how many bugs are tried unless PENSTOCK_BUGS says otherwise.
const tried = 12

// chosen is the bugs that are tried: those that PENSTOCK_BUGS names, with commas between them, or all of them when it says so; else some,
// the same each time unless PENSTOCK_SEED chooses others, and all those of the past.
func chosen(t *testing.T, bugs []bug) []bug {
	t.Helper()
	switch names := os.Getenv("PENSTOCK_BUGS"); names {
	case "all":
		return bugs
	case "":
		seed, err := strconv.ParseUint(os.Getenv("PENSTOCK_SEED"), 10, 64)
		if err != nil {
			seed = 1
		}
		t.Logf("PENSTOCK_SEED=%d chooses %d of %d bugs", seed, tried, len(bugs))
		var some []bug
		for place, i := range rand.New(rand.NewPCG(seed, 30)).Perm(len(bugs)) {
			if place < tried || strings.HasPrefix(bugs[i].name, "history-") {
				some = append(some, bugs[i])
			}
		}
		return some
	default:
		wanted := strings.Split(names, ",")
		some := slices.DeleteFunc(slices.Clone(bugs), func(b bug) bool { return !slices.Contains(wanted, b.name) })
		if len(some) != len(wanted) {
			t.Fatalf("PENSTOCK_BUGS=%s: not all of them are there", names)
		}
		return some
	}
}

// Every bug is noticed by the test that its patch names, which passes without it.
func TestBugsAreCaught(t *testing.T) {
	bugs := allBugs(t)
	if testing.Short() {
		compile(t, bugs)
		return
	}
	some := chosen(t, bugs)
	pass(t, some)
	var mu sync.Mutex
	seconds := map[string]float64{}
	t.Run("bug", func(t *testing.T) {
		for _, b := range bugs {
			t.Run(b.name, func(t *testing.T) {
				overlay := b.apply(t)
				if !slices.ContainsFunc(some, func(s bug) bool { return s.name == b.name }) {
					return
				}
				t.Parallel()
				began := time.Now()
				if out, err := b.run(overlay); err == nil {
					t.Fatalf("%s does not notice: %s\n%s", b.command, b.text, tail(out))
				} else if why := b.noCatch(out, err); why != "" {
					t.Fatalf("%s: %s: %v\n%s", b.command, why, err, tail(out))
				}
				took := time.Since(began).Seconds()
				t.Logf("caught by %s in %.1f s", b.test, took)
				mu.Lock()
				defer mu.Unlock()
				seconds[b.name] = took
			})
		}
	})
	t.Logf("%d of %d bugs were tried, %d caught", len(some), len(bugs), len(seconds))
	if *update && len(seconds) == len(bugs) {
		writeTable(t, bugs, seconds)
	}
}

// pass runs the tests of some bugs without any: a test that always fails notices nothing. Those of one package run together.
func pass(t *testing.T, bugs []bug) {
	t.Helper()
	groups := map[string][]bug{}
	for _, b := range bugs {
		key := fmt.Sprint(b.pkg, b.env, b.flags)
		groups[key] = append(groups[key], b)
	}
	t.Run("none", func(t *testing.T) {
		for key, group := range groups {
			t.Run(key, func(t *testing.T) {
				t.Parallel()
				all := group[0]
				var names []string
				for _, b := range group {
					names = append(names, b.test)
				}
				all.test = "(" + strings.Join(names, "|") + ")"
				out, err := all.run("")
				for _, b := range group {
					if !strings.Contains(out, "\n--- PASS: "+b.test+" ") {
						t.Errorf("%s does not pass without the bug, or there is no such test", b.command)
					}
				}
				if err != nil || t.Failed() {
					t.Fatalf("%v\n%s", err, tail(out))
				}
			})
		}
	})
	if t.Failed() {
		t.FailNow()
	}
}

// run runs the bug's test, with the bug if there is an overlay.
func (b *bug) run(overlay string) (out string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), testMax+time.Minute)
	defer cancel()
	args := append([]string{"test", "-count=1", "-v", "-vet=off", "-timeout", testMax.String()}, b.flags...)
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "-run", "^"+b.test+"$", b.pkg)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), b.env...)
	cmd.WaitDelay = 10 * time.Second
	text, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = errors.Join(err, ctx.Err())
	}
	return string(text), err
}

// noCatch says why a run that failed has not noticed the bug; "" when it has. A process that a test brings down has noticed it.
func (b *bug) noCatch(out string, err error) string {
	var exit *exec.ExitError
	switch {
	case strings.Contains(out, "[build failed]"), strings.Contains(out, "[setup failed]"):
		return "the patched code does not compile"
	case strings.Contains(out, "panic: test timed out"), !errors.As(err, &exit), errors.Is(err, context.DeadlineExceeded):
		return "the test did not come to an end"
	case !strings.Contains(out, "=== RUN   "+b.test+"\n"):
		return "there is no such test"
	}
	return ""
}

// compile only looks whether every patch applies and compiles.
func compile(t *testing.T, bugs []bug) {
	for _, b := range bugs {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			build := exec.Command("go", "build", "-overlay", b.apply(t), b.pkg)
			build.Dir = root
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

// tail is the end of a test's output.
func tail(out string) string {
	const most = 4 << 10
	if len(out) <= most {
		return out
	}
	return "…" + out[len(out)-most:]
}
