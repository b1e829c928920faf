package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// source is a package to be mutated, parsed and checked.
type source struct {
	Dir, ImportPath string
	GoFiles         []string

	tags  string
	text  map[string][]byte
	files []*ast.File
	fset  *token.FileSet
	types types.Info
	heads []*ast.File // the files without the bodies of their functions

	exports map[string]string // an imported package's compiled form, for the type checker
	imports types.Importer
}

// load asks the go command for a package, and reads it.
func load(path, tags string) (*source, error) {
	list := exec.Command("go", "list", "-export", "-deps", "-tags", tags, "-json=Dir,ImportPath,GoFiles,Export", path)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	p := &source{tags: tags, text: map[string][]byte{}, exports: map[string]string{}}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var dep struct {
			source
			Export string
		}
		if err := d.Decode(&dep); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		p.exports[dep.ImportPath] = dep.Export
		p.Dir, p.ImportPath, p.GoFiles = dep.Dir, dep.ImportPath, dep.GoFiles // -deps lists the package itself last
	}
	for _, name := range p.GoFiles {
		if p.text[name], err = os.ReadFile(filepath.Join(p.Dir, name)); err != nil {
			return nil, err
		}
	}
	p.fset = token.NewFileSet()
	p.imports = importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(p.exports[path]) })
	p.types = types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	if p.files, err = p.check("", nil, &p.types); err != nil {
		return nil, err
	}
	p.heads, err = p.parse("", nil)
	for _, f := range p.heads {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				fn.Body = nil
			}
		}
	}
	return p, err
}

// parse parses the package, with another text for one of its files.
func (p *source) parse(name string, text []byte) (files []*ast.File, err error) {
	for _, each := range p.GoFiles {
		content := p.text[each]
		if each == name {
			content = text
		}
		f, err := parser.ParseFile(p.fset, each, content, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// check parses and type-checks the package, with another text for one of its files.
func (p *source) check(name string, text []byte, info *types.Info) ([]*ast.File, error) {
	files, err := p.parse(name, text)
	if err == nil {
		_, err = (&types.Config{Importer: p.imports}).Check(p.ImportPath, p.fset, files, info)
	}
	return files, err
}

// compiles says whether the compiler would take a mutant: not when a variable is left unused, say, or a constant overflows.
func (p *source) compiles(m mutant) bool {
	if !p.inFunction(m) {
		_, err := p.check(m.File, m.apply(p.text[m.File]), nil)
		return err == nil
	}
	changed, err := parser.ParseFile(p.fset, m.File, m.apply(p.text[m.File]), parser.SkipObjectResolution)
	if err != nil {
		return false
	}
	files := slices.Clone(p.heads) // what is in a function matters to no other
	files[slices.Index(p.GoFiles, m.File)] = changed
	good := true
	c := types.Config{Importer: p.imports, Error: func(err error) { // without bodies, the other files have imports left unused
		var e types.Error
		good = good && errors.As(err, &e) && (e.Pos < changed.FileStart || e.Pos > changed.FileEnd)
	}}
	_, _ = c.Check(p.ImportPath, p.fset, files, nil)
	return good
}

// inFunction says whether a mutant changes the body of a function.
func (p *source) inFunction(m mutant) bool {
	f := p.files[slices.Index(p.GoFiles, m.File)]
	at := p.fset.File(f.FileStart).Pos(m.Start)
	return slices.ContainsFunc(f.Decls, func(d ast.Decl) bool {
		fn, ok := d.(*ast.FuncDecl)
		return ok && fn.Body != nil && fn.Body.Pos() <= at && at < fn.Body.End()
	})
}

// hashOf is short, and changes with a file.
func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// tests is a hash of the package's tests and of their data.
func (p *source) tests() (string, error) {
	var all bytes.Buffer
	err := filepath.WalkDir(p.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		data := filepath.Base(filepath.Dir(path)) == "testdata" || strings.Contains(path, "/testdata/")
		switch {
		case d.IsDir() && path != p.Dir && d.Name() != "testdata" && !data, d.IsDir() && d.Name() == "rapid":
			return fs.SkipDir // another package, or what failed once
		case d.IsDir() || !data && !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		fmt.Fprintln(&all, path[len(p.Dir):], len(text))
		all.Write(text)
		return err
	})
	if err == nil && all.Len() == 0 {
		err = errors.New("the package has no tests")
	}
	return hashOf(all.Bytes()), err
}
