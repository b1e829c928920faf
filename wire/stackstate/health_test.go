package stackstate

import (
	"fmt"
	"testing"

	"penstock/wire"
)

// The words of health messages are words whole, in any case; and what is an interval.
func TestHealth_WordsAndIntervals(t *testing.T) {
	m := message{input: &input{Batch: new(wire.Batch)}}
	words := []string{"CLEAR", "DEVIATING"}
	for text, want := range map[string]string{`"CLEAR"`: "CLEAR", `"clear"`: "CLEAR", `"cl\u0065ar"`: "CLEAR", `"Deviating"`: "DEVIATING", "null": "",
		`"cleax"`: "bad", `"CLEARS"`: "bad", `""`: "bad", "7": "bad", "{}": "bad", `"XXXXXXXXX"`: "bad"} {
		word, breach := m.word(&wire.Reader{Src: []byte(text)}, words, "bad")
		if word+breach != want {
			t.Errorf("%s is %q, breach %q; want %q", text, word, breach, want)
		}
	}
	for text, want := range map[string]string{
		`{}`: "", `null`: "", `7`: "", `{"repeat_interval_s":1}`: "", `{"repeat_interval_s":0.001}`: "", `{"repeat_interval_s":0}`: healthInterval,
		`{"repeat_interval_s":-1}`: healthInterval, `{"repeat_interval_s":"1"}`: healthInterval, `{"repeat_interval_s":0.0001}`: healthInterval,
		fmt.Sprintf(`{"repeat_interval_s":%d}`, longestRepeat): "", fmt.Sprintf(`{"repeat_interval_s":%d.001}`, longestRepeat): healthInterval,
		`{"expiry_interval_s":1}`: "expires", `{"expiry_interval_s":0.001}`: "expires", `{"expiry_interval_s":0}`: "", `{"expiry_interval_s":-1}`: "",
		`{"expiry_interval_s":"x"}`: "", `{"expiry_interval_s":1,"expiry_interval_s":null}`: "", `{"other":1}`: "",
	} {
		expires, got := m.interval(&wire.Reader{Src: []byte(text)})
		if expires {
			got += "expires"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// The stream of a health message is its key, and the instance of a topology is its. Of several the last counts, whole.
func TestParse_Keys(t *testing.T) {
	f := func(part, object, want string) {
		t.Helper()
		var b wire.Batch
		fault := new(intake).Parse(request(common(part, "["+object+"]")), &b)
		got := "refused"
		if len(b.Records) == 1 {
			got = string(b.Records[0].Key)
		}
		if fault != nil || got != want {
			t.Errorf("%s: key %q, %v; want %q", object, got, fault, want)
		}
	}
	f("health", `{"stream":{"urn":"urn:health:a:b"}}`, "urn:health:a:b")
	f("health", `{"stream":{"x":"y","urn":"urn:health:a:b","z":"z"}}`, "urn:health:a:b")
	f("health", `{"stream":{"urn":"urn:health:a:b:c","sub_stream_id":"s"}}`, "urn:health:a:b:c/s")
	f("health", `{"stream":{"sub_stream_id":"s"},"stream":{"urn":"urn:health:a:b"}}`, "urn:health:a:b")
	f("health", `{"stream":{"urn":"urn:health:a:b"},"stream":{}}`, "refused")
	f("health", `{"stream":{"urn":"urn:health:a:b","sub_stream_id":7}}`, "urn:health:a:b")
	for _, urn := range []string{"", "urn:health:", "urn:health:a", "urn:health:a:", "urn:health::b", "urn:healthy:a:b", "a:b"} {
		f("health", `{"stream":{"urn":"`+urn+`"}}`, "refused")
	}
	f("topologies", `{"instance":{"type":"t","url":"u"}}`, "t_u")
	f("topologies", `{"instance":{"type":"t","x":"y","url":"u","z":"z"}}`, "t_u")
	f("topologies", `{"instance":{"type":"t","url":"u"},"instance":{"type":"v"}}`, "")
	f("topologies", `{"instance":{"type":"t"},"instance":{"url":"u"}}`, "")
	f("topologies", `{"instance":{"type":"t","url":7}}`, "")
}

// An increment that belongs to a checkpoint says which; a state that is deleted needs no health.
func TestHealth_IncrementsAndStates(t *testing.T) {
	f := func(members, want string) {
		t.Helper()
		m := message{input: &input{Batch: new(wire.Batch)}}
		if got := m.read([]byte(`{"stream":{"urn":"urn:health:a:b"},` + members + `}`)); got != want {
			t.Errorf("%s: %q, want %q", members, got, want)
		}
	}
	const model = `"consistency_model":"TRANSACTIONAL_INCREMENTS"`
	f(model, healthIncrement)
	f(model+`,"increment":{"checkpoint":{"offset":5}}`, "")
	f(model+`,"increment":{"x":{"offset":5},"checkpoint":{"batch":1,"offset":5,"x":"y"},"y":{"offset":"z"}}`, "")
	f(model+`,"increment":{"checkpoint":{"offset":"5"}}`, healthIncrement)
	f(model+`,"increment":{"checkpoint":{"batch":5}}`, healthIncrement)
	f(model+`,"increment":{"x":{"offset":5}}`, healthIncrement)
	f(model+`,"increment":{"checkpoint":7}`, healthIncrement)
	f(model+`,"increment":[],"x":1`, healthIncrement)
	f(model+`,"increment":{"checkpoint":{"offset":5}},"increment":{}`, healthIncrement)
	f(`"increment":{}`, "")
	f(`"check_states":[{"delete":true,"checkStateId":"1"}]`, "")
	f(`"check_states":[{"delete":false,"checkStateId":"1"}]`, healthState)
	f(`"check_states":[{"delete":[true],"checkStateId":"1","health":"clear"}]`, "")
	f(`"check_states":[{"checkStateId":"1","x":7,"health":"clear"}]`, "")
	f(`"check_states":[{"delete":true,"checkStateId":""}]`, healthStates)
	f(`"check_states":[{"delete":true,"checkStateId":7}]`, healthStates)
}
