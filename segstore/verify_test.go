package segstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"penstock/segstore/disk"
)

// onDisk writes the table's log to a real directory below a data directory of its own.
func onDisk(t *testing.T) (data, dir string) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	data = t.TempDir()
	dir = filepath.Join(data, "topics", "clicks-0")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range d.Paths() {
		if err := os.WriteFile(filepath.Join(dir, strings.TrimPrefix(path, f.dir)), d.File(path).Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return data, dir
}

func rot(t *testing.T, path string, at int) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[at] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyAndRepair(t *testing.T) {
	data, dir := onDisk(t)
	sum, err := Verify(data, func(f Finding) { t.Error(f) })
	if err != nil || sum.Logs != 1 || sum.Segments != 3 || sum.Records != inAll || sum.Batches != inAll/perBatch || sum.Findings+sum.Damaged != 0 {
		t.Fatalf("%+v, %v", sum, err)
	}
	rot(t, filepath.Join(dir, fileA), 80)
	rot(t, filepath.Join(dir, fileB), 700)
	before := listing(t, dir)

	var found []Finding
	sum, err = Verify(dir, func(f Finding) { found = append(found, f) })
	if err != nil || sum.Damaged != 2 || sum.Findings != 2 || sum.Records != inAll-2*perBatch {
		t.Fatalf("%+v, %v", sum, err)
	}
	if kinds(found) != "damage 0-4; damage 24-28" || found[0].Position != 0 || found[1].Path != filepath.Join(dir, fileB) {
		t.Fatalf("found %v", found)
	}
	if after := listing(t, dir); after != before {
		t.Fatalf("verifying changed\n%s\nto\n%s", before, after)
	}

	var offsets []int64
	sum, err = Dump(dir, nil, func(path string, position int64, b Batch) error {
		content, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(content[position:][:len(b.Bytes())], b.Bytes()) {
			t.Errorf("%s at %d: not this batch, %v", path, position, err)
		}
		offsets = append(offsets, b.Base())
		return nil
	})
	if err != nil || sum.Damaged != 2 || !slices.Equal(offsets, []int64{4, 8, 12, 16, 20, 28, 32, 36, 40, 44, 48, 52, 56}) {
		t.Fatalf("dumped %v, %+v, %v", offsets, sum, err)
	}
	enough := errors.New("enough")
	if _, err := Dump(dir, nil, func(string, int64, Batch) error { return enough }); !errors.Is(err, enough) {
		t.Fatal(err)
	}

	found = nil
	sum, err = Repair(data, func(f Finding) { found = append(found, f) })
	if err != nil || sum.Damaged != 2 || kinds(found) != "damage 0-4; damage 24-28" || sum.Logs != 1 {
		t.Fatalf("repaired %+v, %v: %v", sum, err, found)
	}
	if aside, err := filepath.Glob(filepath.Join(dir, "*.damaged")); err != nil || len(aside) != 2 {
		t.Fatalf("set aside: %v, %v", aside, err)
	}
	for range 2 { // what is known is no news, to either of them
		sum, err = Verify(data, nil)
		if err != nil || sum.Damaged != 0 || sum.Records != inAll-2*perBatch {
			t.Fatalf("%+v, %v", sum, err)
		}
		if sum, err = Repair(data, nil); err != nil || sum.Damaged != 0 {
			t.Fatalf("%+v, %v", sum, err)
		}
	}
	f := &fixture{TB: t, disk: disk.OS{}, dir: dir, options: testOptions(), now: 1 << 50}
	f.reopen()
	f.holds(span{4, 24}, span{28, 60})
	f.must(f.RetireAside(1 << 60))
	if aside, _ := filepath.Glob(filepath.Join(dir, "*.damaged")); len(aside) > 0 {
		t.Fatalf("still there: %v", aside)
	}
	if reasons, _ := filepath.Glob(filepath.Join(dir, "*.gap")); len(reasons) != 2 { // their holes are
		t.Fatalf("of the reasons there are %v", reasons)
	}
	f.must(f.Close())
	f.must(Remove(disk.OS{}, dir))
	f.must(Remove(disk.OS{}, dir))
	if _, err := Verify(data, nil); err == nil {
		t.Fatal("nothing was found sound")
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(e.Name() + " " + string(content) + "\n")
	}
	return b.String()
}

// Every bit of a segment flipped: the damage is noticed, no wrong byte is handed out, and one batch is lost.
func TestEveryBitFlipped(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	path := segmentPath(f.dir, 40)
	sound := bytes.Clone(d.File(path).Bytes())
	flips := 0
	for at := 0; at < len(sound); at++ {
		for bit := range 8 {
			if testing.Short() && (at*8+bit)%7 != 0 {
				continue
			}
			flips++
			content := bytes.Clone(sound)
			content[at] ^= 1 << bit
			batch := batchAt(sound, at)
			data, lost := content, int64(0)
			for base := int64(40); base < inAll; {
				p := scan(data, int64(len(data)), base, -1, inAll, false, func(_ int64, h header) { base = h.next() })
				if p.verdict != skip {
					if p.verdict == damage {
						lost += inAll - p.expected
					}
					break
				}
				lost += p.next - p.expected
				if p.expected != batch {
					t.Fatalf("bit %d of byte %d: lost %d, the flip is in batch %d", bit, at, p.expected, batch)
				}
				data, base = data[p.resume:], p.next
			}
			if lost != perBatch {
				t.Fatalf("bit %d of byte %d: %d records are lost", bit, at, lost)
			}
		}
	}
	t.Logf("%d flips", flips)
}

func batchAt(content []byte, at int) (base int64) {
	for pos := int64(0); ; {
		h := readHeader(content[pos:])
		if int64(at) < pos+h.size {
			return h.base
		}
		pos += h.size
	}
}

// Repair counts the records that are there, not those that retention has removed.
func TestRepairCountsWhatIsKept(t *testing.T) {
	f := openLog(t, nil, testOptions())
	f.addSynced(0, 10)
	f.must(f.RollOlder(f.now + 1))
	f.addSynced(10, 13)
	f.must(f.Background())
	f.must(f.DropOldest())
	f.must(f.Close())
	if sum, err := Repair(f.dir, nil); err != nil || sum.Records != 3 || sum.Segments != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
}
