package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The comparison of tails runs, at its smallest, and its page has both servers. Its bound is not tried here: a busy machine breaks it.
func TestOpenloop(t *testing.T) {
	if testing.Short() {
		t.Skip("eight seconds of load")
	}
	dir := t.TempDir()
	for _, pkg := range []string{"appliance/cmd/penstock", "benchmarks/bare"} {
		if out, err := exec.Command("go", "build", "-o", dir+"/", "penstock/"+pkg).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	html := filepath.Join(dir, "out.html")
	c := openloopCommand()
	c.SetArgs([]string{"--bin", filepath.Join(dir, "penstock"), "--bare", filepath.Join(dir, "bare"), "--rounds", "1", "--connections", "8", "--closed", "1s", "--open", "1s",
		"--times", "1e9", "--html", html})
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(html)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ours, disk", ">bare<", "the bound is 1e+09 times"} {
		if !strings.Contains(string(bytes.ReplaceAll(page, []byte("&#43;"), []byte("+"))), want) {
			t.Errorf("the page does not have %q", want)
		}
	}
}
