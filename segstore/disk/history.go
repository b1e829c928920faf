package disk

import (
	"fmt"
	"strings"
)

// Call is one call to a Disk.
type Call struct {
	Name, Path string
	To         string // the other name, of a rename or a link
	At         int64  // the first byte that is read or written; set time: the time, ms
	Bytes      int64  // how many, or how large something shall be
	Err        error
	returned   bool
}

func (c *Call) String() string {
	var b strings.Builder
	b.WriteString(c.Name + " " + c.Path)
	switch c.Name {
	case "rename", "link":
		b.WriteString(" to " + c.To)
	case "read", "write":
		fmt.Fprintf(&b, " %d+%d", c.At, c.Bytes)
	case "create", "map", "unmap", "allocate", "truncate":
		fmt.Fprintf(&b, " %d", c.Bytes)
	case "set time":
		fmt.Fprintf(&b, " %d", c.At)
	}
	switch {
	case c.Err != nil:
		b.WriteString(": " + c.Err.Error())
	case !c.returned:
		b.WriteString(" …")
	}
	return b.String()
}

// History is the last calls to a disk and what else was noted between them, for a failed test to say what happened before it failed.
// nil forgets everything.
type History struct {
	lines []Call // a note is a call without a name; used round and round
	next  int    // how many there were
}

// NewHistory makes one that remembers so many.
func NewHistory(most int) *History { return &History{lines: make([]Call, most)} }

// Note puts a line between the calls.
func (h *History) Note(format string, args ...any) {
	if h != nil {
		h.begin(Call{Path: fmt.Sprintf(format, args...)})
	}
}

func (h *History) begin(c Call) (number int) {
	if h == nil {
		return 0
	}
	h.lines[h.next%len(h.lines)] = c
	h.next++
	return h.next - 1
}

func (h *History) end(number int, err error) {
	if h == nil || number < h.next-len(h.lines) {
		return // so much happened during the call that it is forgotten
	}
	c := &h.lines[number%len(h.lines)]
	c.Err, c.returned = err, true
}

// String lists them, the oldest first, each with its number. A call that ends in … has not returned.
func (h *History) String() string {
	var b strings.Builder
	first := max(0, h.next-len(h.lines))
	if first > 0 {
		fmt.Fprintf(&b, "(%d before)\n", first)
	}
	for i := first; i < h.next; i++ {
		c := &h.lines[i%len(h.lines)]
		text := c.Path
		if c.Name != "" {
			text = "    " + c.String()
		}
		fmt.Fprintf(&b, "%6d %s\n", i, text)
	}
	return b.String()
}
