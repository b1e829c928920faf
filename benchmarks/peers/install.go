package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tool is a program that a cell needs, and where it is from. One of the three says it.
type tool struct {
	name   string
	debian string   // package
	module string   // go install PACKAGE@VERSION
	tags   []string // for that
	ours   string   // a package of this module
}

var tools = []tool{
	{name: "bare", ours: "./benchmarks/bare"},
	{name: "plain", ours: "./benchmarks/peers/plain"},
	{name: "floor", ours: "./benchmarks/peers/floor"},
	{name: "victoria-metrics", debian: "victoria-metrics"},
	{name: "carbon-c-relay", debian: "carbon-c-relay"},
	{name: "redis-server", debian: "redis-server"},
	{name: "nats-server", module: "github.com/nats-io/nats-server/v2@v2.15.2"},
	{name: "telegraf", module: "github.com/influxdata/telegraf/cmd/telegraf@v1.37.2",
		tags: []string{"custom", "inputs.http_listener_v2", "outputs.file", "parsers.json", "serializers.influx"}},
}

// equip finds or installs what the cells need. What can't be had is not there, and its cells say why.
func (b *bench) equip(chosen []cell, install bool) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	keep := filepath.Join(cache, "penstock-peers") // what takes a while to build is kept for the next run
	for _, t := range tools {
		if !needs(chosen, t.name) {
			continue
		}
		var path string
		switch {
		case t.ours != "":
			path = filepath.Join(b.root, t.name)
			err = b.command("go", "build", "-o", path, t.ours)
		case t.debian != "":
			path, err = b.fromDebian(t, install)
		default:
			path, err = b.fromModule(t, keep, install)
		}
		if err != nil {
			fmt.Fprintf(b.log, "%s: %v\n", t.name, err)
			b.lacks[t.name] = err
			continue
		}
		b.tools[t.name] = path
	}
	return nil
}

func needs(chosen []cell, name string) bool {
	for _, c := range chosen {
		if c.tool == name {
			return true
		}
	}
	return false
}

// fromDebian installs a package where its program is missing. Debian starts some of them as services, too; those are not used here.
func (b *bench) fromDebian(t tool, install bool) (string, error) {
	path, err := exec.LookPath(t.name)
	if err == nil || !install {
		return path, err
	}
	if os.Getuid() != 0 {
		return "", fmt.Errorf("apt-get install %s, as root", t.debian)
	}
	apt := []string{"env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qy"}
	if err := b.command(append(apt, "update")...); err != nil {
		return "", err
	}
	if err := b.command(append(apt, "--no-install-recommends", "install", t.debian)...); err != nil {
		return "", err
	}
	return exec.LookPath(t.name)
}

// fromModule builds a program of another Go module, by its own versions of everything, unless it was built before.
func (b *bench) fromModule(t tool, keep string, install bool) (string, error) {
	_, version, _ := strings.Cut(t.module, "@")
	dir := filepath.Join(keep, t.name+"-"+version)
	path := filepath.Join(dir, t.name)
	_, err := os.Stat(path)
	if err == nil || !install {
		return path, err
	}
	return path, b.command("env", "GOBIN="+dir, "go", "install", "-tags", strings.Join(t.tags, ","), t.module)
}

// command runs one and shows what it prints only when it fails.
func (b *bench) command(words ...string) error {
	fmt.Fprintln(b.log, strings.Join(words, " "))
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, out)
	}
	return nil
}

// versions is what each program says it is.
func (b *bench) versions(chosen []cell) []string {
	var all []string
	for _, t := range tools {
		if b.tools[t.name] == "" || !needs(chosen, t.name) {
			continue
		}
		switch {
		case t.module != "":
			all = append(all, t.module)
		case t.debian != "":
			out, err := exec.Command("dpkg-query", "-W", t.debian).Output()
			if err != nil {
				out = []byte(t.debian + ", of unknown version")
			}
			all = append(all, strings.Join(strings.Fields(string(out)), " "))
		}
	}
	return all
}
