package kairosdb

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"penstock/wire"
)

// pointKind is a registered type of data points.
type pointKind uint8

const (
	longKind pointKind = iota
	doubleKind
	stringKind

	kinds
)

var kindNames = [kinds][]byte{longKind: []byte("long"), doubleKind: []byte("double"), stringKind: []byte("string")}

func parseKind(name []byte) (pointKind, bool) {
	for kind := range kinds {
		if bytes.Equal(name, kindNames[kind]) {
			return kind, true
		}
	}
	return 0, false
}

// inferred is the type of a value that comes without one, which is no object, array or null.
func (p *parser) inferred(value []byte) pointKind {
	number := value
	switch value[0] {
	case 't', 'f':
		return stringKind
	case '"':
		if number, _ = p.text.Borrow(value); !looksLikeNumber(number) {
			return stringKind
		}
	}
	if bytes.IndexByte(number, '.') >= 0 {
		return doubleKind
	}
	return longKind
}

// looksLikeNumber is the server's test of strings: a sign or a point, then digits with at most one point, not at the end.
func looksLikeNumber(s []byte) bool {
	if len(s) == 0 {
		return false
	}
	digits := s
	if c := s[0]; c == '+' || c == '-' || c == '.' {
		digits = s[1:]
	}
	point := false
	for _, c := range digits {
		if c == '.' && !point {
			point = true
		} else if c < '0' || c > '9' {
			return false
		}
	}
	return len(digits) > 0 && digits[len(digits)-1] != '.'
}

// plain is what a JSON value says as text: a string's text, anything else as it was sent.
func (p *parser) plain(value []byte) []byte {
	if value[0] == '"' {
		return p.text.Of(value, p.Batch)
	}
	return value
}

// value makes a record's value of one that was sent, which is no object, array or null; ok is false when it is none of its type.
func (p *parser) value(kind pointKind, sent []byte) (json []byte, ok bool) {
	isNumber := sent[0] == '-' || sent[0] >= '0' && sent[0] <= '9'
	switch {
	case kind == stringKind:
		return p.string(sent), true
	case isNumber && len(sent) <= maxNumber && kind == longKind:
		return p.cutToLong(sent)
	case isNumber:
		return sent, len(sent) <= maxNumber && isFinite(sent)
	case sent[0] != '"':
		return nil, false
	case kind == longKind:
		number, _ := p.text.Borrow(sent)
		n, ok := parseLong(number)
		if !ok {
			return nil, false
		}
		return p.Close(strconv.AppendInt(p.Open(), n, 10)), true
	}
	number, _ := p.text.Borrow(sent)
	json, ok = appendDouble(p.Open(), number)
	if !ok {
		return nil, false
	}
	return p.Close(json), true
}

// string makes a string of a value.
func (p *parser) string(sent []byte) []byte {
	switch {
	case sent[0] != '"':
		return p.Close(wire.AppendQuoted(p.Open(), sent))
	case utf8.Valid(sent):
		return sent
	}
	said := p.text.Of(sent, p.Batch)
	return p.Close(wire.AppendQuoted(p.Open(), said))
}

// cutToLong makes a long of a JSON number: its fraction is cut off. A number that is no long stays as it was sent.
func (p *parser) cutToLong(sent []byte) (json []byte, ok bool) {
	if isWritten(sent) {
		return sent, true
	}
	n, ok := truncated(sent)
	if !ok {
		return sent, isFinite(sent)
	}
	return p.Close(strconv.AppendInt(p.Open(), n, 10)), true
}

// pointTime reads the time of an array's data point. Not a long is no time: a fraction of a number is cut off, of a string it is not.
func (p *parser) pointTime(sent []byte) (ms int64, ok bool) {
	switch {
	case sent[0] == '"':
		number, _ := p.text.Borrow(sent)
		return parseLong(number)
	case gsonName(sent[0]) != "NUMBER" || len(sent) > maxNumber:
		return 0, false
	}
	return truncated(sent)
}
