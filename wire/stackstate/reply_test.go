package stackstate

import (
	"encoding/json"
	"testing"

	"penstock/wire"
)

// Each fault has the status that makes agents do what is right: drop, or try again.
func TestReply_Statuses(t *testing.T) {
	special := map[wire.Code]int{wire.NoKey: 403, wire.BadKey: 403, wire.BadSignature: 403, wire.TooLarge: 413, wire.TooMany: 413, wire.BadEncoding: 415}
	for _, code := range wire.Codes() {
		want, ok := special[code]
		if !ok {
			want = 400
		}
		for _, of := range []func([]byte, *wire.Outcome) wire.Reply{reply, replyValidate, replyFeatures} {
			r := of([]byte("kept "), &wire.Outcome{Verdict: wire.Refused, Fault: &wire.Fault{Code: code, Offset: wire.NoOffset}})
			if r.Status != want || len(r.Body) <= len("kept ") || string(r.Body[:5]) != "kept " {
				t.Errorf("%v: %d %q, want %d", code, r.Status, r.Body, want)
			}
		}
	}
}

// A reply tells of a few refused parts, however many there are, and is JSON.
func TestReply_Rejected(t *testing.T) {
	rejected := make([]wire.Fault, wire.MaxRejects)
	for i := range rejected {
		rejected[i] = wire.Fault{Code: wire.BadField, Offset: i, Detail: []byte("a \"quoted\" word\n")}
	}
	var told struct{ Rejected []string }
	r := reply(nil, &wire.Outcome{Verdict: wire.Stored, Rejected: rejected})
	if err := json.Unmarshal(r.Body, &told); err != nil || len(told.Rejected) != toldMost || r.Status != 200 {
		t.Errorf("%d %s: %v", r.Status, r.Body, err)
	}
}
