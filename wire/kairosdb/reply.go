package kairosdb

import (
	"bytes"
	"strconv"

	"penstock/wire"
)

const (
	typeJSON  = "application/json"                // of a 400
	typeJSON8 = "application/json; charset=UTF-8" // of everything else, a 204 too
)

// Version is what the server calls itself. Senders read it to learn what they may send.
const Version = "KairosDB 1.3.0-1"

// fieldsOf400 is what the server adds to a refusal, fields what it adds to everything else.
var (
	fieldsOf400 = []wire.Field{{Name: "Access-Control-Allow-Origin", Value: "*"}}
	fieldsOf401 = []wire.Field{{Name: "Access-Control-Allow-Origin", Value: "*"}, {Name: "WWW-Authenticate", Value: `Basic realm="KairosDB"`}}
	fields      = []wire.Field{
		{Name: "Access-Control-Allow-Origin", Value: "*"},
		{Name: "Pragma", Value: "no-cache"},
		{Name: "Cache-Control", Value: "no-cache"},
		{Name: "Expires", Value: "0"},
	}
)

// replyDatapoints implements wire.Route's Reply for POST /api/v1/datapoints.
func replyDatapoints(dst []byte, o *wire.Outcome) wire.Reply {
	if o.Verdict != wire.Stored {
		return refusal(dst, o)
	}
	said, unexpected := false, false
	for i := range o.Rejected {
		said = said || o.Rejected[i].Detail != nil
		unexpected = unexpected || o.Rejected[i].Code == wire.BadTime || o.Rejected[i].Code == wire.BadNumber
	}
	switch {
	case !said:
		return wire.Reply{Body: dst, Status: 204, Type: typeJSON8, Fields: fields}
	case unexpected:
		return wire.Reply{Body: appendErrors(dst, o), Status: 500, Type: typeJSON8, Fields: fields}
	}
	return wire.Reply{Body: appendErrors(dst, o), Status: 400, Type: typeJSON, Fields: fieldsOf400}
}

// appendErrors adds all that was said of the parts that were refused. Each detail has a message a line.
func appendErrors(dst []byte, o *wire.Outcome) []byte {
	dst = append(dst, `{"errors":[`...)
	first := true
	for i := range o.Rejected {
		for rest := o.Rejected[i].Detail; rest != nil; {
			var message []byte
			if end := bytes.IndexByte(rest, '\n'); end >= 0 {
				message, rest = rest[:end], rest[end+1:]
			} else {
				message, rest = rest, nil
			}
			if !first {
				dst = append(dst, ',')
			}
			dst, first = wire.AppendQuoted(dst, message), false
		}
	}
	if o.Items > 0 {
		dst = strconv.AppendInt(append(dst, `,"`...), int64(o.Items), 10)
		dst = append(dst, ` more errors are not listed."`...)
	}
	return append(dst, `]}`...)
}

// refusal answers what was not stored at all.
func refusal(dst []byte, o *wire.Outcome) wire.Reply {
	switch o.Verdict {
	case wire.Refused:
		return refused(appendError(dst, o.Fault), o)
	case wire.Busy:
		return wire.Reply{Body: trouble(dst, o.Reason), Status: 503, Type: typeJSON8, Fields: fields}
	case wire.Failed:
		return wire.Reply{Body: trouble(dst, o.Reason), Status: 500, Type: typeJSON8, Fields: fields}
	}
	panic("BUG: a verdict that is none: " + strconv.Itoa(int(o.Verdict)))
}

func refused(body []byte, o *wire.Outcome) wire.Reply {
	switch o.Fault.Code {
	case wire.TooLarge:
		return wire.Reply{Body: body, Status: 413, Type: typeJSON, Fields: fieldsOf400}
	case wire.NoKey, wire.BadKey:
		return wire.Reply{Body: body, Status: 401, Type: typeJSON, Fields: fieldsOf401}
	case wire.BadCompression:
		if o.Request != nil && !isGzipType(o.Request) {
			return wire.Reply{Body: body, Status: 500, Type: typeJSON8, Fields: fields}
		}
	}
	return wire.Reply{Body: body, Status: 400, Type: typeJSON, Fields: fieldsOf400}
}

func appendError(dst []byte, f *wire.Fault) []byte {
	dst = append(dst, `{"errors":[`...)
	if f.Detail != nil {
		dst = wire.AppendQuoted(dst, f.Detail)
	} else {
		dst = append(f.Append(append(dst, '"')), '"') // our own words, which need no escaping
	}
	return append(dst, `]}`...)
}

func trouble(dst []byte, reason string) []byte {
	return append(wire.AppendQuoted(append(dst, `{"errors":[`...), reason), `]}`...)
}

// page makes the Reply of a page that is always the same.
func page(status int, body string) func([]byte, *wire.Outcome) wire.Reply {
	return func(dst []byte, o *wire.Outcome) wire.Reply {
		if o.Verdict != wire.Stored {
			return refusal(dst, o)
		}
		return wire.Reply{Body: append(dst, body...), Status: status, Type: typeJSON8, Fields: fields}
	}
}

// maxEcho is the most bytes of a header field that a preflight is answered with.
const maxEcho = 1024

// preflight implements wire.Route's Reply for OPTIONS: what a browser asks for, it may do. The underscore is the server's.
func preflight(dst []byte, o *wire.Outcome) wire.Reply {
	if o.Verdict != wire.Stored {
		return refusal(dst, o)
	}
	echo := []wire.Field{{Name: "Access-Control-Allow-Origin", Value: "*"}, {Name: "Access-Control-Max-Age", Value: "86400"}}
	for _, pair := range [][2]string{
		{"Access-Control-Allow-Headers", "Access-Control-Request-Headers"},
		{"Access-Control-Allow_Method", "Access-Control-Request-Method"},
	} {
		if asked := o.Request.Header.Peek(pair[1]); isEchoed(asked) {
			echo = append(echo, wire.Field{Name: pair[0], Value: string(asked)})
		}
	}
	return wire.Reply{Body: dst, Status: 200, Fields: echo}
}

// isEchoed reports whether a header field's value is fit to be sent back: a list of names.
func isEchoed(value []byte) bool {
	for _, c := range value {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(value) > 0 && len(value) <= maxEcho
}
