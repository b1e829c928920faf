package segstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"penstock/segstore/disk"
)

// Summary counts what Verify, Repair or Dump went through.
type Summary struct {
	Logs     int // shard directories
	Segments int
	Batches  int64
	Records  int64
	Bytes    int64 // of sound batches
	Findings int
	Damaged  int // findings that concern acknowledged records
}

// Verify reads every batch of every log at or below dir (a data directory, a topics directory or one shard's) and reports
// what is wrong. It changes nothing. It may be run beside a running appliance; what is being written then looks like a torn tail.
func Verify(dir string, report func(Finding)) (Summary, error) {
	return walk(dir, report, nil)
}

// Dump is Verify that also hands over every sound batch, with the file and the byte where it stands. The batch is valid during
// the call. An error from batch ends the walk and is returned.
func Dump(dir string, report func(Finding), batch func(path string, position int64, b Batch) error) (Summary, error) {
	return walk(dir, report, batch)
}

// Repair does to every log at or below dir what the next start would do: it cuts torn tails, sets damaged bytes aside in files of
// their own, and leaves logs that open clean. No appliance may be running on them.
//
// It has no retention clock, so what it seals is from a future which the next start makes its own time: kept too long, not too short.
func Repair(dir string, report func(Finding)) (Summary, error) {
	var sum Summary
	logs, err := FindLogs(dir)
	if err != nil {
		return sum, err
	}
	future := func() int64 { return time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() }
	for _, path := range logs {
		l, err := open(path, Options{Now: future, Report: func(f Finding) { sum.note(f, report) }}, true)
		if err != nil {
			return sum, err
		}
		sum.Logs++
		sum.Segments += l.Segments()
		sum.Bytes += l.Size()
		sum.Records += l.Next() - l.First()
		if err := l.Close(); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

func (sum *Summary) note(f Finding, report func(Finding)) {
	sum.Findings++
	if f.Acknowledged() {
		sum.Damaged++
	}
	if report != nil {
		report(f)
	}
}

// FindLogs lists the shard directories at or below dir: those with a segment or a checkpoint in them.
func FindLogs(dir string) ([]string, error) {
	var logs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		_, isSegment := parseSegmentName(d.Name())
		if parent := filepath.Dir(path); !d.IsDir() && (isSegment || d.Name() == checkpointName) &&
			(len(logs) == 0 || logs[len(logs)-1] != parent) {
			logs = append(logs, parent)
		}
		return nil
	})
	if err == nil && len(logs) == 0 {
		err = fmt.Errorf("no log at or below %s: name a data directory, or one shard's directory in its topics folder", dir)
	}
	return logs, err
}

func walk(dir string, report func(Finding), batch func(string, int64, Batch) error) (Summary, error) {
	var sum Summary
	logs, err := FindLogs(dir)
	if err != nil {
		return sum, err
	}
	for _, path := range logs {
		sum.Logs++
		v := verifier{disk: disk.OS{}, dir: path, sum: &sum, report: report, batch: batch}
		if err := v.log(); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// verifier reads one log.
type verifier struct {
	disk   disk.Disk
	dir    string
	synced int64
	epoch  int64 // of the last run; 0 when nobody knows
	sum    *Summary
	torn   bool // the segment at hand: see tornRoll
	report func(Finding)
	batch  func(string, int64, Batch) error
}

func (v *verifier) log() error {
	m, _, err := readCheckpoint(v.disk, v.dir)
	if err != nil {
		return err
	}
	v.synced, v.epoch = m.synced, m.epoch
	list, _, err := readSegments(v.disk, v.dir)
	if err != nil {
		return err
	}
	for i, s := range list {
		nextBase := int64(-1)
		if i+1 < len(list) {
			nextBase = list[i+1].base
		}
		v.torn = nextBase >= 0 && tornRoll(v.disk, s, list[i+1], v.epoch)
		if err := v.segment(s, nextBase); errors.Is(err, os.ErrNotExist) {
			continue // retention took it meanwhile
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) segment(s *segment, nextBase int64) error {
	v.sum.Segments++
	if s.capacity == 0 {
		if nextBase > s.base {
			v.missing(s, place{expected: s.base, reason: "the file is empty"}, nextBase)
		}
		return nil
	}
	if err := s.pin(v.disk); err != nil {
		return err
	}
	defer s.unpin()
	var stopped error
	from, base := int64(0), s.base
	for {
		var at place
		err := guard(s.data, func() {
			at = scan(s.data[from:], int64(len(s.data))-from, base, nextBase, v.synced, v.torn, func(pos int64, h header) {
				v.sum.Batches++
				v.sum.Records += int64(h.count)
				v.sum.Bytes += h.size
				if v.batch != nil && stopped == nil {
					start := from + pos
					stopped = v.batch(s.path, start, Batch{h: h, bytes: s.data[start : start+h.size : start+h.size]})
				}
			})
		})
		if err != nil {
			at = place{verdict: damage, position: 0, expected: base, reason: err.Error()}
		}
		if stopped != nil {
			return stopped
		}
		at.position, at.resume = at.position+from, at.resume+from
		switch at.verdict {
		case skip:
			v.missing(s, at, at.next)
			from, base = at.resume, at.next
			continue
		case damage:
			next := nextBase
			if next < 0 {
				next = v.synced
			}
			v.missing(s, at, next)
		case cut:
			v.sum.note(Finding{Path: s.path, Position: at.position, First: at.expected, Next: at.expected, Kind: TornTail,
				Text: at.reason + ": not acknowledged as safe, the next start cuts it"}, v.report)
		}
		return nil
	}
}

// missing reports offsets that can't be read: as damage when they were once on disk and nothing says why they are not there.
func (v *verifier) missing(s *segment, at place, next int64) {
	f := Finding{Path: s.path, Position: at.position, First: at.expected, Next: next, Kind: Gap, Text: at.reason}
	if at.expected < v.synced {
		f.Kind = Damage
	}
	if reason, ok, _ := knownGap(v.disk, v.dir, f.First, f.Next); ok {
		f.Kind, f.Text = KnownGap, reason
	}
	v.sum.note(f, v.report)
}

// TopicShard splits a shard directory's name, "topic-shard".
func TopicShard(dir string) (topic, shard string, ok bool) {
	name := filepath.Base(dir)
	i := strings.LastIndexByte(name, '-')
	if i <= 0 {
		return "", "", false
	}
	return name[:i], name[i+1:], true
}
