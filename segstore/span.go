package segstore

import (
	"syscall"

	"penstock/segstore/disk"
)

// Span is batches that stand one behind another in a segment, as they are in its file.
type Span struct {
	Next  int64 // the offset behind the last of them
	Bytes []byte

	file     disk.File
	position int64
}

// SendTo sends Bytes[from:to] from the file to a socket; ok is false where the file can't do that, and nothing was sent.
func (s *Span) SendTo(socket syscall.RawConn, from, to int) (ok bool, err error) {
	sender, ok := s.file.(disk.Sender)
	if !ok {
		return false, nil
	}
	_, err = sender.SendTo(socket, s.position+int64(from), int64(to-from))
	return true, err
}

// NextSpan is Next for as many batches as stand one behind another and take at most that many bytes together; one batch, if it takes more.
// Their CRCs were checked. The bytes are valid until the next call on the cursor. The errors are Next's.
func (c *Cursor) NextSpan(most int) (Span, error) {
	b, err := c.Next()
	if err != nil {
		return Span{}, err
	}
	start := c.pos - b.h.size
	end := c.s.readable()
	for c.pos < end {
		var more Batch
		var wrong string
		if err := guard(c.s.data, func() { more, wrong = c.read(end) }); err != nil || wrong != "" {
			break // Next tells about it
		}
		if c.pos+more.h.size-start > int64(most) {
			break
		}
		c.pos += more.h.size
		c.at = more.h.next()
		c.offset = c.at
	}
	return Span{Next: c.offset, Bytes: c.s.data[start:c.pos:c.pos], file: c.s.file, position: start}, nil
}
