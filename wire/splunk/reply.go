package splunk

import (
	"strconv"

	"penstock/wire"
)

const typeJSON = "application/json"

// What is said of what was stored.
const (
	eventsStored = `{"code":"SUCCESS","message":"The event was sent successfully."}`
	fileStored   = `{"code":"SUCCESS","message":"Uploaded file successfully.","details":{"filename":`
)

// A token's absence is told from a wrong one, as RFC 6750, section 3, has it.
var (
	challenge = []wire.Field{{Name: "WWW-Authenticate", Value: `Bearer realm="ingest"`}}
	invalid   = []wire.Field{{Name: "WWW-Authenticate", Value: `Bearer realm="ingest", error="invalid_token"`}}
)

// reply implements wire.Route's Reply for events and metrics.
func reply(dst []byte, o *wire.Outcome) wire.Reply {
	if o.Verdict == wire.Stored {
		return wire.Reply{Body: append(dst, eventsStored...), Status: 200, Type: typeJSON}
	}
	return refusal(dst, o)
}

// filesReply implements wire.Route's Reply for files.
func filesReply(dst []byte, o *wire.Outcome) wire.Reply {
	if o.Verdict == wire.Stored {
		dst = append(dst, fileStored...)
		dst = append(wire.AppendQuoted(dst, o.Echo), `}}`...)
		return wire.Reply{Body: dst, Status: 201, Type: typeJSON}
	}
	return refusal(dst, o)
}

func refusal(dst []byte, o *wire.Outcome) wire.Reply {
	switch o.Verdict {
	case wire.Refused:
		return refused(dst, o.Fault)
	case wire.Busy:
		return wire.Reply{Body: trouble(dst, "TOO_MANY_REQUESTS", "Too many requests were sent.", o.Reason), Status: 429, Type: typeJSON}
	case wire.Failed:
		return wire.Reply{Body: trouble(dst, "INTERNAL_ERROR", "An internal service error occurred.", o.Reason), Status: 500, Type: typeJSON}
	}
	panic("BUG: a verdict that is none: " + strconv.Itoa(int(o.Verdict)))
}

func refused(dst []byte, f *wire.Fault) wire.Reply {
	switch f.Code {
	case wire.NoKey:
		return wire.Reply{Body: trouble(dst, "UNAUTHORIZED", "Error validating request", f.Code.Text()), Status: 401, Type: typeJSON, Fields: challenge}
	case wire.BadKey:
		return wire.Reply{Body: trouble(dst, "UNAUTHORIZED", "Invalid or Expired Bearer Token", f.Code.Text()), Status: 401, Type: typeJSON, Fields: invalid}
	case wire.TooLarge, wire.TooMany:
		return wire.Reply{Body: invalidData(dst, f), Status: 413, Type: typeJSON}
	}
	return wire.Reply{Body: invalidData(dst, f), Status: 400, Type: typeJSON}
}

// invalidData says what was wrong. A detail is JSON where it begins with a brace, as none of the texts does.
func invalidData(dst []byte, f *wire.Fault) []byte {
	dst = append(dst, `{"code":"INVALID_DATA","message":"The request isn't valid.","details":`...)
	switch {
	case len(f.Detail) == 0:
		dst = append(f.Append(append(dst, '"')), '"') // our own words, which need no escaping
	case f.Detail[0] == '{':
		dst = append(dst, f.Detail...)
	default:
		dst = wire.AppendQuoted(dst, f.Detail)
	}
	return append(dst, '}')
}

func trouble(dst []byte, code, message, details string) []byte {
	dst = append(append(dst, `{"code":"`...), code...)
	dst = append(append(dst, `","message":"`...), message...)
	dst = wire.AppendQuoted(append(dst, `","details":`...), details)
	return append(dst, '}')
}
