// Package fuzz attacks what reads bytes from strangers: one file for each target, and the goldens of the formats as first corpus.
//
//	go test ./fuzz                                          every seed once, and the canary
//	go test ./fuzz -run '^$' -fuzz '^FuzzScanValue$' -parallel 1 -fuzztime 1m
//
// Every property is a function that returns an error and takes the code under attack as an argument, so that canary_test.go can
// hand it code that is wrong on purpose and require the error: a check that cannot fail proves nothing.
package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"penstock/wire"
	"penstock/wire/wiretest"
)

// attack is one request to a format, made anew for each parse.
type attack struct {
	method   string
	path     string
	query    wiretest.Values
	header   wiretest.Values
	body     []byte
	columns  *wire.Columns
	tenant   []byte
	verbatim bool // the format keeps values as sent: they lie in the payload, in order, and a refusal leaves no records
}

// attackLimit is the decoded payload's limit: enough for every construct, too little for a compressed bomb to cost time.
const attackLimit = 64 << 10

func (a *attack) request() (*wire.Request, *wiretest.Decoder) {
	decoder := new(wiretest.Decoder)
	return &wire.Request{
		Method: a.method, Path: []byte(a.path), Query: a.query, Header: a.header, Body: bytes.Clone(a.body),
		Decode: decoder, Tables: wiretest.Tables{Behind: a.columns}, Topics: wire.DefaultTopics(), Tenant: a.tenant,
		Limit: attackLimit, Now: wiretest.Now,
	}, decoder
}

// check holds a format's parser and reply to what every format owes, whatever the bytes.
func check(f wire.Format, a *attack) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	route := wiretest.Route(f, a.method, a.path)
	if route == nil {
		return fmt.Errorf("no route for %s %s", a.method, a.path)
	}
	if err := checkCost(route, a); err != nil {
		return err
	}
	parser := route.New()
	var batch wire.Batch
	first, err := parseOnce(parser, &batch, route, a)
	if err != nil {
		return err
	}
	again, err := parseOnce(parser, &batch, route, a)
	if err != nil {
		return err
	}
	fresh, err := parseOnce(route.New(), new(wire.Batch), route, a)
	if err != nil {
		return err
	}
	if first != again || first != fresh {
		return fmt.Errorf("the same request is not the same twice\n--- first\n%s\n--- same parser\n%s\n--- new parser\n%s", first, again, fresh)
	}
	return nil
}

// parseOnce takes the request through parser and reply, checks both, and tells all that came of it.
func parseOnce(parser wire.Parser, b *wire.Batch, route *wire.Route, a *attack) (string, error) {
	req, decoder := a.request()
	req.Params = wiretest.Params(route.Path, a.path)
	b.Reset()
	if route.Key != nil {
		route.Key(req)
	}
	fault := parser.Parse(req, b)
	if !bytes.Equal(req.Body, a.body) {
		return "", errors.New("the parser wrote into the body")
	}
	o := wire.Outcome{Records: len(b.Records), Items: b.Items, Echo: b.Echo, Request: req}
	o.Rejected, _ = b.Rejected()
	var out strings.Builder
	if fault != nil {
		o.Verdict, o.Fault = wire.Refused, fault
		if err := checkFault(fault, a, decoder.Payload); err != nil {
			return "", err
		}
		if a.verbatim && len(b.Records) > 0 {
			return "", fmt.Errorf("refused (%v) and yet %d records are left", fault, len(b.Records))
		}
	}
	if err := checkRecords(b.Records, a, decoder.Payload); err != nil {
		return "", err
	}
	for i := range o.Rejected {
		if err := checkFault(&o.Rejected[i], a, decoder.Payload); err != nil {
			return "", err
		}
	}
	for i := range b.Records {
		out.WriteString(wiretest.Tell(&b.Records[i]) + "\n")
	}
	reply := route.Reply([]byte("kept "), &o)
	body, status, contentType := reply.Body, reply.Status, reply.Type
	text, ok := bytes.CutPrefix(body, []byte("kept "))
	switch {
	case !ok:
		return "", fmt.Errorf("the reply lost what dst held: %q", body)
	case fault == nil && len(o.Rejected) == 0 && status/100 != 2, fault != nil && status/100 == 2:
		return "", fmt.Errorf("status %d for fault %v", status, fault)
	case strings.HasPrefix(contentType, "application/json") && len(text) > 0 && !json.Valid(text):
		return "", fmt.Errorf("the reply is no JSON: %q", text)
	}
	fmt.Fprintf(&out, "%d %s %s", status, contentType, text)
	return out.String(), nil
}

func checkFault(fault *wire.Fault, a *attack, payload []byte) error {
	room := max(len(payload), len(a.body))
	for _, pair := range a.query {
		room = max(room, len(pair[1]))
	}
	if fault.Code == wire.OK || fault.Offset < wire.NoOffset || fault.Offset > room {
		return fmt.Errorf("fault %d at %d of %d bytes", fault.Code, fault.Offset, room)
	}
	return nil
}

func checkRecords(records []wire.Record, a *attack, payload []byte) error {
	at := 0
	for i := range records {
		r := &records[i]
		if !wire.ValidTopic(r.Topic) {
			return fmt.Errorf("record %d goes to topic %q", i, r.Topic)
		}
		if !a.verbatim {
			if !json.Valid(r.Value) {
				return fmt.Errorf("record %d is no JSON: %q", i, r.Value)
			}
			continue
		}
		begin, ok := within(payload, r.Value)
		if !ok {
			return fmt.Errorf("record %d does not lie in the payload: %q", i, r.Value)
		}
		if begin < at {
			return fmt.Errorf("record %d begins at %d, the one before ends at %d", i, begin, at)
		}
		at = begin + len(r.Value)
	}
	return nil
}

// within says where part lies in whole: the very bytes, not equal ones.
func within(whole, part []byte) (at int, ok bool) {
	from := uintptr(unsafe.Pointer(unsafe.SliceData(whole)))
	begin := uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	if begin < from || begin+uintptr(len(part)) > from+uintptr(len(whole)) {
		return 0, false
	}
	return int(begin - from), true
}

// goldens reads a format's goldens, which are every target's first corpus.
func goldens(tb testing.TB, format string) []*wiretest.Case {
	tb.Helper()
	cases := wiretest.Cases(tb, filepath.Join("..", "wire", format, "testdata"))
	if len(cases) == 0 {
		tb.Fatalf("%s has no goldens to begin with", format)
	}
	return cases
}
