package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"penstock/wire"
	"penstock/wire/stackstate"
	"penstock/wire/wiretest"
)

const (
	stackstateIntake = "/stsAgent/intake/"
	stackstateSeries = "/receiver/stsAgent/api/v1/series"
	stackstateChecks = "/stsAgent/api/v1/check_run"
)

func FuzzStackState_Intake(f *testing.F) { fuzzStackState(f, stackstateIntake) }
func FuzzStackState_Series(f *testing.F) { fuzzStackState(f, stackstateSeries) }
func FuzzStackState_Checks(f *testing.F) { fuzzStackState(f, stackstateChecks) }

// fuzzStackState sends bodies to one door, and holds an uncompressed one to the slow reading.
func fuzzStackState(f *testing.F, path string) {
	for _, c := range goldens(f, "stackstate") {
		if c.Method == "POST" && len(c.Body) <= attackLimit {
			f.Add(c.Body, string(c.Header.Peek("sts-time-format")), string(c.Header.Peek("Content-Encoding")))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, format, encoding string) {
		a := stackstatePOST(path, body, format, encoding)
		if err := check(stackstate.Format, a); err != nil {
			t.Fatal(err)
		}
		if encoding != "" {
			return
		}
		if err := checkStackState(stackstate.Format, a); err != nil {
			t.Fatal(err)
		}
	})
}

func stackstatePOST(path string, body []byte, format, encoding string) *attack {
	return &attack{method: "POST", path: path, body: body, tenant: []byte("acme"),
		header: wiretest.Values{{"sts-time-format", format}, {"Content-Encoding", encoding}}}
}

func FuzzStackState_Key(f *testing.F) {
	f.Add("q", "a", "b", "Bearer c")
	f.Add("", "", "", "ApiKey  k ")
	f.Add("", "", "", "ApiKey")
	f.Fuzz(func(t *testing.T, query, header, legacy, authorization string) {
		a := stackstatePOST(stackstateIntake, nil, "", "")
		a.query = wiretest.Values{{"api_key", query}}
		a.header = wiretest.Values{{"sts-api-key", header}, {"DD-Api-Key", legacy}, {"Authorization", authorization}}
		req, _ := a.request()
		got := wiretest.Route(stackstate.Format, a.method, a.path).Key(req)
		want := query
		for _, other := range []string{header, legacy} {
			if want == "" {
				want = other
			}
		}
		if want != "" && string(got) != want {
			t.Fatalf("%q, want %q", got, want)
		}
		if want == "" && got != nil && (len(got) == 0 || !strings.HasSuffix(strings.TrimSpace(authorization), string(got))) {
			t.Fatalf("%q of %q", got, authorization)
		}
	})
}

// checkStackState compares what the format makes of a body with the slow reading: the same records and as many refused parts, or a
// refusal of both, which leaves nothing.
func checkStackState(f wire.Format, a *attack) error {
	req, _ := a.request()
	b := new(wire.Batch)
	fault := wiretest.Route(f, a.method, a.path).New().Parse(req, b)
	switch {
	case fault != nil && len(b.Records) > 0:
		return fmt.Errorf("refused (%v) and yet %d records are left", fault, len(b.Records))
	case fault != nil && (fault.Code == wire.TooLarge || fault.Code == wire.TooMany || fault.Code == wire.TooDeep):
		return nil // not the slow reading's questions
	case !utf8.Valid(a.body) || strings.Contains(strings.ToLower(string(a.body)), `\ud`):
		return nil // encoding/json replaces what is no letter sooner than the format does
	}
	slow := slowStackState{shift: 3, time: wiretest.Now}
	if strings.EqualFold(string(a.header.Peek("sts-time-format")), "ms") {
		slow.shift = 0
	}
	err := slow.read(a.path, bytes.TrimPrefix(a.body, []byte("\ufeff")))
	switch {
	case errors.Is(err, errTwice):
		return nil // the format reads the earlier ones of a name, too
	case (err == nil) != (fault == nil):
		return fmt.Errorf("fault %v, the slow reading says %v", fault, err)
	case err != nil:
		return nil
	}
	got, err := stackstateLines(b.Records)
	if err != nil {
		return err
	}
	slices.Sort(got)
	slices.Sort(slow.lines)
	if !slices.Equal(got, slow.lines) {
		return fmt.Errorf("got\n%s\nthe slow reading has\n%s", strings.Join(got, "\n"), strings.Join(slow.lines, "\n"))
	}
	if _, refused := b.Rejected(); refused != slow.refused {
		return fmt.Errorf("%d refused, the slow reading has %d", refused, slow.refused)
	}
	return nil
}

// stackstateLines tells records in the slow reading's terms: a line for each point, event, check and object.
func stackstateLines(records []wire.Record) (lines []string, err error) {
	for i := range records {
		d := json.NewDecoder(bytes.NewReader(records[i].Value))
		d.UseNumber()
		var v map[string]any
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		if v["wire"] != "stackstate" || v["tenant"] != "acme" {
			return nil, fmt.Errorf("a record of somebody else: %s", records[i].Value)
		}
		points, _ := v["points"].([]any)
		delete(v, "points")
		delete(v, "wire")
		delete(v, "tenant")
		if v["kind"] != "metric" {
			lines = append(lines, stackstateLine(v, records[i].Time))
		}
		for _, p := range points {
			at, err := p.([]any)[0].(json.Number).Int64()
			if err != nil {
				return nil, err
			}
			v["value"] = p.([]any)[1]
			lines = append(lines, stackstateLine(v, at))
		}
	}
	return lines, nil
}

func stackstateLine(v map[string]any, time int64) string {
	delete(v, "time")
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(time, " ", string(text))
}

// parseTree reads a body that is one value and nothing else.
func parseTree(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	tree, err := treeOf(d)
	if err == nil {
		if _, end := d.Token(); end != io.EOF {
			err = errSlow
		}
	}
	return tree, err
}

// Formats that are wrong on purpose must not pass.
func TestCanary_StackState(t *testing.T) {
	bodies := map[string]string{
		stackstateIntake: `{"internalHostname":"h","metrics":[["m",7,1.5,{"type":"gauge","tags":["k:v","k:w"]}]],"events":{"e":[{"timestamp":7,"msg_text":"t","priority":"low"}]},` +
			`"health":[{"stream":{"urn":"urn:health:a:b"}},{}],"topologies":[{"t":1}]}`,
		stackstateSeries: `{"series":[{"metric":"m","points":[[7,1.5]],"tags":["k:v"],"device":"d","host":"h"},{"metric":"host","points":[]}]}`,
		stackstateChecks: `[{"check":"c","status":2,"host_name":"h","timestamp":7,"message":"t","tags":["k:v"]},{"check":"c","status":5}]`,
	}
	for path, body := range bodies {
		a := stackstatePOST(path, []byte(body), "", "")
		if err := checkStackState(stackstate.Format, a); err != nil {
			t.Fatal(err)
		}
		for name, breaks := range map[string]func(b *wire.Batch){
			"a lost record":  func(b *wire.Batch) { b.Records = b.Records[1:] },
			"another record": func(b *wire.Batch) { *b.Add() = b.Records[0] },
			"another host":   func(b *wire.Batch) { replaceIn(b, `"host":"h"`, `"host":"x"`) },
			"another value":  func(b *wire.Batch) { replaceIn(b, "1.5", "1.50"); replaceIn(b, `:2,`, `:3,`) },
			"another time":   func(b *wire.Batch) { replaceIn(b, "7000", "7001"); b.Records[0].Time++ },
			"another tag":    func(b *wire.Batch) { replaceIn(b, `"k"`, `"l"`) },
			"no JSON":        func(b *wire.Batch) { replaceIn(b, "}", "") },
			"nobody's":       func(b *wire.Batch) { replaceIn(b, "acme", "acne") },
			"one more noted": func(b *wire.Batch) { b.Refuse(wire.BadName, 0, nil) },
		} {
			wrong := stackstate.Format
			wrong.Routes = slices.Clone(wrong.Routes)
			for i := range wrong.Routes {
				if of := wrong.Routes[i].New; of != nil {
					wrong.Routes[i].New = func() wire.Parser {
						return parse(func(req *wire.Request, b *wire.Batch) *wire.Fault {
							fault := of().Parse(req, b)
							breaks(b)
							return fault
						})
					}
				}
			}
			if checkStackState(wrong, a) == nil {
				t.Errorf("%s: a format with %s passes", path, name)
			}
		}
	}
}

// replaceIn changes the first record that has old.
func replaceIn(b *wire.Batch, old, with string) {
	for i := range b.Records {
		if r := &b.Records[i]; bytes.Contains(r.Value, []byte(old)) {
			r.Value = bytes.Replace(r.Value, []byte(old), []byte(with), 1)
			return
		}
	}
}
