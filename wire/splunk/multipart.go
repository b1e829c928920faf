package splunk

import (
	"bytes"

	"penstock/wire"
)

// multipart walks the parts of a multipart/form-data body (RFC 7578, and RFC 2046, section 5.1):
//
//	m, ok := openMultipart(contentType, body, b)
//	for ok && m.next() { … m.header("Content-Disposition"), m.content … }
//
// What stands before the first part and behind the last is passed over. A body that ends before its last delimiter is refused: it was
// cut on its way. Lines end with CR LF; or with LF alone, all of them, if the first delimiter does: what is typed by hand is read too.
// Content-Transfer-Encoding, which RFC 7578 rules out, is not undone. It allocates nothing, and looks at each byte a few times at most.
type multipart struct {
	body      []byte
	delimiter []byte // a line's end, two dashes and the boundary
	headers   []byte // of the part
	content   []byte // of the part
	parts     int
	at        int       // where the next part begins
	code      wire.Code // why there is no next part; OK at the end of a sound body
	done      bool
}

// The bounds of a body's structure.
const (
	partsMost    = 100
	headersMost  = 8 << 10 // bytes in each part
	boundaryMost = 70      // RFC 2046
)

// openMultipart finds the boundary and the first part. The delimiter lies in b's scratch.
func openMultipart(contentType, body []byte, b *wire.Batch) (m multipart, ok bool) {
	const mediaType = "multipart/form-data"
	kind, _, _ := bytes.Cut(contentType, []byte(";"))
	boundary, _ := parameter(contentType, "boundary", b)
	if !bytes.EqualFold(bytes.TrimSpace(kind), []byte(mediaType)) || len(boundary) == 0 || len(boundary) > boundaryMost {
		return m, false
	}
	m.body, m.delimiter = body, b.Close(append(append(b.Open(), "\r\n--"...), boundary...))
	dashes := m.delimiter[2:]
	for at := 0; ; at++ {
		found := bytes.Index(body[at:], dashes)
		if found < 0 {
			return m, false
		}
		at += found
		if at > 0 && body[at-1] != '\n' {
			continue
		}
		if m.at, m.done, ok = delimiterEnd(body, at+len(dashes)); ok {
			if !m.done && body[m.at-2] != '\r' {
				m.delimiter = m.delimiter[1:]
			}
			return m, true
		}
	}
}

// next goes to the next part; at the body's end, or what should be it, it returns false.
func (m *multipart) next() bool {
	if m.done {
		return false
	}
	if m.parts++; m.parts > partsMost {
		m.code = wire.TooMany
		return false
	}
	blank, start := m.blankLine()
	if start < 0 {
		m.code = wire.BadMultipart
		return false
	}
	for at := blank; ; at++ {
		found := bytes.Index(m.body[at:], m.delimiter)
		if found < 0 {
			m.code = wire.BadMultipart
			return false
		}
		at += found
		if next, last, ok := delimiterEnd(m.body, at+len(m.delimiter)); ok {
			m.headers, m.content = m.body[m.at:blank:blank], m.body[start:max(start, at)]
			m.at, m.done = next, last
			return true
		}
	}
}

// blankLine finds the line that ends a part's headers: where it begins, where the content does; -1 when there is none near.
func (m *multipart) blankLine() (at, content int) {
	for at = m.at; at-m.at <= headersMost; {
		end := bytes.IndexByte(m.body[at:], '\n')
		if end < 0 {
			break
		}
		if end == 0 || end == 1 && m.body[at] == '\r' {
			return at, at + end + 1
		}
		at += end + 1
	}
	return -1, -1
}

// delimiterEnd reads what follows a boundary: two dashes if it is the last, blanks, and the line's end or, behind the last, the
// body's. Where something else stands the delimiter was none.
func delimiterEnd(body []byte, at int) (next int, last, ok bool) {
	last = bytes.HasPrefix(body[at:], []byte("--"))
	if last {
		at += 2
	}
	for at < len(body) && (body[at] == ' ' || body[at] == '\t') {
		at++
	}
	if at == len(body) {
		return at, last, last
	}
	if body[at] == '\r' {
		at++
	}
	if at < len(body) && body[at] == '\n' {
		return at + 1, last, true
	}
	return 0, false, false
}

// header returns the value of the part's first header of that name, folded lines and all; nil when there is none.
func (m *multipart) header(name string) []byte {
	for rest := m.headers; len(rest) > 0; {
		end := 0
		for {
			end += bytes.IndexByte(rest[end:], '\n') + 1 // there is one: each line has its end
			if end == len(rest) || rest[end] != ' ' && rest[end] != '\t' {
				break
			}
		}
		field, value, found := bytes.Cut(rest[:end], []byte(":"))
		if found && bytes.EqualFold(field, []byte(name)) {
			return bytes.TrimSpace(value)
		}
		rest = rest[end:]
	}
	return nil
}
