package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"penstock/benchmarks/child"
)

// allowed is what a child that is started now may run on.
func allowed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	p, err := child.Start(dir, "grep", "Cpus_allowed_list", "/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer p.End()
	for range 1000 {
		if text, err := os.ReadFile(filepath.Join(dir, "log")); err == nil && strings.HasSuffix(string(text), "\n") {
			return strings.TrimSpace(strings.TrimPrefix(string(text), "Cpus_allowed_list:"))
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the child says nothing")
	return ""
}

// A server that is to be apart has one CPU and we have the others, until it is over.
func TestApart(t *testing.T) {
	var before, during, after unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	all := allowed(t)
	back, err := apart()
	if before.Count() < 2 {
		if err == nil {
			t.Fatal("with one CPU nobody can be apart")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	child := allowed(t)
	err = unix.SchedGetaffinity(0, &during)
	back()
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(child, ",-") {
		t.Errorf("the server may run on %s", child)
	}
	if during.Count() != before.Count()-1 {
		t.Errorf("the client may run on %d of %d CPUs", during.Count(), before.Count())
	}
	if err := unix.SchedGetaffinity(0, &after); err != nil || after != before || allowed(t) != all {
		t.Errorf("it is not as it was before: %v, %v", after, err)
	}
}
