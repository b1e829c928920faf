package tuning

import (
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// files reads the small text files of /proc and /sys. What isn't there, or may not be read, is the empty string or zero.
type files struct{ root fs.FS }

// text is a file without the space around it.
func (r files) text(name string) string {
	text, err := fs.ReadFile(r.root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func (r files) isDir(name string) bool {
	info, err := fs.Stat(r.root, name)
	return err == nil && info.IsDir()
}

// glob lists names that match, in order.
func (r files) glob(pattern string) []string {
	names, err := fs.Glob(r.root, pattern)
	if err != nil {
		panic("BUG: pattern " + pattern)
	}
	return names
}

// names lists a directory, without its path.
func (r files) names(dir string) (all []string) {
	for _, name := range r.glob(dir + "/*") {
		all = append(all, path.Base(name))
	}
	return all
}

// field is the number behind a word at the start of a line.
func (r files) field(name, word string) int64 {
	for line := range strings.Lines(r.text(name)) {
		if rest, ok := strings.CutPrefix(line, word); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				return signed(number(fields[0]))
			}
		}
	}
	return 0
}

// counter is one of the kernel's network counters: a line of names, then a line of numbers, both beginning with word.
func (r files) counter(name, word, counter string) uint64 {
	at := -1
	for line := range strings.Lines(r.text(name)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] != word:
		case at < 0:
			at = slices.Index(fields, counter)
		case at < len(fields):
			return number(fields[at])
		}
	}
	return 0
}

// number reads a count; "unlimited", "max" and what has no room in 64 bits are the greatest, and what is no number is zero.
func number(text string) uint64 {
	if text == "unlimited" || text == "max" {
		return math.MaxUint64
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil && n != math.MaxUint64 {
		return 0
	}
	return n
}

// signed is a count as a size.
func signed(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// countList counts a list of numbers as the kernel writes it: "0-3,8" is 5.
func countList(list string) (n int) {
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		a, err := strconv.Atoi(first)
		if err != nil {
			continue
		}
		n++
		if b, err := strconv.Atoi(last); isRange && err == nil && b > a {
			n += b - a
		}
	}
	return n
}

// chosenOf is the word in brackets: "always [madvise] never" is madvise.
func chosenOf(text string) string {
	_, rest, _ := strings.Cut(text, "[")
	word, _, ok := strings.Cut(rest, "]")
	if !ok {
		return ""
	}
	return word
}
