package cloudwisdom

import (
	"bytes"
	"strconv"

	"penstock/wire"
)

// answer is a status, Spring's word for it, and the detail: what every body but that of a success begins with.
type answer struct {
	status          int
	message, detail string
}

// The documents know 202, 400 and 500; the others are HTTP's own for what they do not speak of [decided]. A key that nobody has is 403:
// the Python client's history has "handle 403". A client that gets 410 or 418 never sends again.
var (
	notParsed   = answer{400, "BAD_REQUEST", "Error Parsing JSON Request"}
	notValid    = answer{400, "BAD_REQUEST", "Input Validation Failed"}
	forbidden   = answer{403, "FORBIDDEN", "Access Denied"}
	tooLarge    = answer{413, "PAYLOAD_TOO_LARGE", "Request Too Large"}
	failed      = answer{500, "INTERNAL_SERVER_ERROR", "Request Not Stored"}
	unavailable = answer{503, "SERVICE_UNAVAILABLE", "Try Again"}
)

const statusOK, statusAccepted = 200, 202

const typeJSON = "application/json"

// couldNotRead begins the vendor's texts for a body that cannot be parsed.
const couldNotRead = "Could not read JSON: "

// Replies to what was stored have no body unless the request asks for one:
//
//	{"status":202,"message":"ACCEPTED","detail":"2 elements received","serverTimestamp":1442604173135,"iso8601DateTime":"2015-09-18T19:22:40.153Z"}
//
// [decided] The noun is always in the plural, "1 elements received", and "events" or "checks" at their doors. It counts what was
// received, be it that the vendor's rules then drop it.
func replyElements(dst []byte, o *wire.Outcome) wire.Reply {
	return reply(dst, o, " elements received")
}
func replyEvents(dst []byte, o *wire.Outcome) wire.Reply { return reply(dst, o, " events received") }
func replyChecks(dst []byte, o *wire.Outcome) wire.Reply { return reply(dst, o, " checks received") }

// replyTime says only that we are here: what the client wants is the Date of the header.
func replyTime(dst []byte, _ *wire.Outcome) wire.Reply {
	return wire.Reply{Body: dst, Status: statusOK}
}

func reply(dst []byte, o *wire.Outcome, received string) wire.Reply {
	now := int64(0)
	if o.Request != nil {
		now = o.Request.Now
	}
	switch o.Verdict {
	case wire.Stored:
		if o.Request == nil || !hasOption(o.Request, "SEND_RESPONSE_BODY") {
			return wire.Reply{Body: dst, Status: statusAccepted}
		}
		dst = append(dst, `{"status":202,"message":"ACCEPTED","detail":"`...)
		dst = strconv.AppendInt(dst, int64(o.Items), 10)
		dst = append(append(dst, received...), '"')
		return wire.Reply{Body: appendNow(dst, now), Status: statusAccepted, Type: typeJSON}
	case wire.Refused:
		return refusal(dst, o.Fault, now)
	case wire.Busy:
		return unavailable.trouble(dst, o.Reason, now)
	case wire.Failed:
		return failed.trouble(dst, o.Reason, now)
	}
	panic("BUG: a verdict that is none: " + strconv.Itoa(int(o.Verdict)))
}

// refusal is the documents' error response. Words of the vendor's that do not say that the JSON could not be read are about a body
// that is not valid.
func refusal(dst []byte, f *wire.Fault, now int64) wire.Reply {
	a := notParsed
	switch f.Code {
	case wire.NoKey, wire.BadKey, wire.BadSignature:
		a = forbidden
	case wire.TooLarge, wire.TooMany:
		a = tooLarge
	default:
		if f.Detail != nil && !bytes.HasPrefix(f.Detail, []byte(couldNotRead)) {
			a = notValid
		}
	}
	dst = a.begin(dst)
	if f.Detail != nil {
		dst = wire.AppendQuoted(dst, f.Detail)
	} else { // our own words, which need no escaping
		dst = append(dst, '"')
		if a == notParsed {
			dst = append(dst, couldNotRead...)
		}
		dst = append(f.Append(dst), '"')
	}
	return a.end(dst, now)
}

func (a answer) trouble(dst []byte, reason string, now int64) wire.Reply {
	return a.end(wire.AppendQuoted(a.begin(dst), reason), now)
}

// begin adds an error response up to its first error.
func (a answer) begin(dst []byte) []byte {
	dst = append(dst, `{"status":`...)
	dst = strconv.AppendInt(dst, int64(a.status), 10)
	dst = append(append(dst, `,"message":"`...), a.message...)
	dst = append(append(dst, `","detail":"`...), a.detail...)
	return append(dst, `","errors":[`...)
}

func (a answer) end(dst []byte, now int64) wire.Reply {
	return wire.Reply{Body: appendNow(append(dst, ']'), now), Status: a.status, Type: typeJSON}
}

// appendNow ends a response.
func appendNow(dst []byte, now int64) []byte {
	dst = append(dst, `,"serverTimestamp":`...)
	dst = strconv.AppendInt(dst, now, 10)
	dst = append(dst, `,"iso8601DateTime":"`...)
	return append(wire.AppendTime(dst, now), `"}`...)
}
