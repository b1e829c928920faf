package fuzz

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"penstock/wire"
	"penstock/wire/segment"
	"penstock/wire/wiretest"
)

var segmentOpen = segment.New(segment.Settings{})

func FuzzSegment_Tracking(f *testing.F) {
	for i, c := range goldens(f, "segment") {
		if strings.HasPrefix(c.Path, "/v1/") && len(c.Body) <= attackLimit {
			f.Add(c.Path == "/v1/batch", c.Body, string(c.Header.Peek("Authorization")), string(c.Header.Peek("Content-Encoding")), byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, batch bool, body []byte, authorization, encoding string, columns byte) {
		a := &attack{method: "POST", path: "/v1/page", body: body, columns: pickColumns(columns),
			header: wiretest.Values{{"Authorization", authorization}, {"Content-Encoding", encoding}}}
		if batch {
			a.path = "/v1/batch"
		}
		if err := check(segmentOpen, a); err != nil {
			t.Fatal(err)
		}
		if err := checkSegmentEvents(segmentOpen, a); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzSegment_Webhook(f *testing.F) {
	methods := []string{"POST", "PUT", "PATCH"}
	for i, c := range goldens(f, "segment") {
		if c.Path == "/segment/webhook" && len(c.Body) <= attackLimit {
			f.Add(byte(i), c.Body, string(c.Header.Peek("X-Signature")), string(c.Header.Peek("topic")), byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, method byte, body []byte, signature, topic string, columns byte) {
		a := &attack{method: methods[int(method)%len(methods)], path: "/segment/webhook", body: body, columns: pickColumns(columns), verbatim: true,
			header: wiretest.Values{{"X-Signature", signature}, {"topic", topic}}}
		if err := check(segmentOpen, a); err != nil {
			t.Fatal(err)
		}
		if err := checkSegmentEvents(segmentOpen, a); err != nil {
			t.Fatal(err)
		}
		if err := checkSegmentSignature(a, signature); err != nil {
			t.Fatal(err)
		}
	})
}

// checkSegmentSignature holds the webhooks to the documentation's rule in its plainest form, for the signature given and for genuine
// ones.
func checkSegmentSignature(a *attack, signature string) error {
	const secret = "a shared secret"
	sign := func(text []byte) string {
		mac := hmac.New(sha1.New, []byte(secret))
		mac.Write(text)
		return hex.EncodeToString(mac.Sum(nil))
	}
	genuine := map[string]bool{sign(a.body): true}
	if text := bytes.TrimLeft(a.body, " \t\r\n"); len(text) > 0 && text[0] == '[' {
		decoder := json.NewDecoder(bytes.NewReader(text[1:]))
		var first json.RawMessage
		if decoder.Decode(&first) == nil {
			genuine[sign(first)] = true
		}
	}
	f := segment.New(segment.Settings{Secrets: [][]byte{[]byte("the next one"), []byte(secret)}})
	for s := range genuine {
		if err := checkSignedAs(f, a, s, true); err != nil {
			return err
		}
	}
	return checkSignedAs(f, a, signature, genuine[signature])
}

func checkSignedAs(f wire.Format, a *attack, signature string, genuine bool) error {
	signed := *a
	signed.header = wiretest.Values{{"X-Signature", signature}} // and no topic, which is looked at before
	if err := check(f, &signed); err != nil {
		return err
	}
	req, _ := signed.request()
	var b wire.Batch
	fault := wiretest.Route(f, a.method, a.path).New().Parse(req, &b)
	if len(a.body) > attackLimit {
		return nil // refused for that before anything else
	}
	if refused := fault != nil && fault.Code == wire.BadSignature; refused == genuine {
		return fmt.Errorf("%q signed %q: genuine is %v, fault is %v", a.body, signature, genuine, fault)
	}
	return nil
}

// checkSegmentEvents compares the records of a request with what encoding/json sees in its payload.
func checkSegmentEvents(f wire.Format, a *attack) error {
	req, decoder := a.request()
	route := wiretest.Route(f, a.method, a.path)
	var b wire.Batch
	fault := route.New().Parse(req, &b)
	if fault != nil && len(b.Records) > 0 {
		return fmt.Errorf("refused (%v) and yet %d records are left", fault, len(b.Records))
	}
	if fault != nil && fault.Code != wire.BadJSON && fault.Code != wire.NotObject && fault.Code != wire.NotArray && fault.Code != wire.MissingField {
		return nil // too large, too deep, a bad topic: not encoding/json's questions
	}
	want, others, ok := segmentEvents(a.path, decoder.Payload)
	if ok != (fault == nil) {
		return fmt.Errorf("%q: fault %v, but encoding/json finds events: %v", decoder.Payload, fault, ok)
	}
	if _, refused := b.Rejected(); len(want) != len(b.Records) || others != refused {
		return fmt.Errorf("%q: %d records and %d refused, encoding/json sees %d and %d", decoder.Payload, len(b.Records), refused, len(want), others)
	}
	for i := range b.Records {
		if got := compact(b.Records[i].Value); got != want[i] {
			return fmt.Errorf("record %d is %q, encoding/json sees %q", i, got, want[i])
		}
	}
	return nil
}

// segmentEvents is the format's rule in the plainest form: the events, without white space, and how many elements are none.
func segmentEvents(path string, payload []byte) (events []string, others int, ok bool) {
	text := bytes.Trim(payload, " \t\r\n")
	if !json.Valid(text) {
		return nil, 0, false
	}
	list := []json.RawMessage{text}
	switch {
	case path == "/v1/batch":
		if text[0] != '{' {
			return nil, 0, false
		}
		for _, m := range membersOf(text) {
			if m.name != "batch" {
				continue
			}
			list = nil
			if m.value[0] != '[' || json.Unmarshal(m.value, &list) != nil {
				return nil, 0, false
			}
			ok = true
			break
		}
		if !ok {
			return nil, 0, false
		}
	case path == "/segment/webhook" && text[0] == '[':
		list = nil // what it had must not be written over
		if json.Unmarshal(text, &list) != nil {
			return nil, 0, false
		}
	case text[0] != '{':
		return nil, 0, false
	}
	for _, event := range list {
		if event[0] != '{' {
			others++
			continue
		}
		events = append(events, segmentEvent(path, event))
	}
	return events, others, true
}

func segmentEvent(path string, event []byte) string {
	if path == "/segment/webhook" {
		return compact(event)
	}
	var members []string
	typed := path == "/v1/batch"
	for _, m := range membersOf(event) {
		typed = typed || m.name == "type"
		if m.name != "writeKey" {
			members = append(members, m.spelled+":"+string(m.value))
		}
	}
	if !typed {
		members = append([]string{`"type":"` + strings.TrimPrefix(path, "/v1/") + `"`}, members...)
	}
	return compact([]byte("{" + strings.Join(members, ",") + "}"))
}

type member struct {
	name, spelled string
	value         json.RawMessage
}

// membersOf takes an object apart with encoding/json.
func membersOf(object []byte) (members []member) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.Token()
	for decoder.More() {
		var m member
		before := decoder.InputOffset()
		name, err := decoder.Token()
		if err != nil {
			panic(err)
		}
		m.name = name.(string)
		m.spelled = strings.TrimLeft(string(object[before:decoder.InputOffset()]), " \t\r\n,")
		if err := decoder.Decode(&m.value); err != nil {
			panic(err)
		}
		members = append(members, m)
	}
	return members
}

func compact(text []byte) string {
	var out bytes.Buffer
	if json.Compact(&out, text) != nil {
		return "no JSON: " + string(text)
	}
	return out.String()
}
