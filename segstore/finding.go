package segstore

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"penstock/segstore/disk"
)

// Kind is what sort of thing was found wrong.
type Kind uint8

// The kinds of findings.
const (
	TornTail   Kind = iota // what a crash left behind the last whole batch: cut, as it was never acknowledged as safe
	Damage                 // bytes below the last synced offset are not what was written: acknowledged records are lost
	Gap                    // records are missing that were not known to be on disk
	SyncFailed             // the disk could not sync; what waited for it was not acknowledged
	GivenUp                // what a failed sync left was cut off
	KnownGap               // records are missing, and an earlier finding says why
)

var kindNames = [...]string{
	TornTail: "torn tail", Damage: "damage", Gap: "gap", SyncFailed: "sync failed", GivenUp: "given up", KnownGap: "known gap",
}

func (k Kind) String() string { return kindNames[k] }

// Finding is something that recovery, verification or the running log found wrong, and what became of it.
type Finding struct {
	Path        string
	Position    int64 // byte in the file where it begins
	First, Next int64 // offsets [First, Next) are concerned; equal when none is known to be
	Bytes       int64 // how many bytes are concerned
	Kind        Kind
	Text        string
}

// Acknowledged reports whether records that were acknowledged as safe are lost.
func (f Finding) Acknowledged() bool { return f.Kind == Damage }

func (f Finding) String() string {
	offsets := ""
	if f.Next > f.First {
		offsets = fmt.Sprintf(", offsets %d to %d", f.First, f.Next-1)
	}
	return fmt.Sprintf("%s: %s at byte %d%s: %s", f.Path, f.Kind, f.Position, offsets, f.Text)
}

func (l *Log) report(f Finding) {
	if l.o.Report != nil {
		l.o.Report(f)
	}
}

// gap is the content of a .gap file: the reason why offsets are missing, kept beside the segments. Nothing depends on it but what
// Verify says.
type gap struct {
	First  int64  `json:"first"`
	Next   int64  `json:"next"`
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

func gapPath(dir string, first int64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", first, gapSuffix))
}

// parseGapName is the other way round.
func parseGapName(name string) (first int64, ok bool) {
	digits, found := strings.CutSuffix(name, gapSuffix)
	first, err := strconv.ParseInt(digits, 10, 64)
	return first, found && err == nil
}

// writeGap notes why a finding's offsets are missing. now is the retention clock's.
func writeGap(d disk.Disk, dir string, f Finding, now int64) error {
	content, err := json.Marshal(gap{First: f.First, Next: f.Next, Kind: f.Kind.String(), Reason: f.Text})
	if err != nil {
		return err
	}
	path := gapPath(dir, f.First)
	if err := disk.WriteWhole(d, path, append(content, '\n')); err != nil {
		return err
	}
	_ = d.SetTime(path, now) // else the machine's clock says when it may go
	return nil
}

// knownGap tells why [first, next) is missing, if all of it was noted, at once or piece by piece. A note may say more: what a failed sync
// gave up may be back in part. With an error it is not known whether there is a note.
func knownGap(d disk.Disk, dir string, first, next int64) (reason string, ok bool, err error) {
	names, err := d.ReadDir(dir)
	if err != nil {
		return "", false, err
	}
	at := first
	for _, name := range names { // in the order of their first offsets
		if base, ok := parseGapName(name); !ok || base > at || at >= next {
			continue
		}
		content, failed := readFile(d, filepath.Join(dir, name))
		var g gap
		if failed != nil {
			err = failed
			continue
		}
		if json.Unmarshal(content, &g) != nil || g.First > at || g.Next <= at {
			continue
		}
		if at = g.Next; reason != "" {
			reason += "; "
		}
		reason += g.Kind + ": " + g.Reason
	}
	if at >= next {
		err = nil
	}
	return reason, at >= next, err
}
