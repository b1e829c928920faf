package bugs

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// bug is a patch with its header:
//
//	What the bug is, in a sentence or two.
//
//	caught-by: go test -run '^TestName$' ./package
//	also: other tests that notice it
//
//	diff --git …
//
// Settings of the environment may stand before `go test`, and flags of it before -run.
type bug struct {
	name    string // of the file, without .patch
	path    string
	text    string
	command string   // behind caught-by
	env     []string // its parts
	flags   []string
	test    string
	pkg     string
	files   []string // that the patch changes, from the module's root
}

var caughtBy = regexp.MustCompile(`^((?:[A-Z_]+=\S+ )*)go test ((?:-\S+ )*)-run '\^(Test\w+)\$' (\./\S+)$`)

// root is the module's directory, seen from this package's.
const root = "../../.."

// allBugs reads the patches, in order of their names.
func allBugs(t testing.TB) (bugs []bug) {
	t.Helper()
	paths, err := filepath.Glob("*.patch")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		b, err := readBug(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		bugs = append(bugs, b)
	}
	if len(bugs) < 24 {
		t.Fatalf("there are %d bugs only", len(bugs))
	}
	return bugs
}

func readBug(path string) (b bug, err error) {
	if b.path, err = filepath.Abs(path); err != nil {
		return b, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return b, err
	}
	b.name = strings.TrimSuffix(path, ".patch")
	head, diff, found := strings.Cut(string(content), "\ndiff --git ")
	text, fields, separated := strings.Cut(head, "\n\n")
	if b.text = strings.Join(strings.Fields(text), " "); !found || !separated || b.text == "" {
		return b, errors.New("a sentence, a line that begins with caught-by: and a diff are needed, with empty lines between them")
	}
	for field := range strings.Lines(fields) {
		if command, ok := strings.CutPrefix(field, "caught-by: "); ok {
			b.command = strings.TrimSpace(command)
		}
	}
	m := caughtBy.FindStringSubmatch(b.command)
	if m == nil {
		return b, errors.New("caught-by names no single test: go test -run '^TestName$' ./package")
	}
	b.env, b.flags, b.test, b.pkg = strings.Fields(m[1]), strings.Fields(m[2]), m[3], m[4]
	for line := range strings.Lines(diff) {
		if file, ok := strings.CutPrefix(line, "+++ b/"); ok {
			b.files = append(b.files, strings.TrimSpace(file))
		}
	}
	if len(b.files) == 0 || slices.ContainsFunc(b.files, func(file string) bool { return strings.HasSuffix(file, "_test.go") }) {
		return b, errors.New("the diff changes no file, or a test")
	}
	return b, nil
}

// apply applies the patch to copies of the files that it changes, and gives the go command's view of a tree that has them: the value
// of -overlay. Nothing in the tree changes, and what the patch does not touch need not be compiled anew.
func (b *bug) apply(t testing.TB) (overlay string) {
	t.Helper()
	dir := t.TempDir()
	tree, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for _, file := range b.files {
		content, err := os.ReadFile(filepath.Join(tree, file))
		if err != nil {
			t.Fatal(err)
		}
		changed := filepath.Join(dir, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(changed), 0o755), os.WriteFile(changed, content, 0o644)); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(tree, file)] = changed
	}
	apply := exec.Command("git", "apply", b.path) // takes no liberties with context, so it is the bug that the header tells of, or none
	apply.Dir = dir
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("the patch does not apply any more: make the same mistake in today's code, and its diff anew: %v\n%s", err, out)
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return overlay
}
