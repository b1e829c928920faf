package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// coverage is the blocks of each file, by its import path, and whether they were run.
type coverage map[string][]block

type block struct {
	fromLine, fromColumn, toLine, toColumn, statements, count int
}

// readCoverage reads a profile of go test.
func readCoverage(path string) (coverage, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := coverage{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "mode:") {
			continue
		}
		colon := strings.LastIndexByte(line, ':')
		var b block
		if _, err := fmt.Sscanf(line[colon+1:], "%d.%d,%d.%d %d %d", &b.fromLine, &b.fromColumn, &b.toLine, &b.toColumn, &b.statements, &b.count); err != nil {
			return nil, fmt.Errorf("the coverage profile: %q: %w", line, err)
		}
		c[line[:colon]] = append(c[line[:colon]], b)
	}
	return c, nil
}

// has says whether an offset into a file was run. What is in no block, a variable of the package say, counts as run.
func (c coverage) has(file string, text []byte, offset int) bool {
	line := 1 + bytes.Count(text[:offset], []byte("\n"))
	column := offset - bytes.LastIndexByte(text[:offset], '\n')
	for _, b := range c[file] {
		after := line > b.fromLine || line == b.fromLine && column >= b.fromColumn
		before := line < b.toLine || line == b.toLine && column < b.toColumn
		if after && before {
			return b.count > 0
		}
	}
	return true
}
