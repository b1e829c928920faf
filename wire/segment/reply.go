package segment

import (
	"strconv"

	"penstock/wire"
)

const (
	typeJSON = "application/json"
	success  = `{"success":true}`
)

// The header fields of replies. Retry-After, which goes with the first, is the server's.
var (
	wait      = []wire.Field{{Name: "X-RateLimit-Reset", Value: "1"}} // seconds
	challenge = []wire.Field{{Name: "WWW-Authenticate", Value: `Basic realm="write key"`}}
)

// trackingReply implements wire.Route's Reply for the tracking API.
func trackingReply(dst []byte, o *wire.Outcome) wire.Reply {
	reply := answer(dst, o)
	switch {
	case o.Verdict == wire.Busy:
		reply.Status, reply.Fields = 429, wait
	case reply.Status == 401:
		reply.Fields = challenge
	case reply.Status == 413:
		reply.Status = 400
	}
	return reply
}

// webhookReply implements wire.Route's Reply for the webhooks.
func webhookReply(dst []byte, o *wire.Outcome) wire.Reply { return answer(dst, o) }

func answer(dst []byte, o *wire.Outcome) wire.Reply {
	switch o.Verdict {
	case wire.Stored:
		return wire.Reply{Body: append(dst, success...), Status: 200, Type: typeJSON}
	case wire.Refused:
		return wire.Reply{Body: refusal(dst, o.Fault), Status: statusOf(o.Fault.Code), Type: typeJSON}
	case wire.Busy:
		return wire.Reply{Body: trouble(dst, "busy", o.Reason), Status: 503, Type: typeJSON}
	case wire.Failed:
		return wire.Reply{Body: trouble(dst, "failed", o.Reason), Status: 500, Type: typeJSON}
	}
	panic("BUG: a verdict that is none: " + strconv.Itoa(int(o.Verdict)))
}

func statusOf(code wire.Code) int {
	switch code {
	case wire.NoKey, wire.BadKey, wire.BadSignature:
		return 401
	case wire.TooLarge:
		return 413
	}
	return 400
}

// refusal says what was wrong and where. The fault's words are our own and need no escaping.
func refusal(dst []byte, f *wire.Fault) []byte {
	dst = append(dst, `{"success":false,"code":"`...)
	dst = append(dst, f.Code.String()...)
	dst = append(dst, `","message":"`...)
	dst = f.Append(dst)
	return append(dst, `"}`...)
}

func trouble(dst []byte, code, reason string) []byte {
	dst = append(dst, `{"success":false,"code":"`...)
	dst = append(dst, code...)
	dst = append(dst, `","message":`...)
	dst = wire.AppendQuoted(dst, reason)
	return append(dst, '}')
}
