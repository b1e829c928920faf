package config

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func TestForward(t *testing.T) {
	e, err := loadText(t, "forward:\n  lake:\n    to: kafka://b1:9092,b2:9092\n    topics: [metrics, \"web*\"]\n    rename: \"site1.{topic}\"\n    headers: off\n  other: {to: \"kafka://c:1\"}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Forward{
		"lake":  {To: "kafka://b1:9092,b2:9092", Topics: []string{"metrics", "web*"}, Rename: "site1.{topic}", Headers: "off", Line: 2},
		"other": {To: "kafka://c:1", Headers: "on", Line: 7},
	}
	if !reflect.DeepEqual(e.Config.Forwards, want) {
		t.Errorf("read %+v", e.Config.Forwards)
	}
	var printed bytes.Buffer
	if err := e.Print(&printed); err != nil {
		t.Fatal(err)
	}
	again, err := loadText(t, printed.String())
	if err != nil {
		t.Fatalf("%v in\n%s", err, printed.String())
	}
	for name, f := range again.Config.Forwards {
		f.Line = want[name].Line
		if !reflect.DeepEqual(f, want[name]) {
			t.Errorf("printed and read again: %+v", f)
		}
	}
}

func TestForwardErrors(t *testing.T) {
	for text, want := range map[string]string{
		"forward: lake":                                              "line 1: forward: expected names",
		"forward:\n  a b: {to: \"kafka://b:1\"}":                     "line 2: forward: a name must be",
		"forward:\n  a: {topics: [x]}":                               "line 2: forward: a does not say where to",
		"forward:\n  a: {to: \"kafka://b:1\", what: x}":              "line 2: unknown key what",
		"forward:\n  a: {to: \"kafka://b:1\", topics: [\"[\"]}":      "line 2: forward: a.topics has \"[\"",
		"forward:\n  a: {to: \"kafka://b:1\", rename: x}":            "line 2: forward: a.rename must be a topic's name with {topic} in it",
		"forward:\n  a: {to: \"kafka://b:1\", rename: \"{topic}/\"}": "line 2: forward: a.rename must be",
		"forward:\n  a: {to: \"kafka://b:1\", headers: yes}":         "line 2: forward: a.headers is on or off",
	} {
		if _, err := loadText(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}
