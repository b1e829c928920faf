package segstore

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"penstock/segstore/disk"
)

// teller is a chapter of a log's life in which one call to the disk fails, and whether anybody was told.
type teller struct {
	*fixture
	mem    *disk.Mem
	at     int // the call that fails
	calls  int
	phase  string
	failed string // phase, call and file
	told   bool

	syncsFail bool // all of them, for another reason

	mapped, opened int // and not given back
}

var errOther = errors.New("another reason")

func (v *teller) before(call, path string) error {
	if call == "unmap" || call == "close" { // the kernel does that whatever the disk does
		return nil
	}
	if v.syncsFail && call == "sync" {
		return errOther
	}
	if v.calls++; v.calls != v.at {
		return nil
	}
	v.failed = fmt.Sprintf("%s: %s %s", v.phase, call, filepath.Base(path))
	return errIO
}

func (v *teller) after(call, _ string, err error) error {
	switch {
	case call == "unmap":
		v.mapped--
	case call == "close":
		v.opened--
	case err != nil:
	case call == "map":
		v.mapped++
	case call == "create" || call == "open" || call == "open read-only":
		v.opened++
	}
	return err
}

// hear is given every step's error.
func (v *teller) hear(err error) {
	v.told = v.told || errors.Is(err, errIO)
	for _, found := range v.findings {
		v.told = v.told || strings.Contains(found.Text, errIO.Error())
	}
}

// start opens the log, at the second try if need be.
func (v *teller) start(phase string) {
	v.phase, v.disk = phase, &disk.Trace{Disk: v.mem, Before: v.before, After: v.after}
	err := v.tryOpen()
	v.hear(err)
	if err != nil {
		v.reopen()
	}
}

// adds appends records, at the second try if need be.
func (v *teller) adds(n int64) {
	room := n * 300
	if err := v.Reserve(room); err != nil {
		v.hear(err)
		v.must(v.Reserve(room))
	}
	for i := range n {
		id := idOf(v.Log.next)
		if i%2 == 0 {
			v.AppendWithID(&id, nil, value(v.Log.next), 10*v.Log.next)
		} else {
			v.Append(nil, value(v.Log.next), 10*v.Log.next)
		}
	}
	v.Commit()
}

// close closes the log, which gives everything back, whatever has failed.
func (v *teller) close() {
	v.phase = "close"
	v.hear(v.Close())
	if v.mapped != 0 || v.opened != 0 {
		v.Errorf("after a failed %q %d mappings and %d files were not given back", v.failed, v.mapped, v.opened)
	}
}

func (v *teller) sync() {
	before := v.phase
	v.phase = "sync"
	v.hear(v.Sync())
	v.phase = before
}

// chapters are lived one behind the other, each on what the one before has left.
var chapters = []func(v *teller){
	func(v *teller) {
		v.start("first start")
		v.phase = "writing"
		v.adds(20)
		v.sync()
		v.hear(v.RollOlder(v.now + 1))
		v.adds(20)
		v.sync()
		v.phase = "keeping"
		v.wantNew.Store(true)
		v.hear(v.Background())
		_, err := v.Retire(v.now + 1)
		v.hear(err)
		v.adds(5)
		v.close()
	},
	func(v *teller) {
		v.start("start")
		v.phase = "writing"
		v.adds(5)
		v.hear(v.RollOlder(v.now + 1))
		v.adds(5)
	},
	func(v *teller) {
		v.start("start after a kill")
		v.phase = "writing"
		v.adds(5)
		v.syncsFail = true
		v.hear(v.Sync())
		v.syncsFail = false
		v.phase = "giving up"
		v.adds(5)
		v.sync()
		v.phase = "keeping"
		v.hear(v.Background())
		v.now = 500
		v.hear(v.RetireAside(0)) // what was set aside is from the future
		v.adds(5)
		v.syncsFail = true
		v.close()
	},
	func(v *teller) {
		path := segmentPath(v.dir, 20)
		content := bytes.Clone(v.mem.File(path).Bytes())
		content[80] ^= 1
		v.mem.Put(path, content)
		v.readAll = true
		v.start("start after rot")
		v.phase = "keeping"
		v.hear(v.DropOldest())
		v.now += 10
		v.hear(v.RetireAside(v.now))
		v.close()
		v.phase = "removal"
		v.hear(Remove(v.disk, v.dir))
	},
}

// quiet are the calls that may fail and nobody is told, and why that does no harm.
var quiet = []*regexp.Regexp{
	// The checkpoint is a lower bound, and one that was written before is as true. Without it all is read, and it is made anew.
	regexp.MustCompile(`: write checkpoint$`),
	regexp.MustCompile(`^.*start.*: (open|open read-only|size|read) checkpoint$`),
	// Files beside a segment: a start makes them again, now or the next time.
	regexp.MustCompile(`^start.*: (open read-only|size|read|map) \d{20}\.(index|timeindex|ids)$`),
	regexp.MustCompile(`^start.*: (create|write|truncate|sync|rename) index\.tmp$`),
	// What was being made is worth nothing, and the next start removes it.
	regexp.MustCompile(`: remove .*\.tmp$`),
	// What has no time is taken for young.
	regexp.MustCompile(`^(start.*|giving up): set time `),
	// Why records are missing is on file, or is said once more.
	regexp.MustCompile(`^start.*: (open read-only|size|read) \d{20}\.gap$|^start.*: read dir `),
	// Whether a roll is torn can't be seen: then it is not.
	regexp.MustCompile(`^start after a kill: (open read-only|map) \d{20}\.log$`),
	// A batch that can't be written is stored through the mapping, and the sync says what became of it.
	regexp.MustCompile(`^(writing|keeping|giving up): write (\d{20}\.log|spare\.tmp)$`),
	// All of it is on disk, and only its size is not: the next start makes it so, or a copy takes its place.
	regexp.MustCompile(`^(close|giving up): (truncate|sync) (\d{20}\.log|spare\.tmp)$`),
}

// No error of the disk is kept quiet: who asked for the call gets it, or Report does. The exceptions are listed above.
func TestEveryFailureIsTold(t *testing.T) {
	left, used := disk.NewMem(), make([]bool, len(quiet))
	for _, live := range chapters {
		for at := 1; ; at++ {
			v := &teller{fixture: &fixture{TB: t, dir: "/clicks-0", options: testOptions(), now: 1000}, mem: left.Killed(), at: at}
			live(v)
			if v.failed == "" {
				left = v.mem.Killed()
				break
			}
			may := v.told
			for i, expression := range quiet {
				if !v.told && expression.MatchString(v.failed) {
					may, used[i] = true, true
				}
			}
			if !may {
				t.Errorf("nobody is told that this failed: %s", v.failed)
			}
		}
	}
	for i, expression := range quiet {
		if !used[i] {
			t.Errorf("always told: %v", expression)
		}
	}
}
