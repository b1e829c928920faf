package segstore

import (
	"bytes"
	"errors"
	"testing"

	"penstock/segstore/disk"
)

// A full disk refuses records and nothing else; when space returns, so does service.
func TestFullDisk(t *testing.T) {
	d := disk.NewMem()
	d.Free = 300 << 10
	f := openLog(t, d, testOptions())
	n := int64(0)
	var err error
	for err == nil {
		if err = f.tryAdd(n, n+20); err == nil {
			n += 20
			f.must(f.Sync())
		}
	}
	if !errors.Is(err, ErrFull) || !f.Full() || !errors.Is(f.Trouble(), ErrFull) {
		t.Fatalf("refused with %v, full %v because of %v", err, f.Full(), f.Trouble())
	}
	f.holds(span{0, n})
	if _, _, ok := f.Oldest(); ok {
		t.Fatal("a segment that was not finished may be removed")
	}
	if err := f.Background(); !errors.Is(err, ErrFull) { // it asks for the next segment before it trims the others
		t.Fatalf("the keeper says %v", err)
	}
	if newest, size, ok := f.Oldest(); !ok || newest != f.now || size == 0 {
		t.Fatalf("the oldest is %d, %d bytes, %v", newest, size, ok)
	}
	f.must(f.DropOldest())
	f.must(f.Background())
	f.add(n, n+20)
	f.must(f.Sync())
	if f.Full() || f.Trouble() != nil || f.First() == 0 {
		t.Fatalf("full %v because of %v, the log begins at %d", f.Full(), f.Trouble(), f.First())
	}
	f.holds(span{f.First(), n + 20})
	f.reopen()
	f.quiet()
	f.holds(span{f.First(), n + 20})
}

// Recovery on a full disk can set nothing aside and move nothing. The log starts, and reads around the damage.
func TestRecoveryOnFullDisk(t *testing.T) {
	for _, c := range corruptions() {
		if c.synced < 0 || c.file == "spare.tmp" || c.file == "index.tmp" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			d := disk.NewMem()
			f := threeSegments(t, d)
			spoilFile(t, d, f.dir, &c)
			d.Put(f.dir+"/"+checkpointName, nil)
			if c.file != checkpointName && c.synced == 0 {
				d.Put(f.dir+"/"+checkpointName, []byte(encodedCheckpoint(inAll, 1)))
			}
			d.Free = 0
			f.openAll(c.all)
			there, _ := f.read()
			if c.synced == 0 && c.file != checkpointName && len(c.want) != len(there) {
				t.Errorf("the log holds %v, want %v", there, c.want)
			}
			f.must(f.Close())
			d.Free = 1 << 20 // the next start has room, and makes up for it
			f.openAll(c.all)
			again, _ := f.read()
			if len(again) == 0 || again[len(again)-1].next != there[len(there)-1].next {
				t.Errorf("the log held %v, and now %v", there, again)
			}
			next := f.Next()
			f.addSynced(next, next+3)
			f.must(f.Close())
		})
	}
}

// A file with more damages than recovery cares to take apart stays in one piece.
func TestManyDamages(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	var want []span
	for n := int64(0); n < 160; n += 4 {
		f.addSynced(n, n+4)
		if n%8 == 0 {
			want = append(want, span{n, n + 4})
		}
	}
	f.must(f.Close())
	path := segmentPath(f.dir, 0)
	content := bytes.Clone(d.File(path).Bytes())
	for pos, i := int64(0), 0; pos < int64(len(content)); i++ {
		size := readHeader(content[pos:]).size
		if i%2 == 1 {
			content[pos+70] ^= 1
		}
		pos += size
	}
	d.Put(path, content)
	f.reopen()
	f.holds(want...)
	if f.Segments() > splitsMax+2 {
		t.Fatalf("%d segments", f.Segments())
	}
	f.must(f.Close())
	f.reopen()
	f.quiet()
	f.holds(want...)
	f.addSynced(160, 164)
	f.holds(join(want, 160, 164)...)
}

func TestTooLarge(t *testing.T) {
	f := openLog(t, disk.NewMem(), testOptions())
	for _, n := range []int64{-1, SegmentBytesMax, 1 << 62} {
		if err := f.Reserve(n); err == nil || errors.Is(err, ErrFull) {
			t.Errorf("reserving %d bytes gave %v", n, err)
		}
	}
	f.addSynced(0, 3)
	f.holds(span{0, 3})
}
