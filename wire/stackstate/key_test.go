package stackstate

import (
	"bytes"
	"strings"
	"testing"

	"penstock/wire"
)

func TestKey(t *testing.T) {
	for _, c := range []struct {
		query, header fields
		want          string
	}{
		{fields{{"api_key", "Q"}}, fields{{"sts-api-key", "S"}, {"DD-Api-Key", "D"}, {"Authorization", "ApiKey A"}}, "Q"},
		{fields{{"api_key", ""}}, fields{{"sts-api-key", "S"}, {"DD-Api-Key", "D"}}, "S"},
		{nil, fields{{"sts-api-key", ""}, {"DD-Api-Key", "D"}, {"Authorization", "ApiKey A"}}, "D"},
		{nil, fields{{"Authorization", "ApiKey A"}}, "A"},
		{nil, fields{{"Authorization", "apikey A"}}, "A"},
		{nil, fields{{"Authorization", "BEARER  A "}}, "A"},
		{nil, fields{{"Authorization", "Bearer "}}, ""},
		{nil, fields{{"Authorization", "Bearer"}}, ""},
		{nil, fields{{"Authorization", "Basic A"}}, ""},
		{nil, fields{{"Authorization", "A"}}, ""},
		{nil, nil, ""},
	} {
		req := request("")
		req.Query, req.Header = c.query, c.header
		if got := key(req); string(got) != c.want || (got == nil) != (c.want == "") {
			t.Errorf("%v %v: %q, want %q", c.query, c.header, got, c.want)
		}
	}
}

// The key of a body is in no record, and in nothing that is kept of a body that was refused.
func TestLegacyKey(t *testing.T) {
	const secret = "s3cret"
	const all, nothing = "all", "nothing"
	for body, want := range map[string]string{
		`{"a":1}`:                                                all,
		`{"a`:                                                    all,
		`{"apiKey":"s3cret"}`:                                    `{"apiKey":"***"}`,
		"\ufeff {\"apiKey\":\"s3cret\"} ":                        "\ufeff {\"apiKey\":\"***\"} ",
		`{"apiKey" : "s3\"s3cret\\","a":"b"}`:                    `{"apiKey" : "***","a":"b"}`,
		`{"api\u004bey":"s3cret"}`:                               `{"api\u004bey":"***"}`,
		`{"\u0061\u0070iKe\u0079":"s3cret"}`:                     `{"\u0061\u0070iKe\u0079":"***"}`,
		`{"apiKey":["s3cret"],"a":"\u0041"}`:                     `{"apiKey":"***","a":"\u0041"}`,
		`{"apiKey":{"apiKey":"s3cret"},"apiKey":7}`:              `{"apiKey":"***","apiKey":"***"}`,
		`["apiKey","apiKey",{"apiKey":null}]`:                    `["apiKey","apiKey",{"apiKey":"***"}]`, // a comma is no colon
		`"apiKey"`:                                               all,
		`{"internalHostname":{"apiKey":"s3cret"}}`:               `{"internalHostname":{"apiKey":"***"}}`,
		`{"internalHostname":[{"apiKey":"s3cret"}]}`:             `{"internalHostname":[{"apiKey":"***"}]}`,
		`{"internalHostname":"h","metrics":{"apiKey":"s3cret"}}`: `{"internalHostname":"h","metrics":{"apiKey":"***"}}`,

		`{"apiKey":"s3cret","x":[{"apiKey":"s3cret`: nothing,
		`{"apiKey":"s3cret\`:                        nothing,
		`{"apiKey" s3cret}`:                         nothing,
		`{apiKey:s3cret}`:                           nothing,
		`{"api\u004Bey":"s3cret"`:                   nothing,
		`{"apiKey":`:                                nothing,
		`{} {"apiKey":"s3cret"}`:                    nothing,
		strings.Repeat("[", 100) + `{"apiKey":"s3cret"}` + strings.Repeat("]", 100): nothing,
	} {
		fault := new(intake).Parse(request(body), new(wire.Batch))
		if fault == nil {
			t.Errorf("%s is accepted", body)
			continue
		}
		kept := string(fault.Raw)
		switch {
		case fault.Raw == nil:
			kept = all
		case len(fault.Raw) == 0:
			kept = nothing
		}
		if kept != want || strings.Contains(kept+string(fault.Detail), secret) {
			t.Errorf("%s: %v %s, of which %q is kept, want %q", body, fault, fault.Detail, kept, want)
		}
	}
	req := request(`{"apiKey":"s3cret"}`)
	req.Limit = 4
	if fault := new(intake).Parse(req, new(wire.Batch)); fault.Code != wire.TooLarge || bytes.Contains(fault.Raw, []byte(secret)) {
		t.Errorf("%v, of which %q is kept", fault, fault.Raw)
	}
	req.Decode = unreadable{}
	if fault := new(intake).Parse(req, new(wire.Batch)); fault.Code != wire.BadCompression || fault.Raw == nil || len(fault.Raw) > 0 {
		t.Errorf("%v, of which %q is kept", fault, fault.Raw)
	}

	var b wire.Batch
	if fault := new(intake).Parse(request(`{"apiKey":"s3cret",`+everything()[1:]), &b); fault != nil {
		t.Fatal(fault)
	}
	for _, r := range b.Records {
		if bytes.Contains(r.Value, []byte(secret)) {
			t.Errorf("%s", r.Value)
		}
	}
}

// A part that was refused is kept without a key, too.
func TestLegacyKey_Parts(t *testing.T) {
	var b wire.Batch
	body := `{"internalHostname":"h","metrics":[["host",1,1,{"apiKey":"s3cret"}],["m",1,1e999,{"api\u004bey":["s3cret"]}]],` +
		`"events":{"e":[{"timestamp":1e99,"apiKey":"s3cret"}]},"service_checks":[{"check":"","status":0,"apiKey":"s3cret"}],"health":[{"apiKey":"s3cret"}]}`
	if fault := new(intake).Parse(request(body), &b); fault != nil {
		t.Fatal(fault)
	}
	kept, n := b.Rejected()
	for _, f := range kept {
		if bytes.Contains(f.Raw, []byte("s3cret")) || !bytes.Contains(f.Raw, []byte("***")) {
			t.Errorf("%v: %q is kept", f.Code, f.Raw)
		}
	}
	if n != 5 {
		t.Errorf("%d parts are refused, want 5", n)
	}
}

type unreadable struct{}

func (unreadable) Decode(_, _ []byte, _ int) ([]byte, wire.Code) { return nil, wire.BadCompression }
