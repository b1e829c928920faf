package wire

import "bytes"

// SplitLines returns a splitter of lines of up to limit bytes, their ends not counted, each ended by "\n" or "\r\n", which the frame
// does not have. The last line of a connection or datagram needs no end. A longer line is one LineTooLong, and is skipped as it
// comes: a client that never ends its line costs no memory.
func SplitLines(limit int) Splitter { return SplitEndedLines(limit, nil) }

// SplitEndedLines is SplitLines where the last line of a connection needs its end, too: without it, it is cut, which outlives the splitter.
func SplitEndedLines(limit int, cut *Fault) Splitter {
	s := &lineSplitter{limit: limit, long: Fault{Code: LineTooLong, Offset: limit}, cut: cut}
	return func(buf []byte, atEOF bool) (advance int, frame []byte, fault *Fault) {
		end := bytes.IndexByte(buf, '\n')
		if end <= 0 || end > limit || buf[end-1] == '\r' || s.skipping {
			return s.split(buf, end, atEOF)
		}
		return end + 1, buf[:end:end], nil
	}
}

type lineSplitter struct {
	limit    int
	skipping bool // in a line that is too long
	long     Fault
	cut      *Fault // nil: a last line may be without its end
}

// split takes the first line of buf, which ends at end, or not at all if that is negative.
func (s *lineSplitter) split(buf []byte, end int, atEOF bool) (advance int, frame []byte, fault *Fault) {
	whole := end >= 0
	if whole {
		advance = end + 1
	} else {
		end, advance = len(buf), len(buf)
	}
	line := buf[:end:end]
	if n := len(line); n > 0 && line[n-1] == '\r' && (whole || atEOF) {
		line = line[:n-1]
	}
	if s.skipping {
		s.skipping = !whole && !atEOF
		return advance, nil, nil
	}
	// Half a line may yet end in "\r\n" right at the limit: only one byte more is certainly too long.
	if len(line) > s.limit && (whole || atEOF || len(line) > s.limit+1) {
		s.skipping = !whole && !atEOF
		return advance, nil, &s.long
	}
	if !whole && !atEOF || len(buf) == 0 {
		return 0, nil, nil
	}
	if !whole && s.cut != nil {
		return advance, nil, s.cut
	}
	return advance, line, nil
}

// LineEnd is where the line end that begins at text[at] ends; 0: none begins there.
func LineEnd(text []byte, at int) int {
	switch {
	case at < len(text) && text[at] == '\n' && (at == 0 || text[at-1] != '\r'):
		return at + 1
	case at+1 < len(text) && text[at] == '\r' && text[at+1] == '\n':
		return at + 2
	}
	return 0
}
