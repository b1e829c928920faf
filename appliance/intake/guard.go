package intake

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// judge looks at a request's framing and returns what is wrong with it in a sentence, or "", and whether its body came in chunks.
//
// fasthttp is lenient where leniency lets one connection carry two readings of the same bytes: it takes Content-Length together
// with Transfer-Encoding and keeps the connection, joins folded lines, takes lines without carriage returns, any HTTP version,
// CONNECT, whole URLs as targets, and bodies of GET. Whoever stands between it and the client may read those otherwise, and what
// one takes for a body the other runs as a request (RFC 9112, sections 2.2, 3.2, 5.2, 6.1, 6.3). All of them are refused with
// 400 and the connection is closed, so that nothing behind them is read at all.
//
// One pass over the raw header, and nothing allocated. The lines that it finds are noted in the headers.
func judge(h *fasthttp.RequestHeader, lines *headers) (flaw string, chunked bool) {
	version := h.Protocol()
	if string(version) != "HTTP/1.1" && string(version) != "HTTP/1.0" {
		return "the HTTP version must be 1.1 or 1.0", false
	}
	if flaw := judgeTarget(h.RequestURI()); flaw != "" {
		return flaw, false
	}
	lines.raw = h.RawHeaders()
	seen, flaw := judgeLines(lines)
	if flaw != "" {
		return flaw, false
	}
	switch {
	case seen.host > 1:
		return "the request names more than one Host", false
	case seen.host == 0 && len(version) == 8 && version[7] == '1':
		return "the request names no Host", false
	case seen.length > 1:
		return "the request has more than one Content-Length", false
	case seen.transfer > 1:
		return "the request has more than one Transfer-Encoding", false
	case seen.transfer > 0 && seen.length > 0:
		return "the request has both Content-Length and Transfer-Encoding", false
	case seen.transfer > 0 && version[7] == '0':
		return "HTTP/1.0 has no Transfer-Encoding", false
	case seen.content > 1:
		return "the request has more than one Content-Encoding", false
	case (seen.body || seen.transfer > 0) && (h.IsGet() || h.IsHead()):
		return "a GET or HEAD request has a body", false
	}
	return "", seen.transfer > 0
}

// judgeTarget takes the origin form alone: a path of printable ASCII, perhaps a query.
func judgeTarget(target []byte) string {
	if len(target) == 0 || target[0] != '/' {
		return "the request's target must be a path"
	}
	for _, c := range target {
		if c <= ' ' || c >= 0x7f || c == '#' {
			return "the request's target holds a byte that must be percent-encoded"
		}
	}
	return ""
}

// framing counts the header fields that decide where a request ends.
type framing struct {
	host, length, transfer, content int
	body                            bool // Content-Length is not zero
}

func judgeLines(lines *headers) (seen framing, flaw string) {
	raw := lines.raw
	for len(raw) > 0 {
		end := bytes.IndexByte(raw, '\n')
		if end <= 0 || raw[end-1] != '\r' {
			return seen, "a line of the request's header ends without a carriage return"
		}
		line := raw[:end-1]
		raw = raw[end+1:]
		if len(line) == 0 {
			if len(raw) > 0 {
				return seen, "the request's header has an empty line in it"
			}
			return seen, ""
		}
		colon := bytes.IndexByte(line, ':')
		switch {
		case line[0] == ' ' || line[0] == '\t':
			return seen, "a line of the request's header is folded"
		case colon <= 0:
			return seen, "a line of the request's header has no name"
		case bytes.IndexByte(line[:colon], ' ') >= 0 || bytes.IndexByte(line[:colon], '\t') >= 0:
			return seen, "a name in the request's header has a space"
		case bytes.IndexByte(line, '\r') >= 0:
			return seen, "a line of the request's header has a carriage return in it"
		}
		if flaw := seen.count(line[:colon], trim(line[colon+1:])); flaw != "" {
			return seen, flaw
		}
		lines.note(len(line), colon)
	}
	return seen, ""
}

// count notes one header field. The length of the name decides which it may be.
func (f *framing) count(name, value []byte) string {
	switch len(name) {
	case len("host"):
		if equalFold(name, "host") {
			f.host++
		}
	case len("content-length"):
		if equalFold(name, "content-length") {
			f.length++
			if len(value) == 0 {
				return "the Content-Length is not a number"
			}
			for _, c := range value {
				if c < '0' || c > '9' {
					return "the Content-Length is not a number"
				}
				f.body = f.body || c != '0'
			}
		}
	case len("content-encoding"):
		if equalFold(name, "content-encoding") {
			f.content++
		}
	case len("transfer-encoding"):
		if equalFold(name, "transfer-encoding") {
			f.transfer++
			if !equalFold(value, "chunked") {
				return "the only Transfer-Encoding taken is chunked"
			}
		}
	}
	return ""
}

// headers finds header fields in the raw header by name, in any case. Unlike fasthttp's own table it never holds what came in a
// chunked body's trailer, which nobody between us and the client has looked at (RFC 9110, section 6.5.1).
type headers struct {
	raw   []byte
	known [headersKnown]headerLine
	n     int // of them
	rest  int // where the lines begin that are not known
}

// headerLine is where a line stands in the raw header, its colon, and its end without the line's ending.
type headerLine struct{ start, colon, end int32 }

// headersKnown is how many lines are remembered; what is behind them is looked through each time.
const headersKnown = 16

// note notes the line that begins where the last one that was noted ended.
func (h *headers) note(length, colon int) {
	if h.n < len(h.known) {
		h.known[h.n] = headerLine{int32(h.rest), int32(h.rest + colon), int32(h.rest + length)}
		h.n++
		h.rest += length + len("\r\n")
	}
}

// Peek returns the value of the first field of that name, without the spaces around it; nil when absent. The header has been judged.
func (h *headers) Peek(name string) []byte {
	for _, l := range h.known[:h.n] {
		if int(l.colon-l.start) == len(name) && equalFold(h.raw[l.start:l.colon], name) {
			return trim(h.raw[l.colon+1 : l.end])
		}
	}
	raw := h.raw[h.rest:]
	for len(raw) > 0 {
		end := bytes.IndexByte(raw, '\n')
		if end < 0 {
			return nil
		}
		if len(raw) > len(name) && raw[len(name)] == ':' && equalFold(raw[:len(name)], name) {
			return trim(raw[len(name)+1 : end])
		}
		raw = raw[end+1:]
	}
	return nil
}

// trim takes spaces, tabs and carriage returns off both ends; never nil.
func trim(b []byte) []byte {
	for len(b) > 0 && blank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && blank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// equalFold compares with ASCII letters' case ignored. Unlike bytes.EqualFold it knows no other alphabet, where a letter of
// another script can fold to one of ours.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		d := s[i]
		if c|0x20 != d|0x20 {
			return false
		}
		if c != d && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}
