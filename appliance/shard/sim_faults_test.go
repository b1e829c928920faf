package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"syscall"

	"penstock/segstore"
	"penstock/segstore/disk"
)

// fault is what fails: calls of one name, some times.
type fault struct {
	call  string
	left  int // times; 0: nothing fails
	skip  int // calls that go well before
	err   error
	wrote bool // a failed sync has written all the same
}

func (f fault) String() string {
	return fmt.Sprintf("%s fails %d times, after %d, with: %v; what fails to sync is written: %v", f.call, f.left, f.skip, f.err, f.wrote)
}

// faultyCalls are drawn from. Whoever closes or unmaps a file has no other way but to believe that it worked.
var faultyCalls = []string{"create", "open", "open read-only", "rename", "remove", "mkdir", "sync dir", "read dir", "set time", "time",
	"space", "size", "map", "read", "write", "allocate", "truncate", "sync", "sync", "sync", "sync", "sync dir", "create", "rename"}

func (l *life) newFault() fault {
	f := fault{call: faultyCalls[l.IntN(len(faultyCalls))], left: 1 << l.IntN(5), skip: l.IntN(3), wrote: l.chance(50)}
	f.err = []error{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT}[l.IntN(3)]
	if f.err != syscall.EIO && (f.call == "create" || f.call == "mkdir") { // as the real disk says it
		f.err = fmt.Errorf("%w: %w", disk.ErrFull, f.err)
	}
	return f
}

var errDead = errors.New("the process is gone")

// before is asked before every call to the disk.
func (l *life) before(trace *disk.Trace, call, path string) error {
	switch {
	case l.dead || trace != l.trace:
		if call == "unmap" || call == "close" { // on the way out
			return nil
		}
		return errDead
	case l.quiet:
		return nil
	}
	if l.doom > 0 {
		if l.doom--; l.doom == 0 {
			l.die(l.end)
		}
	}
	l.meanwhile(call, path)
	f := &l.fault
	if f.left == 0 || f.call != call {
		return nil
	}
	if f.skip > 0 {
		f.skip--
		return nil
	}
	f.left--
	l.fired++
	l.sum[countFaults]++
	l.mem.FailedSyncsWrite = f.wrote
	if l.actor == opening && path == filepath.Join(simDir, "clock") {
		l.doubted = l.elapsed
	}
	return f.err
}

// afterwards is told after every call to the disk.
func (l *life) afterwards(trace *disk.Trace, call, path string, err error) error {
	if trace == l.trace && !l.dead && !l.quiet && err == nil {
		l.meanwhile(call, path)
	}
	return err
}

// simLogger hears what the set tells its operator.
type simLogger struct{ l *life }

func (g simLogger) Enabled(context.Context, slog.Level) bool { return true }
func (g simLogger) WithAttrs([]slog.Attr) slog.Handler       { return g }
func (g simLogger) WithGroup(string) slog.Handler            { return g }

// Handle takes a finding apart; other messages have no first offset.
func (g simLogger) Handle(_ context.Context, r slog.Record) error {
	f := segstore.Finding{First: -1}
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "file":
			f.Path = a.Value.String()
		case "first":
			f.First = a.Value.Int64()
		case "next":
			f.Next = a.Value.Int64()
		case "what", "error":
			f.Text = fmt.Sprint(a.Value.Any())
		}
		return true
	})
	g.l.note("%s: %s %d-%d %s", r.Message, f.Path, f.First, f.Next, f.Text)
	if f.First < 0 {
		return nil
	}
	dir := f.Path
	if filepath.Dir(dir) != filepath.Join(simDir, "topics") {
		dir = filepath.Dir(dir)
	}
	g.l.logOf(dir).found(r.Message, f)
	return nil
}
