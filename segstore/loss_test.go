package segstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"penstock/segstore/disk"
)

// A batch that is open when what could not be synced is given up goes with it; the next one begins where the new segment does.
func TestOpenBatchIsGivenUpToo(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.addSynced(0, 4)
	f.add(4, 6)
	f.must(f.Reserve(300))
	f.Append(nil, value(6), 60) // and not committed
	fault := &failing{call: "sync", on: true}
	d.Before = fault.before
	if err := f.Sync(); !errors.Is(err, ErrLost) {
		t.Fatalf("syncing gave %v", err)
	}
	fault.on = false
	f.addSynced(7, 9)
	f.holds(span{0, 4}, span{7, 9})
}

// That a segment given up could not be set aside is told, though the reason for the hole was noted.
func TestNotSetAsideIsTold(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	f.addSynced(0, 4)
	f.add(4, 6)
	f.must(f.RollOlder(f.now + 1))
	f.failSync(d, 6, 8)
	second := segmentPath(f.dir, 6)
	d.Before = func(call, path string) error {
		if call == "rename" && path == second {
			return errIO
		}
		return nil
	}
	f.add(8, 10)
	d.Before = nil
	told := false
	for _, found := range f.history {
		told = told || found.Path == second && found.Kind == GivenUp
	}
	if !told {
		t.Errorf("nobody is told: %v", f.history)
	}
}

// A search by time says that a segment can't be opened, and does not pass over it.
func TestSearchSaysWhatItCantOpen(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	f.must(f.Close())
	f.reopen()
	first := segmentPath(f.dir, 0)
	d.Before = func(call, path string) error {
		if call == "open read-only" && path == first {
			return errIO
		}
		return nil
	}
	if _, err := f.OffsetAt(50); !errors.Is(err, errIO) {
		t.Errorf("searching gave %v", err)
	}
	d.Before = nil
}

// Repair says that it could not open a log.
func TestRepairOfWhatItCantOpen(t *testing.T) {
	data, dir := onDisk(t)
	path := filepath.Join(dir, checkpointName)
	content := []byte(encodedCheckpoint(0, 1))
	binary.BigEndian.PutUint32(content[4:], checkpointVersion+1)
	binary.BigEndian.PutUint32(content[24:], crc32.Checksum(content[:24], castagnoli))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	var e *NewerError
	if _, err := Repair(data, nil); !errors.As(err, &e) {
		t.Error("repaired what could not be opened")
	}
}

// A hole that begins where the checkpoint stands was never acknowledged: it is a gap, and no damage.
func TestHoleAtTheCheckpointIsNoDamage(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	d.Put(f.dir+"/"+checkpointName, []byte(encodedCheckpoint(20, 2)))
	content := bytes.Clone(d.File(segmentPath(f.dir, 20)).Bytes())
	content[80] ^= 1
	d.Put(segmentPath(f.dir, 20), content)
	sum := Summary{}
	var found []Finding
	f.must((&verifier{disk: d, dir: f.dir, sum: &sum, report: func(f Finding) { found = append(found, f) }}).log())
	if kinds(found) != "gap 20-24" || sum.Damaged != 0 {
		t.Fatalf("found %q, %+v", kinds(found), sum)
	}
}
