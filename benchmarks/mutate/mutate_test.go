package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// toy is a module with one package, which has a test or more.
func toy(t *testing.T, code, test string) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"go.mod": "module toy\n\ngo 1.26\n", "toy.go": "package toy\n\n" + code, "toy_test.go": "package toy\n\nimport \"testing\"\n\n" + test}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

func changes(mutants []mutant) string {
	var all []string
	for _, m := range mutants {
		all = append(all, m.Kind+" "+short(m.Old)+" → "+short(m.New))
	}
	return strings.Join(all, "\n")
}

func TestMutants(t *testing.T) {
	for _, c := range []struct{ name, code, want string }{
		{"a comparison has its bound and its opposite", "func f(a, b int) bool { return a < b }", "operator < → <=\noperator < → >="},
		{"arithmetic that a type does not have does not compile", `func f(a string) string { return a + "x" }`, "returned a + \"x\" → \"\""},
		{"a condition that is a call", "func f(g func() bool) { if g() { println() } }", "condition g() → !(g())\ndropped println() → {}"},
		{"a result of a named type", "type T struct{ a int }\n\nfunc f(a T) (T, error) { return a, nil }", "returned a → *new(T)"},
		{"a number and nothing", "func f(a int) (int, int) { return a, 0 }", "returned a → 0\nreturned 0 → 1"},
		{"an assignment's value is still computed", "var v int\n\nfunc f(a int) { v = a }", "dropped v = a → _ = a"},
		{"a variable that would be unused", "func f() { a := 1; println(a) }", ""},
		{"the truth", "var a = true", "constant true → false"},
		{"what is not compiled", "const on = false\n\nfunc f(a int) { if on { println(a < 1) } else { a++ } }",
			"constant false → true\ndropped a++ → {}\noperator ++ → --"},
		{"a result inside of what is compiled", "const on = true\n\nfunc f(a int) int { if on { return a }; return a + 1 }",
			"constant true → false\nreturned a → 0\nreturned a + 1 → 0\noperator + → -"},
		{"the function that is returned from is the innermost", "func f() func() string { return func() string { return \"a\" } }",
			"returned func() string { return \"a\" } → *new(func() string)\nreturned \"a\" → \"\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			toy(t, c.code, "func TestNothing(t *testing.T) {}")
			p, err := load(".", "")
			if err != nil {
				t.Fatal(err)
			}
			mutants, err := p.mutants("")
			if got := changes(mutants); got != c.want || err != nil && c.want != "" {
				t.Fatalf("the mutants are\n%s\n%v\nnot\n%s", got, err, c.want)
			}
		})
	}
}

const (
	toyCode = `func most(a, b int) int {
	if a > b {
		return a
	}
	return b
}

func count(to int) (n int) {
	for n < to {
		n++
	}
	return n
}

func forgotten() bool { return true }
`
	lazyTest = `func TestMost(t *testing.T) {
	if most(2, 1) != 2 {
		t.Fatal("not 2")
	}
	count(1)
}
`
	goodTest = lazyTest + `
func TestLess(t *testing.T) {
	if most(1, 2) != 2 || count(3) != 3 || !forgotten() {
		t.Fatal("wrong")
	}
}
`
)

// TestAToy: a test that looks at half of a package kills half of its mutants, and with a better one all die but the one that is the same.
func TestAToy(t *testing.T) {
	toy(t, toyCode, lazyTest)
	s := settings{parallel: 2, kept: t.TempDir(), slack: time.Second}
	kept := filepath.Join(s.kept, "toy.jsonl")
	r, err := one(t.Context(), s, ".")
	if err != nil {
		t.Fatal(err)
	}
	if r.count(killed) == 0 || r.count(survived) == 0 || r.count(unrun) != 2 || r.count(hung) == 0 {
		var out bytes.Buffer
		r.print(&out)
		t.Fatalf("two not covered, and some of each other kind, were wanted:\n%s", out.String())
	}
	before, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := one(t.Context(), s, "."); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(kept); err != nil || !bytes.Equal(again, before) {
		t.Fatalf("what was known was tried again, %v:\n%s", err, again[len(before):])
	}
	if err := os.WriteFile("toy_test.go", []byte("package toy\n\nimport \"testing\"\n\n"+goodTest), 0o644); err != nil {
		t.Fatal(err)
	}
	if r, err = one(t.Context(), s, "."); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r.print(&out)
	if r.count(survived) != 1 || r.count(unrun) != 0 || !strings.Contains(out.String(), "survived: toy.go:4 operator: `>` → `>=`") {
		t.Fatalf("the only survivor should be the bound of a comparison of equals:\n%s", out.String())
	}
	if score := r.score(); score != 90 {
		t.Fatalf("the score is %v, not nine of ten", score)
	}
}

func TestTestsThatFailAreNoStart(t *testing.T) {
	toy(t, toyCode, "func TestFails(t *testing.T) { t.Fatal() }")
	if _, err := one(t.Context(), settings{parallel: 1, kept: t.TempDir()}, "."); err == nil {
		t.Fatal("mutants of a package whose tests fail were tried")
	}
}

func TestHalfALineIsForgotten(t *testing.T) {
	toy(t, toyCode, goodTest)
	p, err := load(".", "")
	if err != nil {
		t.Fatal(err)
	}
	mutants, err := p.mutants("")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kept")
	for range 2 { // the second time behind half a line
		b, err := openBook(path, p)
		if err != nil {
			t.Fatal(err)
		}
		if open := b.open(mutants); len(open) != len(mutants) {
			t.Fatalf("%d of %d are open", len(open), len(mutants))
		}
		if _, err := b.file.WriteString(`{"file":"toy.go"`); err != nil {
			t.Fatal(err)
		}
		b.close()
	}
	b, err := openBook(path, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.write(mutants[0], outcome{Result: killed}); err != nil {
		t.Fatal(err)
	}
	b.close()
	if b, err = openBook(path, p); err != nil {
		t.Fatal(err)
	}
	if open := b.open(mutants); len(open) != len(mutants)-1 {
		t.Fatalf("%d of %d are open", len(open), len(mutants)-1)
	}
	b.close()
}

func TestDraw(t *testing.T) {
	all := make([]mutant, 50)
	for i := range all {
		all[i].Start = i
	}
	if len(draw(all, 0, 1)) != 50 || len(draw(all, 60, 1)) != 50 {
		t.Fatal("without a bound, all are drawn")
	}
	first, second := draw(all, 10, 1), draw(all, 10, 1)
	if len(first) != 10 || changesOf(first) != changesOf(second) || changesOf(first) == changesOf(draw(all, 10, 2)) {
		t.Fatal("a seed does not draw ten of its own")
	}
}

func changesOf(mutants []mutant) (places string) {
	for _, m := range mutants {
		places += string(rune('0' + m.Start))
	}
	return places
}
