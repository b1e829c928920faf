package e2e

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The tests of this file cut the power of the real binary's disk, on the real kernel. They need root, loop devices and mkfs, and skip where
// the load tool says that the machine lacks something.

// buildFuseblk builds the program that plays a disk. It is a module of its own, whose parts may have to be downloaded.
func buildFuseblk(t *testing.T) (path string) {
	t.Helper()
	const dir = "../../benchmarks/fuseblk"
	download := exec.Command("go", "mod", "download")
	download.Dir = dir
	if out, err := download.CombinedOutput(); err != nil {
		lacking(t, "what fuseblk is built from is not here, and can't be downloaded: %s", out)
	}
	path = filepath.Join(t.TempDir(), "fuseblk")
	if out, err := exec.Command("go", "build", "-C", dir, "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("building fuseblk: %v\n%s", err, out)
	}
	return path
}

// cutPower runs a torture with power cuts and returns what it says. Its error is that of a torture that found violations.
func cutPower(t *testing.T, args ...string) (said string, err error) {
	t.Helper()
	args = append([]string{"torture", "--bin", filepath.Join(built, "penstock")}, args...)
	cmd := exec.Command(filepath.Join(built, "load"), args...)
	timer := time.AfterFunc(30*time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended) && ended.ExitCode() == 3:
		lacking(t, "%s", out)
	case err != nil && (ended == nil || ended.ExitCode() != 1):
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out), err
}

// surviveCuts wants a torture without violations, and returns what it says.
func surviveCuts(t *testing.T, args ...string) (said string) {
	t.Helper()
	said, err := cutPower(t, args...)
	t.Log(said)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// The file system ends under the appliance, and loses what was not synced: nothing acknowledged is lost, nothing that a reader has seen
// vanishes.
func TestPowerCutShutdown(t *testing.T) {
	for _, fs := range []string{"ext4", "xfs"} {
		t.Run(fs, func(t *testing.T) {
			surviveCuts(t, "--power", "shutdown", "--fs", fs, "--cycles", fromEnv("PENSTOCK_CUTS", 250), "--seed", "1")
		})
	}
}

// The disk has a cache, and loses a random half of what was not flushed from it, sector by sector: nothing acknowledged is lost, nothing
// torn is served, and nothing that was reported absent comes back.
func TestPowerCutTorn(t *testing.T) {
	said := surviveCuts(t, "--power", "fuse", "--fuseblk", buildFuseblk(t), "--cycles", fromEnv("PENSTOCK_TORN", 60), "--seed", "1")
	if !testing.Short() && strings.Contains(said, ", 0 tore:") {
		t.Error("no cut has kept some of the sectors and lost some, so nothing is proven")
	}
}

// doesNotSync has the appliance promise less than a power cut takes.
var doesNotSync = []string{"--ack", "log", "--serve=--ack=log", "--serve=--segment-bytes=2MiB", "--serve=--shards=2", "--serve=--min-free-bytes=1MiB"}

// lossesAreFound wants a torture to find that acknowledged events are lost, and that a reader had seen some of those.
func lossesAreFound(t *testing.T, args ...string) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir()) // a torture that found something leaves its disk behind
	said, err := cutPower(t, append(args, doesNotSync...)...)
	for _, want := range []string{"violation: load-", "a reader has seen what is below offset", "to do the same again:"} {
		if err == nil || !strings.Contains(said, want) {
			t.Fatalf("a server that does not sync was not found out (%v), want %q:\n%s", err, want, said)
		}
	}
	if !strings.Contains(said, "and are gone") && !strings.Contains(said, "not all of them may be missing") {
		t.Fatalf("nothing acknowledged was missed:\n%s", said)
	}
}

// The harness is able to fail, both ways.
func TestPowerCutShutdownFindsWhatIsNotSynced(t *testing.T) {
	lossesAreFound(t, "--power", "shutdown", "--cycles", "20", "--seed", "1")
}

func TestPowerCutTornFindsWhatIsNotSynced(t *testing.T) {
	lossesAreFound(t, "--power", "fuse", "--fuseblk", buildFuseblk(t), "--cycles", "20", "--seed", "1")
}
