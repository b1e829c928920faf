package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"penstock/appliance/config"
)

// TestDoctorOnThisMachine: it changes nothing, says the same in text and as JSON, and its exit code tells whether there is something to change.
func TestDoctorOnThisMachine(t *testing.T) {
	dir := t.TempDir()
	var text, stderr bytes.Buffer
	exit := run([]string{"doctor", "--data-dir", dir}, &text, &stderr)
	if exit != exitOK && exit != exitFailed || stderr.Len() > 0 {
		t.Fatalf("exit %d, stderr %q", exit, stderr.String())
	}
	var out bytes.Buffer
	if again := run([]string{"doctor", "--data-dir", dir, "--format", "json"}, &out, &stderr); again != exitOK && again != exitFailed {
		t.Errorf("exit %d as JSON, %d as text", again, exit)
	}
	var said struct {
		Advice []struct{ Name, State, Is string }
		Host   struct {
			PID int `json:"limits_of_pid"`
		}
		ToChange int `json:"to_change"`
	}
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	toChange := 0
	for _, a := range said.Advice {
		if !strings.Contains(text.String(), a.Name+": ") || a.Is == "" {
			t.Errorf("%+v is not in the text", a)
		}
		if a.State == "change" || a.State == "danger" {
			toChange++
		}
	}
	if len(said.Advice) < 20 || toChange != said.ToChange || said.Host.PID != os.Getpid() {
		t.Errorf("%d things looked at, %d of them to change, %d counted; limits of process %d", len(said.Advice), toChange, said.ToChange, said.Host.PID)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// doctoredTree is a root directory with some of a host's parameters in it.
func doctoredTree(t *testing.T, values map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range values {
		path := filepath.Join(root, "proc/sys", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestDoctorApplies(t *testing.T) {
	root := doctoredTree(t, map[string]string{"net/core/somaxconn": "128\n", "vm/max_map_count": "1048576\n"})
	c := config.Default()
	c.DataDir = t.TempDir()
	var out bytes.Buffer
	d := &doctor{root: root, format: "text", apply: true}
	if err := d.visit(t.Context(), &c, &out, io.Discard); err != nil && !errors.Is(err, errToChange) {
		t.Fatal(err)
	}
	for _, line := range []string{"\nchanged net.core.somaxconn from 128 to 65535\n", "\nok      net.core.somaxconn: 65535\n", "--format sysctl > /etc/sysctl.d/"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is not in\n%s", line, out.String())
		}
	}
	for name, want := range map[string]string{"net/core/somaxconn": "65535\n", "vm/max_map_count": "1048576\n"} {
		if text, err := os.ReadFile(filepath.Join(root, "proc/sys", name)); err != nil || string(text) != want {
			t.Errorf("%s is %q, %v; want %q", name, text, err, want)
		}
	}
	out.Reset()
	if _ = d.visit(t.Context(), &c, &out, io.Discard); strings.Contains(out.String(), "changed ") {
		t.Errorf("changed something again:\n%s", out.String())
	}
}

// TestDoctorWithoutApplyChangesNothing: the same host, only looked at.
func TestDoctorWithoutApplyChangesNothing(t *testing.T) {
	root := doctoredTree(t, map[string]string{"net/core/somaxconn": "128\n"})
	c := config.Default()
	c.DataDir = t.TempDir()
	var out bytes.Buffer
	if err := (&doctor{root: root, format: "text"}).visit(t.Context(), &c, &out, io.Discard); !errors.Is(err, errToChange) {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(out.String(), "\nchange  net.core.somaxconn: 128; should be at least ") || !strings.Contains(out.String(), "sysctl -w net.core.somaxconn=65535") {
		t.Error(out.String())
	}
	if text, err := os.ReadFile(filepath.Join(root, "proc/sys/net/core/somaxconn")); err != nil || string(text) != "128\n" {
		t.Errorf("it is %q, %v", text, err)
	}
}

func TestDoctorApplyNeedsRoot(t *testing.T) {
	err := (&doctor{format: "text", apply: true, user: 1000}).check()
	var usage *usageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "needs root: nothing was changed") {
		t.Errorf("error %v", err)
	}
	for _, d := range []doctor{{format: "text", user: 1000}, {format: "json", apply: true}} {
		if err := d.check(); err != nil {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

// TestDoctorLooksAtTheAppliance: where one runs, its limits count, not those of who asks.
func TestDoctorLooksAtTheAppliance(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the real binary")
	}
	dir := t.TempDir()
	p := serveAt(t, dir)
	exit, stdout, stderr := penstock(t, "doctor", "--data-dir", dir)
	if exit == exitUsage || !strings.Contains(stdout, "; limits are the appliance's, process "+strconv.Itoa(p.at.PID)+"\n") {
		t.Errorf("exit %d\n%s%s", exit, stdout, stderr)
	}
}
