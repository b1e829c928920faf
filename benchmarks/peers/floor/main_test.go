package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// A record is written for each line, whatever the reads cut, and the file of their number says so.
func TestKeep(t *testing.T) {
	const lines, record = 5000, 300
	text := strings.Repeat("put a 1790000000 1.5 b=c\n", lines)
	path := filepath.Join(t.TempDir(), "count")
	count, err := counter(path)
	if err != nil {
		t.Fatal(err)
	}
	var file written
	for round := range 2 {
		in := iotest.HalfReader(strings.NewReader(text))
		if round == 1 {
			in = strings.NewReader(text)
		}
		if err := keep(in, &file, record, count); err != nil {
			t.Fatal(err)
		}
		said, err := os.ReadFile(path)
		if err != nil || file.bytes != (round+1)*lines*record || binary.NativeEndian.Uint64(said) != uint64((round+1)*lines) {
			t.Errorf("%d bytes, and %v records, for %d lines, %v", file.bytes, said, (round+1)*lines, err)
		}
	}
}

type written struct{ bytes int }

func (w *written) WriteAt(p []byte, _ int64) (int, error) {
	w.bytes += len(p)
	return len(p), nil
}
