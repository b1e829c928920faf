package disk

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// Whatever was written to a file, by calls or through a mapping, synced or not, cut off and allocated again: behind its DataEnd there is
// nothing but zeros, and where the file system can tell, most of what was never written is behind it.
func TestDataEnd(t *testing.T) {
	const seed, size = 20261126, 1 << 20
	shm, err := os.MkdirTemp("/dev/shm", "penstock-")
	if err != nil {
		shm = t.TempDir()
	}
	defer os.RemoveAll(shm)
	for name, c := range map[string]struct {
		disk Disk
		dir  string
	}{"file system": {OS{}, t.TempDir()}, "tmpfs": {OS{}, shm}, "memory": {NewMem(), "/"}} {
		r := rand.New(rand.NewPCG(seed, 1))
		f, err := c.disk.Create(filepath.Join(c.dir, "a"), size)
		if err != nil {
			t.Fatal(err)
		}
		fresh := f.DataEnd(size)
		most := int64(0)
		for range 200 {
			at, long := r.Int64N(size-5000), 1+r.IntN(5000)
			var err error
			switch text := bytes.Repeat([]byte{'x'}, long); r.IntN(5) {
			case 0:
				_, err = f.WriteAt(text, at)
			case 1:
				err = store(f, at, text)
			case 2:
				err = f.Sync()
			case 3:
				err = f.Truncate(r.Int64N(size))
				if err == nil {
					err = f.Allocate(size)
				}
			case 4:
				f.DropCache()
			}
			if err != nil {
				t.Fatal(err)
			}
			end := f.DataEnd(size)
			content := make([]byte, size)
			if _, err := f.ReadAt(content, 0); err != nil || end < 0 || end > size {
				t.Fatalf("%s, seed %d: data up to %d of %d, %v", name, seed, end, size, err)
			}
			if rest := bytes.TrimLeft(content[end:], "\x00"); len(rest) > 0 {
				t.Fatalf("%s, seed %d: %d bytes behind %d are none", name, seed, len(rest), end)
			}
			most = max(most, end)
		}
		if name == "memory" && fresh != 0 {
			t.Errorf("%s: a new file has data up to %d", name, fresh)
		}
		if cut := f.DataEnd(1000); cut > 1000 {
			t.Errorf("%s: data up to %d of 1000", name, cut)
		}
		t.Logf("%s: a new file has data up to %d of %d, a used one up to %d", name, fresh, size, most)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func store(f File, at int64, text []byte) error {
	mapping, err := f.Map(at+int64(len(text)), true)
	if err != nil {
		return err
	}
	copy(mapping[at:], text)
	return f.Unmap(mapping)
}
