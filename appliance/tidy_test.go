package appliance

import (
	"bytes"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The rules this test enforces on code that is not a test, to the letter:
//
//   - a file has at most 450 lines; one above 400 is named in the test's log, as the next to be cut
//   - a function has at most 70 lines, from `func` to its closing brace; the named exceptions may only shrink
//   - no file, tests included, holds a note to do something later or the path of somebody's machine
const (
	fileLinesMax     = 450
	fileLinesAim     = 400
	functionLinesMax = 70
)

// longFunctions are the functions allowed to be longer, with the length they have. The list is a ratchet: it is not for adding to,
// and an entry that no longer needs its length fails until it is lowered or removed.
var longFunctions = map[string]int{}

func TestFilesAndFunctionsStayShort(t *testing.T) {
	seen := map[string]bool{}
	eachGoFile(t, func(path string, file *ast.File, set *token.FileSet) {
		switch lines := set.Position(file.FileEnd).Line; {
		case lines > fileLinesMax:
			t.Errorf("%s has %d lines; cut it in two at an idea's edge (the most is %d)", path, lines, fileLinesMax)
		case lines > fileLinesAim:
			t.Logf("%s has %d lines; the aim is %d", path, lines, fileLinesAim)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1
			name := path + " " + f.Name.Name
			most, listed := longFunctions[name]
			switch {
			case listed && lines < most:
				t.Errorf("%s has %d lines now: lower its entry in longFunctions, or remove it", name, lines)
			case lines > max(most, functionLinesMax):
				t.Errorf("%s has %d lines (the most is %d)", name, lines, max(most, functionLinesMax))
			}
			seen[name] = true
		}
	})
	for name := range longFunctions {
		if !seen[name] {
			t.Errorf("longFunctions lists %s, which is not there", name)
		}
	}
}

// untidy is what no file of the project holds. The patterns are written so that they do not match themselves.
var untidy = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"a note to do something later", regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)},
	{"the path of somebody's machine", regexp.MustCompile(`(^|[\s"'` + "`" + `(=])/(ho` + `me|ro` + `ot|wo` + `rk|Us` + `ers)/`)},
}

func TestNothingUntidy(t *testing.T) {
	files := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if name == ".git" || name == "testdata" || name == "results" || name == "node_modules" {
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(name) {
		case ".go", ".md", ".yml", ".yaml", ".sh", ".mod", "":
		default:
			return nil
		}
		if info, err := d.Info(); err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			return err // a program that was built here, say
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		line := 0
		for content := range bytes.Lines(text) {
			line++
			for _, u := range untidy {
				if at := u.pattern.Find(content); at != nil {
					t.Errorf("%s:%d: %s: %q", strings.TrimPrefix(path, root+"/"), line, u.what, at)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("looked into %d files only", files)
	}
}
