package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newImage is an image of so many sectors, each full of the letter o.
func newImage(t *testing.T, sectors int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, bytes.Repeat([]byte("o"), sectors*sectorSize), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newDisk(t *testing.T, sectors int) *disk {
	t.Helper()
	d, err := openDisk(newImage(t, sectors))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.image.Close() })
	return d
}

// fill writes a letter to some sectors in one request.
func (d *disk) fill(t *testing.T, letter string, first, sectors int) {
	t.Helper()
	if errno := d.write([]byte(strings.Repeat(letter, sectors*sectorSize)), int64(first*sectorSize)); errno != 0 {
		t.Fatal(errno)
	}
}

// letters is the image, a letter a sector, where each sector must be of one letter.
func (d *disk) letters(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(d.image.Name())
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for at := 0; at < len(content); at += sectorSize {
		sector := content[at : at+sectorSize]
		if bytes.Count(sector, sector[:1]) != sectorSize {
			t.Fatalf("sector %d is torn within: %.20q", at/sectorSize, sector)
		}
		all = append(all, sector[0])
	}
	return string(all)
}

func TestCut(t *testing.T) {
	after := func(seed uint64, seeded bool) string {
		d := newDisk(t, 3000)
		d.fill(t, "f", 0, 1000)
		if errno := d.flush(); errno != 0 {
			t.Fatal(errno)
		}
		d.fill(t, "n", 1000, 1000)
		kept, of, err := d.cut(seed, seeded)
		if err != nil || of != 1000 {
			t.Fatalf("%d kept of %d, %v", kept, of, err)
		}
		image := d.letters(t)
		if got := strings.Count(image[1000:2000], "n"); got != kept || got+strings.Count(image[1000:2000], "o") != 1000 {
			t.Fatalf("%d sectors of the cache are in the image, and %d are said to be", got, kept)
		}
		if image[:1000] != strings.Repeat("f", 1000) || image[2000:] != strings.Repeat("o", 1000) {
			t.Fatal("what was flushed is gone, or what was never written is there")
		}
		p := make([]byte, sectorSize)
		if _, errno := d.read(p, 0); errno != syscall.EIO || d.write(p, 0) != syscall.EIO || d.flush() != syscall.EIO {
			t.Fatal("a disk without power answers")
		}
		if _, _, err := d.cut(1, true); err == nil {
			t.Fatal("the power was cut twice")
		}
		return image[1000:2000]
	}
	a, again, b, none := after(1, true), after(1, true), after(2, true), after(0, false)
	if n := strings.Count(a, "n"); n < 400 || n > 600 {
		t.Errorf("%d of 1000 sectors were kept, not about half", n)
	}
	if a != again || a == b || strings.Contains(none, "n") {
		t.Errorf("a seed decides what is kept, and without one it is nothing: same %t, others %t, none %t", a == again, a != b, !strings.Contains(none, "n"))
	}
}

// A sector that was written to several times may be found as each of the writes left it, whatever its neighbours are.
func TestCutKeepsAnyWrite(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(200) {
		d := newDisk(t, 3)
		d.fill(t, "1", 0, 2)
		d.fill(t, "2", 1, 2)
		d.fill(t, "3", 1, 1)
		if _, _, err := d.cut(seed, true); err != nil {
			t.Fatal(err)
		}
		seen[d.letters(t)]++
	}
	for _, first := range "o1" {
		for _, second := range "o123" {
			for _, third := range "o2" {
				if image := string([]rune{first, second, third}); seen[image] == 0 {
					t.Errorf("no cut left %s", image)
				}
			}
		}
	}
	if len(seen) != 2*4*2 {
		t.Errorf("cuts left %v", seen)
	}
}

func TestReadSeesTheCache(t *testing.T) {
	d := newDisk(t, 4)
	d.fill(t, "1", 1, 2)
	d.fill(t, "2", 2, 1)
	p := make([]byte, 5*sectorSize)
	n, errno := d.read(p, 0)
	if want := strings.Repeat("o", 512) + strings.Repeat("1", 512) + strings.Repeat("2", 512) + strings.Repeat("o", 512); errno != 0 || string(p[:n]) != want {
		t.Errorf("%d bytes, %v", n, errno)
	}
	if n, errno := d.read(p[:9], 1020); errno != 0 || string(p[:n]) != "111122222" {
		t.Errorf("across a sector's edge: %q, %v", p[:n], errno)
	}
	if n, errno := d.read(p, 9999); errno != 0 || n != 0 {
		t.Errorf("behind the end: %d bytes, %v", n, errno)
	}
	if d.letters(t) != "oooo" {
		t.Error("the image has what was not flushed")
	}
}

func TestCommands(t *testing.T) {
	d := newDisk(t, 8)
	p := make([]byte, sectorSize)
	tell := func(line, want string) {
		t.Helper()
		answer, err := d.command(strings.Fields(line))
		if err != nil || answer != want {
			t.Fatalf("%s: %q, %v, want %q", line, answer, err, want)
		}
	}
	tell("eio-write 1024 512", "")
	tell("eio-read 2048 1", "")
	if d.write(p, 1024) != syscall.EIO || d.write(p, 512) != 0 || d.write(p, 1536) != 0 {
		t.Error("eio-write fails other writes than those it names")
	}
	if _, errno := d.read(p, 2048); errno != syscall.EIO {
		t.Error("eio-read fails nothing")
	}
	if _, errno := d.read(p, 1536); errno != 0 || d.write(p, 2048) != 0 {
		t.Error("eio-read fails other requests than those it names")
	}
	tell("clear", "")
	if _, errno := d.read(p, 2048); errno != 0 || d.write(p, 1024) != 0 {
		t.Error("clear clears nothing")
	}
	tell("delay 30", "")
	if began := time.Now(); d.write(p, 0) != 0 || time.Since(began) < 30*time.Millisecond {
		t.Error("a slow disk is quick")
	}
	tell("clear", "")
	for _, line := range []string{"", "cut x", "cut -1", "cut 1 2", "eio-write 1", "delay", "clear 1", "format"} {
		if answer, err := d.command(strings.Fields(line)); err == nil {
			t.Errorf("%q is answered with %q", line, answer)
		}
	}
	tell("cut", "kept 0 of 5")
}

func TestWholeSectorsOnly(t *testing.T) {
	d := newDisk(t, 4)
	p := make([]byte, 2*sectorSize)
	for _, c := range []struct {
		at    int64
		bytes int
		want  syscall.Errno
	}{{0, 512, 0}, {3 * 512, 512, 0}, {1, 512, syscall.EINVAL}, {0, 511, syscall.EINVAL}, {-512, 512, syscall.EINVAL}, {3 * 512, 1024, syscall.ENOSPC}} {
		if errno := d.write(p[:c.bytes], c.at); errno != c.want {
			t.Errorf("%d bytes at %d: %v, want %v", c.bytes, c.at, errno, c.want)
		}
	}
}
