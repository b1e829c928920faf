package appliance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// CONTRIBUTING.md shows how a format is added as a diff. It is applied here to a copy of the tree, and what it adds must pass; with
// one of its three parts missing, a test must fail.
func TestTheWorkedDiff(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles a copy of the tree")
	}
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```diff\n")
	diff, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		t.Fatal("CONTRIBUTING.md shows no diff")
	}
	tree := t.TempDir()
	for _, dir := range []string{"wire", "fuzz", "ring", "segstore", "tuning", "appliance/shard", "appliance/kafka"} {
		if err := os.CopyFS(filepath.Join(tree, dir), os.DirFS(filepath.Join(root, dir))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		copyFile(t, filepath.Join(root, file), filepath.Join(tree, file))
	}
	apply := exec.Command("git", "apply", "-")
	apply.Dir, apply.Stdin = tree, strings.NewReader(diff)
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("the diff does not apply: %v\n%s", err, out)
	}
	check := func() (string, bool) {
		cmd := exec.Command("go", "test", "-run", "Golden|Allocations|Every|WellFormed|FuzzPlain", "./wire/plain", "./wire/formats", "./fuzz")
		cmd.Dir = tree
		out, err := cmd.CombinedOutput()
		return string(out), err == nil
	}
	if out, ok := check(); !ok {
		t.Fatalf("what the diff adds does not pass:\n%s", out)
	}
	for _, part := range []string{"wire/plain/testdata/refused_topic.req", "fuzz/plain_test.go", "the line"} {
		path := filepath.Join(tree, part)
		if part == "the line" {
			path = filepath.Join(tree, "wire/formats/formats.go")
		}
		kept, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if part == "the line" {
			without := strings.Replace(strings.Replace(string(kept), "\t\tplain.Format,\n", "", 1), "\t\"penstock/wire/plain\"\n", "", 1)
			err = os.WriteFile(path, []byte(without), 0o644)
		} else {
			err = os.Remove(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := check(); ok {
			t.Errorf("without %s everything passes", part)
		}
		if err := os.WriteFile(path, kept, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
