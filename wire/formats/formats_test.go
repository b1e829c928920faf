package formats

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"penstock/wire"
	"penstock/wire/wiretest"
)

// notFormats is the folders below wire that are none.
var notFormats = []string{"formats", "wiretest"}

// The list and the folders are the same: a format that is written and not listed is not spoken, and nobody would notice.
func TestEveryFolderIsListed(t *testing.T) {
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	var folders, listed []string
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(notFormats, e.Name()) {
			folders = append(folders, e.Name())
		}
	}
	for _, f := range All() {
		listed = append(listed, f.Name)
	}
	slices.Sort(listed)
	if !slices.Equal(folders, listed) {
		t.Errorf("the folders are %q, the list has %q", folders, listed)
	}
}

// Each door of each format has a golden that is accepted and one that is refused, and each format a fuzz target.
func TestEveryFormatIsProven(t *testing.T) {
	target := regexp.MustCompile(`(?m)^func Fuzz\w+\(f \*testing\.F\)`)
	for _, f := range All() {
		for _, missing := range wiretest.Missing(t, f, filepath.Join("..", f.Name, "testdata")) {
			t.Error(missing)
		}
		file := filepath.Join("..", "..", "fuzz", f.Name+"_test.go")
		if text, err := os.ReadFile(file); err != nil {
			t.Errorf("%s has no fuzz target: %v", f.Name, err)
		} else if !target.Match(text) {
			t.Errorf("%s holds no fuzz target", file)
		}
	}
}

// No two formats claim one door, and what a format says of itself is complete.
func TestFormatsAreWellFormed(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	doors := map[string]string{}
	claim := func(f wire.Format, door string) {
		if other, taken := doors[door]; taken {
			t.Errorf("%s and %s both claim %s", other, f.Name, door)
		}
		doors[door] = f.Name
	}
	for _, f := range All() {
		if !name.MatchString(f.Name) {
			t.Errorf("%q is no name for a format", f.Name)
		}
		if len(f.Routes)+len(f.Streams) == 0 {
			t.Errorf("%s has no door", f.Name)
		}
		for _, r := range f.Routes {
			if r.Reply == nil || len(r.Methods) == 0 || !strings.HasPrefix(r.Path, "/") {
				t.Errorf("%s: route %q is not complete", f.Name, r.Path)
			}
			for _, method := range r.Methods {
				claim(f, method+" "+r.Path)
			}
		}
		for _, s := range f.Streams {
			if s.New == nil || s.NewSplit == nil || s.Max <= 0 || !name.MatchString(s.Name) {
				t.Errorf("%s: stream %q is not complete", f.Name, s.Name)
			}
			claim(f, "STREAM "+s.Name)
		}
	}
}
