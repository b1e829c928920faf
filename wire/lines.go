package wire

import "bytes"

// SplitLines returns a splitter of lines of up to limit bytes, their ends not counted, each ended by "\n" or "\r\n", which the frame
// does not have. The last line of a connection or datagram needs no end. A longer line is one LineTooLong, and is skipped as it
// comes: a client that never ends its line costs no memory.
func SplitLines(limit int) Splitter {
	s := &lineSplitter{limit: limit, long: Fault{Code: LineTooLong, Offset: limit}}
	return s.split
}

type lineSplitter struct {
	limit    int
	skipping bool // in a line that is too long
	long     Fault
}

func (s *lineSplitter) split(buf []byte, atEOF bool) (advance int, frame []byte, fault *Fault) {
	end := bytes.IndexByte(buf, '\n')
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
	return advance, line, nil
}
