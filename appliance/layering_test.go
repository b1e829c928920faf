package appliance

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the module's directory, seen from this package's.
const root = ".."

const module = "penstock/"

// instruments are what benchmarks measure with: servers as child processes, what Linux tells of them, numbers from a seed, medians, and plots.
var instruments = []string{"benchmarks/child", "benchmarks/machine", "benchmarks/plot", "benchmarks/proc", "benchmarks/splitmix", "benchmarks/spread"}

// edges is who may import whom: for each package, those of ours and those of other modules that its code, tests aside, may name.
// A row ending in /* is for every package below that has no row of its own. A package without a row, and an import that its row
// does not have, fail the test: an edge is added here knowingly, and the reason for it belongs in ARCHITECTURE.md.
var edges = map[string][]string{
	// The leaves know nothing of ours.
	"wire":     {"segstore/pack", "github.com/valyala/fastjson", "golang.org/x/sys"}, // what it remembers with a series; for strings with escapes; what the processor can
	"ring":     {"golang.org/x/sys"},
	"segstore": {"segstore/disk", "segstore/pack", "github.com/pierrec/lz4"},
	"tuning":   {"golang.org/x/sys"},

	"wire/*":        {"wire", "github.com/valyala/fastjson"}, // a format
	"wire/formats":  {"wire", "wire/*"},                      // the list of them
	"wire/wiretest": {"wire", "segstore/pack"},               // their golden runner
	"segstore/disk": {"golang.org/x/sys"},
	"segstore/pack": {}, // a leaf: how samples are compressed
	"segstore/dict": {"segstore", "segstore/disk", "github.com/dgraph-io/ristretto"},

	"appliance/config":  {"wire", "appliance/kafka/scram", "go.yaml.in/yaml"},
	"appliance/catalog": {"wire"},
	"appliance/shard":   {"wire", "ring", "segstore", "segstore/disk", "segstore/pack", "tuning", "github.com/cespare/xxhash", "golang.org/x/sys"},
	"appliance/intake": {"wire", "tuning", "appliance/shard",
		"github.com/valyala/fasthttp", "github.com/klauspost/compress", "golang.org/x/sys"},
	"appliance/admin": {"wire", "segstore", "appliance/shard", "appliance/catalog"},
	"appliance/kafka": {"wire", "segstore", "appliance/shard", "appliance/kafka/group", "appliance/kafka/scram", "github.com/twmb/franz-go",
		"github.com/klauspost/compress", "github.com/pierrec/lz4"},
	"appliance":       {"wire", "wire/formats", "ring", "segstore", "tuning", "appliance/*", "github.com/VictoriaMetrics/metrics"},
	"appliance/cmd/*": {"wire", "wire/formats", "segstore", "tuning", "appliance", "appliance/*", "github.com/spf13"},

	// Parts of parts.
	"appliance/kafka/group":  {"segstore", "segstore/disk", "github.com/twmb/franz-go"},
	"appliance/kafka/bridge": {"wire", "segstore", "segstore/disk", "appliance/shard", "github.com/twmb/franz-go", "github.com/cespare/xxhash"},
	"appliance/kafka/scram":  {}, // a leaf: what a password's verifier is, the configuration knows too

	// Proofs measure or attack anything.
	"benchmarks/*":       append(instruments, "wire", "wire/*", "ring", "segstore", "segstore/*", "tuning", "appliance", "appliance/*", "github.com", "golang.org/x"),
	"benchmarks/load":    append(instruments, "benchmarks/load/*", "github.com", "golang.org/x"),
	"benchmarks/load/*":  append(instruments, "benchmarks/load/*", "github.com", "golang.org/x"), // its parts: what is sent, how, and what came of it
	"benchmarks":         {"wire", "wire/*", "ring", "segstore", "segstore/*", "tuning", "appliance", "appliance/*", "github.com", "golang.org/x"},
	"appliance/e2e":      {"wire", "wire/*", "ring", "segstore", "segstore/*", "tuning", "appliance", "appliance/*", "github.com"},
	"appliance/e2e/bugs": {}, // runs the go command
	"fuzz":               {"wire", "wire/*", "ring", "segstore", "segstore/disk", "segstore/pack", "appliance/kafka", "appliance/kafka/group", "appliance/shard", "github.com/twmb/franz-go"},
}

// goPackage is what we need of `go list -json`.
type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	list := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// rowOf finds a package's row: its own, else the nearest one with a star.
func rowOf(name string) (allowed []string, ok bool) {
	if allowed, ok = edges[name]; ok {
		return allowed, true
	}
	for parent := name; strings.Contains(parent, "/"); {
		parent = parent[:strings.LastIndexByte(parent, '/')]
		if allowed, ok = edges[parent+"/*"]; ok {
			return allowed, true
		}
	}
	return nil, false
}

// allows reports whether a row has an import: ours by name or star, another module's by the beginning of its path.
func allows(allowed []string, path string) bool {
	name, ours := strings.CutPrefix(path, module)
	for _, a := range allowed {
		if ours {
			if parent, star := strings.CutSuffix(a, "/*"); a == name || star && strings.HasPrefix(name, parent+"/") {
				return true
			}
		} else if path == a || strings.HasPrefix(path, a+"/") {
			return true
		}
	}
	return false
}

// foreign reports whether an import is neither ours nor the standard library's (whose paths have no dot in the first element).
func foreign(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".")
}

func TestLayering(t *testing.T) {
	packages := listPackages(t)
	if len(packages) < 8 {
		t.Fatalf("go list found %d packages only", len(packages))
	}
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, ok := rowOf(name)
		if !ok {
			t.Errorf("package %s has no row in the table of edges", name)
			continue
		}
		for _, path := range p.Imports {
			if (strings.HasPrefix(path, module) || foreign(path)) && !allows(allowed, path) {
				t.Errorf("%s imports %s, which its row in the table of edges does not have", name, path)
			}
		}
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			// Tests may import more, but an arrow up the layers is wrong there too, and proofs are nobody's parts.
			up := isLeaf(name) && strings.HasPrefix(path, module+"appliance")
			if up || isProof(strings.TrimPrefix(path, module)) && !isProof(name) {
				t.Errorf("%s, or a test of it, imports %s", name, path)
			}
		}
	}
}

func isProof(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return first == "benchmarks" || first == "fuzz" || name == "appliance/e2e" || name == "appliance/e2e/bugs"
}

func isLeaf(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return slices.Contains([]string{"wire", "ring", "segstore", "tuning"}, first)
}

// only is who may name a library that the rest must not know, tests aside.
var only = map[string][]string{
	"github.com/valyala/fasthttp":    {"appliance/intake", "benchmarks"},
	"github.com/dgraph-io/ristretto": {"segstore/dict"},
	"github.com/twmb/franz-go":       {"appliance/kafka", "benchmarks"},
}

func TestLibrariesStayWhereTheyBelong(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, path := range p.Imports {
			for library, knowers := range only {
				knows := func(knower string) bool { return name == knower || strings.HasPrefix(name, knower+"/") }
				if strings.HasPrefix(path, library) && !slices.ContainsFunc(knowers, knows) {
					t.Errorf("%s imports %s; only %s may", name, path, strings.Join(knowers, " and "))
				}
			}
		}
	}
}

// nearTheMachine is the files that may use unsafe or golang.org/x/sys, and why.
var nearTheMachine = map[string]string{
	"segstore/disk/os_linux.go":        "allocates, maps, syncs and advises",
	"segstore/disk/send_linux.go":      "sends from a file",
	"segstore/segment.go":              "tells a fault in a mapping from any other",
	"ring/frame.go":                    "atomic words inside a byte buffer",
	"appliance/intake/bodies.go":       "finds the request around a header",
	"appliance/intake/socket_linux.go": "SO_REUSEPORT and its relatives",
	"appliance/shard/clock_linux.go":   "asks how long the machine has been up",
	"wire/blocks_amd64.go":             "asks what the processor can",
	"tuning/pin_linux.go":              "thread affinity",
	"tuning/probe_linux.go":            "tries fallocate and fdatasync, asks who keeps the clock",
	"tuning/steer_linux.go":            "a filter that chooses between sockets",
	"tuning/measure_linux.go":          "maps, advises and syncs, and asks what it used",
	"tuning/measure_steer_linux.go":    "SO_REUSEPORT",
	"benchmarks/child/child.go":        "thread affinity",
	"benchmarks/peers/apart.go":        "the same",
	"benchmarks/peers/apart_test.go":   "the same",
	"benchmarks/peers/floor/main.go":   "maps a number",
	"benchmarks/load/alone.go":         "syncs",
	"benchmarks/load/loop_linux.go":    "attaches a file as a disk, and ends a file system as a power cut does",
}

// pureImports is what the standard library offers to packages that only turn bytes into records: nothing that reaches the world.
var pureImports = []string{"bytes", "cmp", "crypto/hmac", "crypto/sha1", "encoding/base64", "encoding/binary", "errors", "fmt", "hash", "hash/crc32",
	"hash/maphash", "iter", "math", "math/bits", "regexp", "slices", "strconv", "strings", "time", "unicode", "unicode/utf8", "unicode/utf16"}

// readsTheClock is what even a package that may know time.Duration must not call.
var readsTheClock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

func TestFilesNearTheMachine(t *testing.T) {
	eachGoFile(t, func(path string, file *ast.File, _ *token.FileSet) {
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if (name == "unsafe" || strings.HasPrefix(name, "golang.org/x/sys")) && nearTheMachine[path] == "" {
				t.Errorf("%s imports %s and is not in the list of files near the machine", path, name)
			}
		}
	})
}

func TestWireIsPure(t *testing.T) {
	eachGoFile(t, func(path string, file *ast.File, set *token.FileSet) {
		if !strings.HasPrefix(path, "wire/") || strings.HasPrefix(path, "wire/wiretest/") {
			return
		}
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if !foreign(name) && !strings.HasPrefix(name, module) && !slices.Contains(pureImports, name) {
				t.Errorf("%s imports %s: a format knows no socket, file, clock, goroutine or flag", path, name)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine", set.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(readsTheClock, n.Sel.Name) {
					t.Errorf("%s reads the clock with time.%s: the time of arrival is in the Request", set.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	})
}

// eachGoFile parses every Go file of the module that is not a test, for any platform. path is slashed, from the module's root.
func eachGoFile(t *testing.T, f func(path string, file *ast.File, set *token.FileSet)) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if hidden := strings.HasPrefix(d.Name(), ".") && d.Name() != root; hidden || d.Name() == "testdata" || d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		f(filepath.ToSlash(relative), file, set)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("found %d Go files only", files)
	}
}
