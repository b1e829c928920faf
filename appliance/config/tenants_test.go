package config

import (
	"strings"
	"testing"

	"penstock/wire"
)

const (
	sumOfK1 = "sha256:8c3c1a5d0e1a36fb8b9a3c5a8ba4f2a6aafc6dbba44a4b6b6e1c5b9be6b1f7d0"
	sumOfK2 = "sha256:0000000000000000000000000000000000000000000000000000000000000002"
)

func loadText(t *testing.T, text string) (*Effective, error) {
	t.Helper()
	e := &Effective{Config: Default(), File: "f.yaml", origins: map[string]Origin{}}
	return e, e.readFile("f.yaml", []byte(text))
}

func TestTenants(t *testing.T) {
	e, err := loadText(t, "tenants:\n  acme:\n    keys:\n      - "+sumOfK1+"\n      - "+sumOfK2+"\n    wires: [cloudwisdom, splunk]\n  b.c: {keys: "+HashKey([]byte("k")).String()+"}\n")
	if err != nil {
		t.Fatal(err)
	}
	acme, other := e.Config.Tenants["acme"], e.Config.Tenants["b.c"]
	if len(acme.Keys) != 2 || acme.Keys[0].String() != sumOfK1 || strings.Join(acme.Wires, " ") != "cloudwisdom splunk" || acme.Line != 2 {
		t.Errorf("acme is %+v", acme)
	}
	if len(other.Keys) != 1 || other.Keys[0] != HashKey([]byte("k")) || len(other.Wires) != 0 {
		t.Errorf("b.c is %+v", other)
	}
	// What is printed reads back the same.
	var printed strings.Builder
	if err := e.Print(&printed); err != nil {
		t.Fatal(err)
	}
	back, err := loadText(t, printed.String())
	if err != nil {
		t.Fatalf("%v in\n%s", err, printed.String())
	}
	if again := back.Config.Tenants["acme"]; len(again.Keys) != 2 || again.Keys[1] != acme.Keys[1] || len(again.Wires) != 2 {
		t.Errorf("acme came back as %+v from\n%s", again, printed.String())
	}
}

func TestWires(t *testing.T) {
	e, err := loadText(t, "wires:\n  kairosdb: {topics: {metric: kairos-metrics}}\n  segment: {topics: {segment: clicks}}\n"+
		"  graphite: {templates: [\"^a .host.metric* [.,_] dc=eu\", drop]}\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Config.Wires["kairosdb"].Topics[wire.KindMetric]; got != "kairos-metrics" {
		t.Errorf("metrics go to %q", got)
	}
	var printed strings.Builder
	if err := e.Print(&printed); err != nil {
		t.Fatal(err)
	}
	back, err := loadText(t, printed.String())
	if err != nil || back.Config.Wires["segment"].Topics[wire.KindSegment] != "clicks" ||
		strings.Join(back.Config.Wires["graphite"].Templates, "|") != "^a .host.metric* [.,_] dc=eu|drop" {
		t.Errorf("%v, %+v from\n%s", err, back.Config.Wires, printed.String())
	}
}

// An error names the line and never what may be a key.
func TestTenants_Failure(t *testing.T) {
	const secret = "hunter2-the-key"
	f := func(text, want string) {
		t.Helper()
		_, err := loadText(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngave %v, want %q", text, err, want)
			return
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the key stands in the error: %v", err)
		}
	}
	f("tenants: acme", "line 1: tenants: expected names")
	f("tenants:\n  a b: {keys: "+sumOfK1+"}", "line 2: tenants: a name must be")
	f("tenants:\n  "+strings.Repeat("x", 65)+": {keys: "+sumOfK1+"}", "a name must be")
	f("tenants:\n  a: {keys: "+sumOfK1+"}\n  a: {keys: "+sumOfK2+"}", "line 3: tenants: a stands already on line 2")
	f("tenants:\n  a: {keys: "+secret+"}", "line 2: tenants: a has a key that is not written as sha256:")
	f("tenants:\n  a: {keys: ["+secret+"]}", "penstock config hash-key")
	f("tenants:\n  a: {keys: sha256:12}", "64 hex digits")
	f("tenants:\n  a: {keys: sha256:"+strings.Repeat("g", 64)+"}", "64 hex digits")
	f("tenants:\n  a: {}", "a has no keys")
	f("tenants:\n  a: {key: "+sumOfK1+"}", "unknown key key")
	f("tenants:\n  a: {keys: "+sumOfK1+"}\n  b: {keys: "+sumOfK1+"}", "a and b have the same key")
	f("wires:\n  kairosdb: {topics: {metrics: m}}", "unknown key metrics; did you mean metric?")
	f("wires:\n  kairosdb: {topics: {metric: a b}}", "is not a topic")
	f("wires:\n  kairosdb: {topic: {metric: m}}", "unknown key topic; did you mean topics?")
}
