package main

import (
	"strings"
	"testing"
	"testing/iotest"
)

// A record is written for each line, whatever the reads cut.
func TestKeep(t *testing.T) {
	const lines, record = 5000, 300
	text := strings.Repeat("put a 1790000000 1.5 b=c\n", lines)
	for name, r := range map[string]*strings.Reader{"at once": strings.NewReader(text), "in halves": strings.NewReader(text)} {
		var file strings.Builder
		in := iotest.HalfReader(r)
		if name == "at once" {
			in = r
		}
		if err := keep(in, &file, record); err != nil || file.Len() != lines*record {
			t.Errorf("%s: %d bytes for %d lines, %v", name, file.Len(), lines, err)
		}
	}
}
