package fuzz

import (
	"bytes"
	"encoding/json"
	"testing"

	"penstock/wire"
	"penstock/wire/stackstate"
	"penstock/wire/wiretest"
)

// FuzzStackState_LegacyKey looks for the value of a member apiKey in what is kept of bodies and parts that were refused.
func FuzzStackState_LegacyKey(f *testing.F) {
	for _, c := range goldens(f, "stackstate") {
		if c.Method == "POST" && len(c.Body) <= attackLimit {
			f.Add(c.Body)
		}
	}
	f.Add([]byte(`{"internalHostname":"h","metrics":[["host",1,1,{"api\u004bey":["s"]}]],"health":[{"apiKey":{"apiKey":7}}]}`))
	f.Add([]byte(`{"apiKey" : "s\"","internalHostname":[{"apiKey":"s"}]}`))
	f.Add([]byte("\ufeff{\"\\u0061piKey\":\"s\"} "))
	f.Add([]byte(`{} {"apiKey":"s"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, path := range []string{stackstateIntake, stackstateSeries, stackstateChecks} {
			a := stackstatePOST(path, body, "", "")
			req, _ := a.request()
			b := new(wire.Batch)
			fault := wiretest.Route(stackstate.Format, a.method, a.path).New().Parse(req, b)
			parts, _ := b.Rejected()
			for i := range parts {
				if showsKey(parts[i].Raw) {
					t.Fatalf("a part is kept as %q", parts[i].Raw)
				}
			}
			if fault == nil {
				continue
			}
			kept := fault.Raw
			if kept == nil {
				kept = body
			}
			if showsKey(kept) || bytes.Contains(fault.Detail, []byte(`"apiKey":`)) {
				t.Fatalf("%v %s: kept is %q", fault, fault.Detail, kept)
			}
		}
	})
}

// showsKey reports whether text has a member apiKey that is not masked, or may have one where it is no JSON.
func showsKey(text []byte) bool {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var tree any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // a number of any size is fine JSON
	if !json.Valid(text) || d.Decode(&tree) != nil {
		return bytes.Contains(text, []byte("apiKey")) || bytes.Contains(text, []byte(`api\u004bey`))
	}
	return hasKey(tree)
}

func hasKey(tree any) bool {
	switch v := tree.(type) {
	case []any:
		for _, one := range v {
			if hasKey(one) {
				return true
			}
		}
	case map[string]any:
		for name, value := range v {
			if name == "apiKey" && value != "***" || hasKey(value) {
				return true
			}
		}
	}
	return false
}
