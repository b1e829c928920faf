package segstore

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"penstock/segstore/disk"
)

// damagedTwice is the table's log with two batches of its last segment damaged, and where they are.
func damagedTwice(t *testing.T) (f *fixture, d *disk.Mem, content []byte, starts []int64) {
	d = disk.NewMem()
	f = threeSegments(t, d)
	path := segmentPath(f.dir, 40)
	content = bytes.Clone(d.File(path).Bytes())
	for at := int64(0); at < int64(len(content)); at += readHeader(content[at:]).size {
		starts = append(starts, at)
	}
	content[starts[1]+80] ^= 1
	content[starts[3]+80] ^= 1
	d.Put(path, bytes.Clone(content))
	return f, d, content, starts
}

// A finding names the file, the bytes and the offsets that are damaged; those bytes are set aside under the name of where they stood, as
// they were, and the reason is noted; both of the time of the retention clock.
func TestFindingsNameTheBytes(t *testing.T) {
	f, d, content, starts := damagedTwice(t)
	d.Now = func() int64 { return 5 } // the machine's clock
	f.reopen()
	second := starts[2] // from here on, moved to a segment of its own
	want := []Finding{
		{Path: segmentPath(f.dir, 40), Position: starts[1], First: 44, Next: 48, Bytes: starts[2] - starts[1], Kind: Damage},
		{Path: segmentPath(f.dir, 48), Position: starts[3] - second, First: 52, Next: 56, Bytes: starts[4] - starts[3], Kind: Damage},
	}
	for i, found := range f.findings {
		if found.Text != "the batch's CRC does not match" {
			t.Errorf("found %v", found)
		}
		f.findings[i].Text = ""
	}
	if !slices.Equal(f.findings, want) {
		t.Fatalf("found %+v, want %+v", f.findings, want)
	}
	for i, found := range want {
		aside := fmt.Sprintf("%s-%d%s", strings.TrimSuffix(found.Path, ".log"), found.Position, damagedSuffix)
		if file := d.File(aside); file == nil || !bytes.Equal(file.Bytes(), content[starts[1+2*i]:starts[2+2*i]]) {
			t.Errorf("not set aside as they were: %s\n%v", aside, d)
		}
		for _, path := range []string{aside, gapPath(f.dir, found.First)} {
			if ms, err := d.Time(path); ms != f.now || err != nil {
				t.Errorf("%s has time %d, %v", path, ms, err)
			}
		}
		if reason, ok, _ := knownGap(d, f.dir, found.First, found.Next); !ok || reason != "damage: the batch's CRC does not match" {
			t.Errorf("noted %q, %v", reason, ok)
		}
	}
	for base, size := range map[int64]int64{40: starts[1], 48: starts[3] - starts[2]} {
		if got := int64(len(d.File(segmentPath(f.dir, base)).Bytes())); got != trimmedSize(size) {
			t.Errorf("segment %d has %d bytes, want %d", base, got, size)
		}
	}
	for _, s := range f.list()[2:] {
		if s.newest != f.now || s.created != f.now {
			t.Errorf("segment %d is of time %d, made %d", s.base, s.newest, s.created)
		}
	}
}

// Where there is no room to set them aside, that is told of the same bytes, and they stay where they are.
func TestNoRoomToSetAside(t *testing.T) {
	f, d, content, starts := damagedTwice(t)
	d.Free = 0
	f.reopen()
	var kept []span
	for _, found := range f.findings {
		if strings.HasPrefix(found.Text, "can't keep a copy") && found.Path == segmentPath(f.dir, 40) {
			kept = append(kept, span{found.Position, found.Position + found.Bytes})
		}
	}
	if want := []span{{starts[1], starts[2]}, {starts[3], starts[4]}}; !slices.Equal(kept, want) {
		t.Errorf("no copy of bytes %v, want %v", kept, want)
	}
	if !bytes.Equal(d.File(segmentPath(f.dir, 40)).Bytes()[:len(content)], content) {
		t.Error("the bytes are not what they were")
	}
	f.holds(span{0, 44}, span{48, 52}, span{56, inAll})
}

// The same where nothing sound stands behind the damage.
func TestNoRoomToSetTheEndAside(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	path := segmentPath(f.dir, 40)
	content := bytes.Clone(d.File(path).Bytes())
	content[len(content)-2] ^= 1
	d.Put(path, bytes.Clone(content))
	d.Free = 0
	for range 2 {
		f.reopen()
		f.holds(span{0, 56})
		if !bytes.Equal(d.File(path).Bytes(), content) {
			t.Fatal("the bytes are not what they were")
		}
	}
	d.Free = 1 << 20
	f.addSynced(inAll, inAll+4)
	f.holds(span{0, 56}, span{inAll, inAll + 4})
}

// A torn tail is zeroed, so that nothing of it comes back; sound batches in it are set aside first.
func TestTornTailIsZeroed(t *testing.T) {
	for _, sound := range []bool{false, true} {
		d := disk.NewMem()
		f := openLog(t, d, testOptions())
		f.addSynced(0, 4)
		at := f.pos
		f.add(4, 8)
		if sound {
			f.add(8, 12)
		}
		end := f.pos
		d = d.Killed()
		path := segmentPath(f.dir, 0)
		content := bytes.Clone(d.File(path).Bytes())
		content[at+80] ^= 1
		d.Put(path, bytes.Clone(content))
		f.disk = d
		f.reopen()
		if found := kinds(f.findings); found != "torn tail 4-4" || f.findings[0].Position != at || f.findings[0].Bytes <= 0 || f.findings[0].Bytes > end-at {
			t.Errorf("found %+v", f.findings)
		}
		if now := d.File(path).Bytes(); !bytes.Equal(now[:at], content[:at]) || !allZero(now[at:]) || len(now) != len(content) {
			t.Error("the tail is not zeroed, or more than that")
		}
		aside := d.File(fmt.Sprintf("%s-%d%s", strings.TrimSuffix(path, ".log"), at, cutSuffix))
		if sound != (aside != nil) || sound && !bytes.Equal(aside.Bytes(), bytes.TrimRight(content[at:], "\x00")) {
			t.Errorf("sound batches in it %v, set aside %v", sound, aside != nil)
		}
		f.addSynced(4, 6)
		f.disk = d.Killed()
		f.reopen()
		f.quiet()
		f.holds(span{0, 6})
	}
}

// Verify finds the same, in the file as it is, and Dump hands over each sound batch with the byte where it stands.
func TestVerifyNamesTheBytes(t *testing.T) {
	f, d, content, starts := damagedTwice(t)
	var sum Summary
	var found []Finding
	var at []int64
	v := verifier{disk: d, dir: f.dir, sum: &sum, report: func(f Finding) { found = append(found, f) },
		batch: func(path string, position int64, b Batch) error {
			if path == segmentPath(f.dir, 40) {
				at = append(at, position)
				if h := readHeader(content[position:]); h != b.h || !bytes.Equal(b.Bytes(), content[position:position+h.size]) || cap(b.Bytes()) != int(h.size) {
					t.Errorf("at byte %d there is another batch than %d", position, b.Base())
				}
			}
			return nil
		}}
	f.must(v.log())
	if len(found) != 2 || found[0].Position != starts[1] || found[1].Position != starts[3] || kinds(found) != "damage 44-48; damage 52-56" {
		t.Errorf("found %+v, want them at %d and %d", found, starts[1], starts[3])
	}
	if want := []int64{starts[0], starts[2], starts[4]}; !slices.Equal(at, want) {
		t.Errorf("sound batches at %v, want %v", at, want)
	}
	size := f.Size() - (starts[2] - starts[1]) - (starts[4] - starts[3])
	if want := (Summary{Segments: 3, Batches: 13, Records: 52, Bytes: size, Findings: 2, Damaged: 2}); sum != want {
		t.Errorf("%+v, want %+v", sum, want)
	}
}

// Verify tells of segments whose bytes are gone, of a torn tail, and of pages that can't be read, each in its way, and goes on.
func TestVerifyOfWhatIsNotThere(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(f *fixture, d *disk.Mem)
		found string
	}{
		{"an empty file in the middle", func(f *fixture, d *disk.Mem) { d.Put(segmentPath(f.dir, 20), []byte{}) }, "damage 20-40"},
		{"an empty file at the end", func(f *fixture, d *disk.Mem) { d.Put(segmentPath(f.dir, inAll), []byte{}) }, ""},
		{"rot up to the end", func(f *fixture, d *disk.Mem) {
			content := bytes.Clone(d.File(segmentPath(f.dir, 40)).Bytes())
			d.Put(segmentPath(f.dir, 40), content[:len(content)-1])
		}, "damage 56-60"},
		{"a torn tail", func(f *fixture, d *disk.Mem) {
			d.Put(f.dir+"/"+checkpointName, []byte(encodedCheckpoint(40, 1)))
			content := bytes.Clone(d.File(segmentPath(f.dir, 40)).Bytes())
			d.Put(segmentPath(f.dir, 40), content[:len(content)-1])
		}, "torn tail 56-56"},
		{"a hole that was never synced", func(f *fixture, d *disk.Mem) {
			d.Put(f.dir+"/"+checkpointName, []byte(encodedCheckpoint(0, 2)))
			content := bytes.Clone(d.File(segmentPath(f.dir, 20)).Bytes())
			content[80] ^= 1
			d.Put(segmentPath(f.dir, 20), content)
		}, "gap 20-24"},
	} {
		d := disk.NewMem()
		f := threeSegments(t, d)
		c.spoil(f, d)
		var found []Finding
		f.must((&verifier{disk: d, dir: f.dir, sum: new(Summary), report: func(f Finding) { found = append(found, f) }}).log())
		if kinds(found) != c.found {
			t.Errorf("%s: found %q, want %q", c.name, kinds(found), c.found)
		}
	}
	for _, call := range []string{"read dir", "map"} {
		d := disk.NewMem()
		f := threeSegments(t, d)
		d.Before = (&failing{call: call, on: true}).before
		if err := (&verifier{disk: d, dir: f.dir, sum: new(Summary)}).log(); !errors.Is(err, errIO) {
			t.Errorf("%s fails: verifying gave %v", call, err)
		}
	}
}

// What Repair counts is what it leaves; several logs are found, each once, and what is none is no log.
func TestSumsOfRepair(t *testing.T) {
	data, dir := onDisk(t)
	other := filepath.Join(data, "topics", "other-0")
	f := &fixture{TB: t, disk: disk.OS{}, dir: other, options: testOptions(), now: 1000}
	f.reopen()
	f.addSynced(0, 4)
	f.must(f.Close())
	size := f.Size()
	f.must(f.disk.MakeDir(filepath.Join(data, "topics", "notes")))
	f.must(disk.WriteWhole(f.disk, filepath.Join(data, "topics", "notes", "readme"), []byte("no log")))
	logs, err := FindLogs(data)
	if err != nil || !slices.Equal(logs, []string{dir, other}) {
		t.Fatalf("found %v, %v", logs, err)
	}
	verified, err := Verify(data, nil)
	f.must(err)
	repaired, err := Repair(data, nil)
	f.must(err)
	if verified.Logs != 2 || verified.Segments != 4 || verified.Bytes <= size || repaired.Segments != 4 || repaired.Records != inAll+4 ||
		repaired.Logs != 2 || repaired.Bytes < verified.Bytes {
		t.Errorf("verified %+v, repaired %+v", verified, repaired)
	}
	for _, where := range []string{t.TempDir(), filepath.Join(data, "nowhere")} {
		for what, do := range map[string]func(string) (Summary, error){
			"verify": func(dir string) (Summary, error) { return Verify(dir, nil) },
			"repair": func(dir string) (Summary, error) { return Repair(dir, nil) },
		} {
			if sum, err := do(where); err == nil || sum != (Summary{}) {
				t.Errorf("%s of nothing: %+v", what, sum)
			}
		}
	}
}

func TestTopicShard(t *testing.T) {
	for dir, want := range map[string][3]any{
		"/data/topics/clicks-0": {"clicks", "0", true}, "a-b-12": {"a-b", "12", true}, "a-": {"a", "", true}, "-1": {"", "", false}, "clicks": {"", "", false},
	} {
		if topic, shard, ok := TopicShard(dir); topic != want[0] || shard != want[1] || ok != want[2] {
			t.Errorf("%s: %q, %q, %v", dir, topic, shard, ok)
		}
	}
}

// A segment whose damage could not be moved out of it is never written to again, though there is room in it.
func TestDamagedSegmentIsNotWrittenTo(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	for n := int64(0); n < 160; n += 4 {
		f.addSynced(n, n+4)
	}
	left := d.Killed()
	path := segmentPath(f.dir, 0)
	content := bytes.Clone(left.File(path).Bytes())
	for at, i := int64(0), 0; readHeader(content[at:]).magic == magic; i++ {
		size := readHeader(content[at:]).size
		if i%2 == 1 && i < 38 { // more often than a start splits
			content[at+70] ^= 1
		}
		at += size
	}
	left.Put(path, content)
	g := &fixture{TB: t, disk: left, dir: f.dir, options: f.options, now: f.now, readAll: true}
	g.reopen()
	list := g.list()
	last := list[len(list)-1]
	before := bytes.Clone(left.File(last.path).Bytes())
	g.addSynced(160, 164)
	if last.path == g.list()[len(g.list())-1].path || !bytes.Equal(left.File(last.path).Bytes(), before) {
		t.Errorf("%s was written to", last.path)
	}
}
