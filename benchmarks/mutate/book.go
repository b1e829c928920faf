package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// book keeps what became of a package's mutants, a line each, in a file that only grows.
type book struct {
	file   *os.File
	tests  string // a hash of the tests that ran
	mu     sync.Mutex
	known  map[mutant]entry
	wanted []mutant
}

type entry struct {
	mutant
	outcome
	Tests string `json:"tests"`
}

func openBook(path string, p *source) (*book, error) {
	tests, err := p.tests()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	b := &book{tests: tests, known: map[mutant]entry{}}
	whole := text[:bytes.LastIndexByte(text, '\n')+1] // a run that was killed may have left half a line
	for line := range bytes.Lines(whole) {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		b.known[e.mutant] = e
	}
	if b.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
		return nil, err
	}
	if err := b.file.Truncate(int64(len(whole))); err != nil {
		return nil, err
	}
	_, err = b.file.Seek(0, io.SeekEnd)
	return b, err
}

func (b *book) close() { b.file.Close() }

// open is those of the mutants that are to be tried: new ones, and those that other tests did not kill. Without mutants it is
// those of the last time.
func (b *book) open(mutants []mutant) (open []mutant) {
	if mutants != nil {
		b.wanted = mutants
	}
	for _, m := range b.wanted {
		if e, ok := b.known[m]; !ok || (e.Result == survived || e.Result == unrun) && e.Tests != b.tests {
			open = append(open, m)
		}
	}
	return open
}

func (b *book) write(m mutant, o outcome) error {
	e := entry{m, o, b.tests}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known[m] = e
	_, err = b.file.Write(append(line, '\n'))
	return err
}

// report is what became of the mutants of a package.
type report struct {
	name    string
	mutants []mutant
	book    *book
}

// count is how many of the mutants had an outcome.
func (r *report) count(result string) (n int) {
	for _, m := range r.mutants {
		if r.book.known[m].Result == result {
			n++
		}
	}
	return n
}

// score is the killed in a hundred; those on lines that are not covered survived.
func (r *report) score() float64 {
	return 100 * float64(r.count(killed)+r.count(hung)) / float64(len(r.mutants))
}

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "| package | mutants | killed by a test | timed out | not covered | survived | score |\n|---|---|---|---|---|---|---|\n")
	fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %.1f %% |\n", r.name, len(r.mutants),
		r.count(killed), r.count(hung), r.count(unrun), r.count(survived), r.score())
	for _, m := range r.mutants {
		switch e := r.book.known[m]; e.Result {
		case hung:
			fmt.Fprintf(w, "- %s: %v (%.0f s of a processor in %.0f s; %s)\n", e.Result, m, e.Processor, e.Seconds, e.By)
		case unrun, survived:
			fmt.Fprintf(w, "- %s: %v\n", e.Result, m)
		case "":
			fmt.Fprintf(w, "- not tried: %v\n", m)
		}
	}
}
