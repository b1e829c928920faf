package stackstate

import (
	"strconv"

	"penstock/wire"
)

// The statuses of this wire. Agents drop what is answered 400, 403, 404 or 413, and try anything else above 400 again; one client takes
// 200 alone for success [C].
const (
	statusOK          = 200
	statusBadRequest  = 400
	statusForbidden   = 403
	statusTooLarge    = 413
	statusEncoding    = 415
	statusFailed      = 500
	statusUnavailable = 503
)

// The content types of success and of trouble: the vendor's error is a sentence [C]; its type was never seen, and is what its server
// library gives a sentence [decided].
const (
	typeJSON = "application/json"
	typeText = "text/plain; charset=UTF-8"
)

// toldMost is how many refused parts of a stored request a reply tells of.
const toldMost = 10

// reply implements wire.Route's Reply. [decided] Success is {}, or the first of the parts that were refused, in our words:
//
//	{"rejected":["the name is not allowed at byte 61"]}
func reply(dst []byte, o *wire.Outcome) wire.Reply {
	if o.Verdict == wire.Stored {
		return wire.Reply{Body: success(dst, o.Rejected), Status: statusOK, Type: typeJSON}
	}
	return refusal(dst, o)
}

// replyValidate says that the key is known. [decided: the body.]
func replyValidate(dst []byte, o *wire.Outcome) wire.Reply {
	if o.Verdict == wire.Stored {
		return wire.Reply{Body: append(dst, `{"valid":true}`...), Status: statusOK, Type: typeJSON}
	}
	return refusal(dst, o)
}

// replyFeatures says which optional protocols are spoken here.
func replyFeatures(dst []byte, o *wire.Outcome) wire.Reply {
	if o.Verdict == wire.Stored {
		return wire.Reply{Body: append(dst, "{}"...), Status: statusOK, Type: typeJSON}
	}
	return refusal(dst, o)
}

func success(dst []byte, rejected []wire.Fault) []byte {
	if len(rejected) == 0 {
		return append(dst, "{}"...)
	}
	dst = append(dst, `{"rejected":[`...)
	for i := range rejected[:min(len(rejected), toldMost)] {
		if i > 0 {
			dst = append(dst, ',')
		}
		if f := &rejected[i]; f.Detail != nil {
			dst = wire.AppendQuoted(dst, f.Detail)
		} else { // our own words, which need no escaping
			dst = append(f.Append(append(dst, '"')), '"')
		}
	}
	return append(dst, "]}"...)
}

func refusal(dst []byte, o *wire.Outcome) wire.Reply {
	switch o.Verdict {
	case wire.Refused:
		status := statusOf(o.Fault.Code)
		return wire.Reply{Body: explain(dst, o.Fault, status), Status: status, Type: typeText}
	case wire.Busy:
		return wire.Reply{Body: append(dst, o.Reason...), Status: statusUnavailable, Type: typeText}
	case wire.Failed:
		return wire.Reply{Body: append(dst, o.Reason...), Status: statusFailed, Type: typeText}
	}
	panic("BUG: a verdict that is none: " + strconv.Itoa(int(o.Verdict)))
}

func statusOf(code wire.Code) int {
	switch code {
	case wire.NoKey, wire.BadKey, wire.BadSignature:
		return statusForbidden
	case wire.TooLarge, wire.TooMany:
		return statusTooLarge
	case wire.BadEncoding:
		return statusEncoding
	}
	return statusBadRequest
}

// explain says why in the vendor's words, where it has any.
func explain(dst []byte, f *wire.Fault, status int) []byte {
	if f.Detail != nil {
		return append(dst, f.Detail...)
	}
	if status == statusBadRequest {
		dst = append(append(dst, deserialize...), ", with message: "...)
	}
	return f.Append(dst)
}
