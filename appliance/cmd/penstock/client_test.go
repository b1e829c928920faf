package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"penstock/appliance/admin"
	"penstock/appliance/catalog"
	"penstock/appliance/shard"
	"penstock/wire"
)

// served is a real appliance behind its admin door, for the client commands.
type served struct {
	*testing.T
	dir    string
	addr   string
	set    *shard.Set
	server *admin.Server
}

func serveAdmin(t *testing.T, shards int) *served {
	t.Helper()
	s := &served{T: t, dir: t.TempDir(), addr: "127.0.0.1:0"}
	s.up(shards)
	t.Cleanup(s.down)
	return s
}

// up opens the logs and the door, the second time where it was before.
func (s *served) up(shards int) {
	s.Helper()
	var err error
	if s.set, err = shard.Open(shard.Options{Dir: s.dir, Shards: shards, SegmentBytes: 1 << 20, MaxTopics: 100}); err != nil {
		s.Fatal(err)
	}
	kept, err := catalog.Open(filepath.Join(s.dir, "catalog"))
	if err != nil {
		s.Fatal(err)
	}
	set := s.set
	if s.server, err = admin.New(admin.Options{Addr: s.addr, Set: func() *shard.Set { return set }, Catalog: kept}); err != nil {
		s.Fatal(err)
	}
	s.addr = s.server.Addr().String()
	server := s.server
	go func() {
		if err := server.Serve(); err != nil {
			s.Error(err)
		}
	}()
}

func (s *served) down() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.server.Close(ctx); err != nil {
		s.Error(err)
	}
	if err := s.set.Close(ctx); err != nil {
		s.Error(err)
	}
}

// put keeps values of one key, in order, and waits until they are on disk. The first has the time ms, each next one 1 ms more.
func (s *served) put(topic, key string, ms int64, values ...string) {
	s.Helper()
	batch := &wire.Batch{}
	for i, v := range values {
		*batch.Add() = wire.Record{Topic: []byte(topic), Key: []byte(key), Value: []byte(v), Time: ms + int64(i)}
	}
	ticket := s.set.NewTicket()
	if err := s.set.Offer(batch, ticket, shard.AckDisk); err != nil {
		s.Fatal(err)
	}
	if err := ticket.Wait(30 * time.Second); err != nil {
		s.Fatal(err)
	}
}

// command is the client part of penstock.
func command(stdin io.Reader, stdout, stderr io.Writer, args ...string) *cobra.Command {
	root := &cobra.Command{Use: "penstock", SilenceErrors: true}
	root.AddCommand(newTailCommand(), newTopicCommand())
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(args)
	return root
}

// run runs a command against the appliance and returns what it printed.
func (s *served) run(args ...string) (stdout, stderr string, err error) {
	return s.runWith("", args...)
}

func (s *served) runWith(stdin string, args ...string) (stdout, stderr string, err error) {
	var out, notes bytes.Buffer
	err = command(strings.NewReader(stdin), &out, &notes, append(args, "--admin", s.addr)...).Execute()
	return out.String(), notes.String(), err
}

func TestUnreachable(t *testing.T) {
	t.Setenv("PENSTOCK_ADMIN", "http://127.0.0.1:1")
	for _, args := range [][]string{{"topic", "list"}, {"tail", "x"}} {
		var out, notes bytes.Buffer
		err := command(strings.NewReader(""), &out, &notes, args...).Execute()
		want := "cannot reach http://127.0.0.1:1 (nobody listens there): is `penstock serve` running? use --admin or PENSTOCK_ADMIN"
		if err == nil || err.Error() != want {
			t.Errorf("%v: got %v, want %s", args, err, want)
		}
		if out.Len() > 0 {
			t.Errorf("%v printed %q", args, out.String())
		}
	}
	for _, bad := range []string{"ftp://x", "http://", "http://%zz"} {
		err := command(nil, io.Discard, io.Discard, "topic", "list", "--admin", bad).Execute()
		if err == nil || !strings.Contains(err.Error(), "is not the URL of an admin listener") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// The flag counts before the environment.
func TestAdminFlag(t *testing.T) {
	s := serveAdmin(t, 1)
	t.Setenv("PENSTOCK_ADMIN", "http://127.0.0.1:1")
	for _, url := range []string{s.addr, "http://" + s.addr, "http://" + s.addr + "/"} {
		if err := command(nil, io.Discard, io.Discard, "topic", "list", "--admin", url).Execute(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	t.Setenv("PENSTOCK_ADMIN", s.addr)
	if err := command(nil, io.Discard, io.Discard, "topic", "list").Execute(); err != nil {
		t.Error(err)
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		part string
	}{
		{"tail", "accepts 1 arg"},
		{"tail a/b", "can't be a topic"},
		{"tail x --from soon", "--from: "},
		{"tail x --until soon", "--until: "},
		{"tail x --until beginning", "nothing stands before"},
		{"tail x --follow --until end", "--follow goes on"},
		{"tail x --format csv", "--format is json or value"},
		{"tail x --shard -1", "can't be negative"},
		{"tail x --limit -1", "can't be negative"},
		{"topic list x", "unknown command"},
		{"topic list --output yaml", "--output is table or json"},
		{"topic create", "accepts 1 arg"},
	} {
		err := command(nil, io.Discard, io.Discard, strings.Fields(c.args)...).Execute()
		if err == nil || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s: got %v, want %s", c.args, err, c.part)
		}
	}
	for _, args := range []string{"tail", "topic", "topic list", "topic create", "topic describe", "topic delete"} {
		var out bytes.Buffer
		if err := command(nil, &out, io.Discard, append(strings.Fields(args), "--help")...).Execute(); err != nil || !strings.Contains(out.String(), "Examples:\n  penstock "+args) {
			t.Errorf("%s --help: %v\n%s", args, err, out.String())
		}
	}
}

func numbers(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf(`{"n":%d}`, i))
	}
	return all
}
