package splunk

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"

	"penstock/wire"
)

// filesParser is one worker's for uploads. It keeps nothing between requests.
type filesParser struct{}

// Parse implements wire.Parser.
func (*filesParser) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	body, code := payload(req)
	if code != wire.OK {
		return b.Fail(code, wire.NoOffset)
	}
	m, ok := openMultipart(req.Header.Peek("Content-Type"), body, b)
	if !ok {
		return b.Fail(wire.BadMultipart, wire.NoOffset)
	}
	from, topic := source(req), req.Topics[wire.KindEvent]
	for m.next() {
		disposition := m.header("Content-Disposition")
		if name, _ := parameter(disposition, "name", b); string(name) != "upfile" {
			continue
		}
		name := fileName(disposition, b)
		if b.Items == 0 {
			b.Echo = name
		}
		b.Items++
		r := b.Add()
		r.Topic, r.Time = topic, req.Now
		r.Value = fileEvent(name, m.content, req.Now, from, b)
	}
	switch {
	case m.code != wire.OK:
		b.Clear()
		return b.Fail(m.code, m.at)
	case b.Items == 0:
		return b.Fail(wire.BadMultipart, wire.NoOffset).Because(noFile)
	}
	return nil
}

// noFile is what Go's server says when no part has the name asked for.
var noFile = []byte("http: no such file")

// fileEvent makes the event that holds a file.
func fileEvent(name, content []byte, now int64, from wire.Source, b *wire.Batch) []byte {
	isText := utf8.Valid(content) && bytes.IndexByte(content, 0) < 0
	e := wire.Event{Time: now, Source: name}
	if isText {
		e.Body = b.Close(wire.AppendQuoted(b.Open(), content))
	} else {
		body := append(b.Open(), '"')
		body = base64.StdEncoding.AppendEncode(body, content)
		e.Body = b.Close(append(body, '"'))
	}
	if name != nil || !isText {
		e.Attributes = fileAttributes(name, isText, b)
	}
	return b.Close(e.Append(b.Open(), from))
}

func fileAttributes(name []byte, isText bool, b *wire.Batch) []byte {
	out := append(b.Open(), '{')
	if name != nil {
		out = wire.AppendQuoted(append(out, `"filename":`...), name)
	}
	if name != nil && !isText {
		out = append(out, ',')
	}
	if !isText {
		out = append(out, `"encoding":"base64"`...)
	}
	return b.Close(append(out, '}'))
}

// fileName is the name that a part's Content-Disposition gives its file, without a path; nil when it gives none. The extended form
// (RFC 5987) counts where there is no other: filename*=UTF-8”na%C3%AFve.txt.
func fileName(disposition []byte, b *wire.Batch) []byte {
	name, ok := parameter(disposition, "filename", b)
	if !ok {
		extended, _ := parameter(disposition, "filename*", b)
		charset, rest, _ := bytes.Cut(extended, []byte("'"))
		_, encoded, found := bytes.Cut(rest, []byte("'"))
		if !found || !bytes.EqualFold(charset, []byte("utf-8")) {
			return nil
		}
		name = b.Close(wire.AppendPercentDecoded(b.Open(), encoded))
	}
	name = bytes.TrimRight(name, "/")
	name = name[bytes.LastIndexByte(name, '/')+1:]
	if len(name) == 0 {
		return nil
	}
	return name
}
