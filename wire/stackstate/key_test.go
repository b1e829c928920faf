package stackstate

import (
	"bytes"
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
	for body, want := range map[string]string{
		`{"apiKey":"s3cret"}`:                       `{"apiKey":"***"}`,
		`{"apiKey" : "s3\"s3cret\\","a":"b"}`:       `{"apiKey" : "***","a":"b"}`,
		`{"apiKey":"s3cret","x":[{"apiKey":"s3cret`: `{"apiKey":"***","x":[{"apiKey":"***"`,
		`{"apiKey":"s3cret\`:                        `{"apiKey":"***"`,
		`["apiKey","apiKey",{"apiKey":null}]`:       `["apiKey","apiKey",{"apiKey":null}]`, // a comma is no colon
		`"apiKey"`:                                  `"apiKey"`,
		`{"apiKey":`:                                `{"apiKey":`,
		`{"a":1}`:                                   ``,
	} {
		fault := new(intake).Parse(request(body), new(wire.Batch))
		if fault == nil || string(fault.Raw) != want || bytes.Contains(fault.Raw, []byte(secret)) || (fault.Raw == nil) != (want == "") {
			t.Errorf("%s: %v, of which %q is kept, want %q", body, fault, fault.Raw, want)
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

type unreadable struct{}

func (unreadable) Decode(_, _ []byte, _ int) ([]byte, wire.Code) { return nil, wire.BadCompression }
