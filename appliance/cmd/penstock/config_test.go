package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"penstock/appliance/config"
	"penstock/appliance/kafka/scram"
)

// A key is read from standard input, its line end is no part of it, and only its sum is shown.
func TestConfigHashKey(t *testing.T) {
	f := func(stdin, want string) {
		t.Helper()
		var out, errs bytes.Buffer
		root := newRootCommand(&out, &errs)
		root.SetIn(strings.NewReader(stdin))
		root.SetArgs([]string{"config", "hash-key"})
		err := root.Execute()
		if want == "" && err == nil || out.String() != want {
			t.Errorf("%.20q: %v, %s", stdin, err, out.String())
		}
		if err != nil && len(stdin) > 8 && strings.Contains(err.Error(), stdin[:8]) {
			t.Errorf("the key stands in the error: %v", err)
		}
	}
	sum := config.HashKey([]byte("a key")).String() + "\n"
	f("a key", sum)
	f("a key\n", sum)
	f("a key\r\n", sum)
	f("", "")
	f("\n", "")
	f(strings.Repeat("k", keyMost+1), "")
}

// A password is read from standard input, its line end is no part of it, and only its verifier is shown, with another salt each time.
func TestConfigHashPassword(t *testing.T) {
	hash := func(stdin string, args ...string) (string, error) {
		var out, errs bytes.Buffer
		root := newRootCommand(&out, &errs)
		root.SetIn(strings.NewReader(stdin))
		root.SetArgs(append([]string{"config", "hash-password"}, args...))
		err := root.Execute()
		return strings.TrimSuffix(out.String(), "\n"), err
	}
	seen := map[string]bool{}
	for _, c := range []struct{ stdin, mechanism string }{{"a pass word", "SCRAM-SHA-256"}, {"a pass word\n", "SCRAM-SHA-256"}, {"a pass word\r\n", "SCRAM-SHA-512"}} {
		text, err := hash(c.stdin, "--mechanism", c.mechanism)
		if err != nil {
			t.Fatal(err)
		}
		v, err := scram.Parse(text)
		if err != nil || v.Hash.Name() != c.mechanism || !v.Is([]byte("a pass word")) || v.Is([]byte("a pass")) || seen[text] {
			t.Errorf("%q: %v, %s", c.stdin, err, text)
		}
		seen[text] = true
	}
	for _, c := range []struct {
		stdin string
		args  []string
	}{{"", nil}, {"\n", nil}, {strings.Repeat("k", keyMost+1), nil}, {"a pass word", []string{"--mechanism", "PLAIN"}}, {"a\x00b", nil}} {
		var usage *usageError
		if text, err := hash(c.stdin, c.args...); !errors.As(err, &usage) || text != "" {
			t.Errorf("%.20q %v: %v, %s", c.stdin, c.args, err, text)
		} else if len(c.stdin) > 8 && strings.Contains(err.Error(), c.stdin[:8]) {
			t.Errorf("the password stands in the error: %v", err)
		}
	}
}
