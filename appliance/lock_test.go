package appliance

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestLockDir(t *testing.T) {
	dir := t.TempDir()
	owned := func(want bool) {
		t.Helper()
		pid, running, err := Owner(dir)
		if err != nil || running != want || running && pid != os.Getpid() {
			t.Errorf("Owner: %d, %v, %v; want %v", pid, running, err, want)
		}
	}
	owned(false)
	lock, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	owned(true)
	// The lock belongs to the open file, so this process's second attempt fares like another process's.
	_, err = LockDir(dir)
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() || locked.Dir != dir {
		t.Fatalf("a second lock: %v", err)
	}
	if want := "process " + strconv.Itoa(os.Getpid()) + " already works on the data directory " + dir; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%q, want %q first", err, want)
	}
	owned(true) // the failed attempt did not take the lock away
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	owned(false)
	again, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Release()
	owned(true)
}

// TestLockDirAfterACrash: the file a dead process left says nothing about who runs.
func TestLockDirAfterACrash(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, LockName), []byte("99999999 and more than a short process id needs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, running, err := Owner(dir); running || err != nil {
		t.Errorf("a dead process runs: %v", err)
	}
	lock, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	text, err := os.ReadFile(filepath.Join(dir, LockName))
	if err != nil || string(text) != strconv.Itoa(os.Getpid())+"\n" {
		t.Errorf("the lock says %q, %v", text, err)
	}
}

// TestLockDirFollowsNoLink: a link could make the appliance empty a file that is not its own.
func TestLockDirFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, filepath.Join(dir, LockName)); err != nil {
		t.Fatal(err)
	}
	if _, err := LockDir(dir); err == nil {
		t.Error("locked through a link")
	}
	if text, _ := os.ReadFile(other); string(text) != "keep" {
		t.Errorf("the linked file is now %q", text)
	}
}
