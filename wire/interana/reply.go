package interana

import (
	"strconv"

	"penstock/wire"
)

// The statuses of this wire.
const (
	statusAccepted    = 202
	statusBadRequest  = 400
	statusTooLarge    = 413
	statusFailed      = 500
	statusUnavailable = 503
)

const typeJSON = "application/json"

// reply implements wire.Route's Reply.
func reply(dst []byte, o *wire.Outcome) wire.Reply {
	switch o.Verdict {
	case wire.Stored:
		return wire.Reply{Body: dst, Status: statusAccepted}
	case wire.Refused:
		return wire.Reply{Body: refusal(dst, o.Fault), Status: refusalStatus(o), Type: typeJSON}
	case wire.Busy:
		return wire.Reply{Body: trouble(dst, "busy", o.Reason), Status: statusUnavailable, Type: typeJSON}
	case wire.Failed:
		return wire.Reply{Body: trouble(dst, "failed", o.Reason), Status: statusFailed, Type: typeJSON}
	}
	panic("BUG: a verdict that is none: " + strconv.Itoa(int(o.Verdict)))
}

func refusalStatus(o *wire.Outcome) int {
	if o.Fault.Code == wire.TooLarge && o.Request != nil && o.Request.Method == "POST" {
		return statusTooLarge
	}
	return statusBadRequest
}

// refusal says what was wrong and where. The fault's words are our own and need no escaping.
func refusal(dst []byte, f *wire.Fault) []byte {
	dst = append(dst, `{"error":{"code":"`...)
	dst = append(dst, f.Code.String()...)
	dst = append(dst, `","message":"`...)
	dst = f.Append(dst)
	dst = append(dst, '"')
	if f.Offset != wire.NoOffset {
		dst = append(dst, `,"position":`...)
		dst = strconv.AppendInt(dst, int64(f.Offset), 10)
	}
	return append(dst, `}}`...)
}

func trouble(dst []byte, code, reason string) []byte {
	dst = append(dst, `{"error":{"code":"`...)
	dst = append(dst, code...)
	dst = append(dst, `","message":`...)
	dst = wire.AppendQuoted(dst, reason)
	return append(dst, `}}`...)
}
