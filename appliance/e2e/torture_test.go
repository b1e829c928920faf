package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// runLoad runs the load tool, which compares everything it reads back with what it sent, and prints what it found.
func runLoad(t *testing.T, atMost time.Duration, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(built, "load"), append(args, "--bin", filepath.Join(built, "penstock"))...)
	timer := time.AfterFunc(atMost, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// fromEnv is a number from the environment, for runs longer or shorter than the usual.
func fromEnv(name string, usual int) string {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return strconv.Itoa(n)
	}
	if testing.Short() {
		usual /= 25
	}
	return strconv.Itoa(usual)
}

// 500 kills at random moments under load, some of them while it starts, with each policy that survives a kill.
func TestKill(t *testing.T) {
	runLoad(t, 15*time.Minute, "torture", "--cycles", fromEnv("PENSTOCK_KILLS", 400), "--seed", "1")
	runLoad(t, 15*time.Minute, "torture", "--cycles", fromEnv("PENSTOCK_KILLS", 100), "--seed", "2", "--ack", "log",
		"--serve=--segment-bytes=2MiB", "--serve=--shards=3", "--serve=--ack=log")
}

// Five million real-shaped events from 64 connections, read back and compared.
func TestLoad(t *testing.T) {
	runLoad(t, 15*time.Minute, "self", "--events", fromEnv("PENSTOCK_EVENTS", 5_000_000), "--topics", "5")
}
