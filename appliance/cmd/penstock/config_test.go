package main

import (
	"bytes"
	"strings"
	"testing"

	"penstock/appliance/config"
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
