package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestEveryCommandHelps: no command is without a line about it and an example that names it.
func TestEveryCommandHelps(t *testing.T) {
	commands := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Name() == "help" {
			return
		}
		commands++
		if cmd.Short == "" || !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s: short %q, example %q", cmd.CommandPath(), cmd.Short, cmd.Example)
		}
		var out bytes.Buffer
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		if exit := run(args, &out, &out); exit != exitOK || !strings.Contains(out.String(), "Examples:") {
			t.Errorf("%s --help: exit %d\n%s", cmd.CommandPath(), exit, out.String())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRootCommand(io.Discard, io.Discard))
	if commands < 12 {
		t.Errorf("%d commands only", commands)
	}
}

// TestExitCodes is the table of what the command line answers before anything is done.
func TestExitCodes(t *testing.T) {
	config := filepath.Join(t.TempDir(), "penstock.yaml")
	if err := os.WriteFile(config, []byte("http: off\nretenton: 1h\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	wrongTenant, wrongWire := filepath.Join(t.TempDir(), "tenant.yaml"), filepath.Join(t.TempDir(), "wire.yaml")
	for path, text := range map[string]string{
		wrongTenant: "tenants: {acme: {keys: \"sha256:" + strings.Repeat("ab", 32) + "\", wires: interana}}\n",
		wrongWire:   "wires: {kairos: {topics: {metric: m}}}\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		args   string
		exit   int
		stdout string // in it
		stderr string // in it
	}{
		{"", exitOK, "Available Commands:", ""},
		{"version", exitOK, "penstock 0.", ""},
		{"help log verify", exitOK, "penstock log verify DIR", ""},
		{"completion bash", exitOK, "# bash completion V2 for penstock", ""},
		{"config check", exitOK, "the configuration is good\n", ""},
		{"config check --ack ring", exitOK, "warning: ack: ring acknowledges what is only in memory", ""},
		{"config print --shards 3", exitOK, "# flag --shards\n", ""},

		{"srve", exitUsage, "", "penstock: there is no command \"srve\"; did you mean serve?\nSee 'penstock --help'.\n"},
		{"log verfy x", exitUsage, "", "penstock: there is no command \"verfy\"; did you mean verify?\nSee 'penstock log --help'.\n"},
		{"config", exitOK, "Available Commands:", ""},
		{"log verify", exitUsage, "", "accepts 1 arg(s), received 0"},
		{"serve now", exitUsage, "", `unknown command "now" for "penstock serve"`},
		{"serve --htp off", exitUsage, "", "penstock: unknown flag: --htp\n"},
		{"serve --http 8080", exitUsage, "", `"8080" is not an address: write host:port, as 127.0.0.1:8080, or off`},
		{"serve --log kafka://b1", exitUsage, "", "penstock: log: \"b1\" is not a broker's HOST:PORT, as kafka://host:9092,host2:9092"},
		{"promote t", exitFailed, "", "required flag(s) \"to\" not set"},
		{"promote t --to b1", exitFailed, "", "penstock: --to: a cluster's address begins with kafka://"},
		{"serve --config " + config, exitUsage, "", "penstock: " + config + ": line 2: unknown key retenton; did you mean retention?\n"},
		{"config check --config " + config, exitUsage, "", "line 2: unknown key retenton"},
		{"config check --config " + config + ".not", exitUsage, "", "no such file"},

		{"config check --config " + wrongTenant, exitUsage, "", "penstock: tenants: acme has a key for interana, which is no wire that has keys: choose from cloudwisdom, kairosdb, segment, splunk, stackstate\n"},
		{"serve --config " + wrongWire, exitUsage, "", "penstock: wires: there is no wire kairos: choose from cloudwisdom, graphite, interana, kairosdb, segment, splunk, stackstate\n"},
		{"config check --segment-secret-file " + empty + "/not", exitUsage, "", "penstock: segment-secret-file: open "},
		{"config check --graphite-tags templates", exitUsage, "", "templates needs wires.graphite.templates"},

		{"doctor --format xml", exitUsage, "", "penstock: --format is \"xml\"; choose from text, json, sysctl\n"},
		{"doctor --format sysctl --apply", exitUsage, "", "goes with neither --apply nor --measure"},
		{"doctor all", exitUsage, "", `unknown command "all" for "penstock doctor"`},
		{"doctor --shards many", exitUsage, "", "--shards"},
		{"doctor --format sysctl --data-dir " + empty, exitOK, "\nvm.max_map_count = ", ""},

		{"log verify " + empty, exitFailed, "", "no log at or below " + empty},
		{"log verify " + empty + "/not", exitFailed, "", "no such file"},
		{"serve --pin-writers 4000 --data-dir " + empty, exitFailed, "", "this process may not use CPU 4000"},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			exit := run(strings.Fields(test.args), &stdout, &stderr)
			if exit != test.exit || !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("exit %d, want %d\nstdout %q, want %q in it\nstderr %q, want %q in it",
					exit, test.exit, stdout.String(), test.stdout, stderr.String(), test.stderr)
			}
			if (test.stderr == "") != (stderr.Len() == 0) {
				t.Errorf("stderr %q", stderr.String())
			}
		})
	}
}
