package segstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"penstock/segstore/disk"
)

// The log that is spoilt: records 0 to 59 in three segments of five batches of four records.
const (
	fileA = "00000000000000000000.log"
	fileB = "00000000000000000020.log"
	fileC = "00000000000000000040.log"

	perBatch, perSegment, inAll = 4, 20, 60
)

// spoil changes a file's content; nil removes the file. at gives the position of its batch i, and behind the last.
type spoil func(b []byte, at func(i int) int) []byte

func flip(batch, offset int, bit byte) spoil {
	return func(b []byte, at func(int) int) []byte {
		b[at(batch)+offset] ^= bit
		return b
	}
}

// resealed changes a batch and makes its CRC right again.
func resealed(batch int, change func(b []byte)) spoil {
	return func(b []byte, at func(int) int) []byte {
		one := b[at(batch):at(batch+1)]
		change(one)
		binary.BigEndian.PutUint32(one[atCRC:], crc32.Checksum(one[atAttributes:], castagnoli))
		return b
	}
}

func both(spoils ...spoil) spoil {
	return func(b []byte, at func(int) int) []byte {
		for _, s := range spoils {
			b = s(b, at)
		}
		return b
	}
}

func setLength(batch int, length uint32) spoil {
	return func(b []byte, at func(int) int) []byte {
		binary.BigEndian.PutUint32(b[at(batch)+atLength:], length)
		return b
	}
}

func cutAt(batch, more int) spoil {
	return func(b []byte, at func(int) int) []byte { return b[:at(batch)+more] }
}

func zero(from, to int) spoil {
	return func(b []byte, at func(int) int) []byte {
		clear(b[at(from):at(to)])
		return b
	}
}

func appended(tail []byte) spoil {
	return func(b []byte, _ func(int) int) []byte { return append(b, tail...) }
}

func inFront(b []byte, _ func(int) int) []byte { return slices.Concat(garbage, b) }

func become(content string) spoil {
	return func([]byte, func(int) int) []byte { return []byte(content) }
}

func removed([]byte, func(int) int) []byte { return nil }

func encodedCheckpoint(synced, epoch int64) string {
	c := checkpoint{}
	c.encode(mark{synced: synced, epoch: epoch, begun: 1, newest: 1 << 40})
	return string(c.buf[:])
}

var garbage = bytes.Repeat([]byte("garbage\xff\x02"), 300)

// corruption is a row of the table: what was done to which file, and what is then there.
type corruption struct {
	name    string
	file    string
	spoil   spoil
	synced  int64 // what the checkpoint says; 0: all of it, -1: there is none
	all     bool  // Repair's way of opening: every segment is read
	want    []span
	found   string // "damage 48-52": kind and offsets
	next    int64  // offset of the next record; 0: 60
	expired int64  // First, where it is not 0
}

func whole() []span { return []span{{0, inAll}} }

func corruptions() []corruption {
	lost48 := []span{{0, 48}, {52, 60}}
	rows := []corruption{
		{name: "nothing", file: fileC, spoil: appended(nil), want: whole()},
		{name: "nothing, no checkpoint", file: fileC, spoil: appended(nil), synced: -1, want: whole()},

		// The last segment, all of it once synced: what is wrong is rot.
		{name: "cut in a head", file: fileC, spoil: cutAt(4, 30), want: []span{{0, 56}}, found: "damage 56-60"},
		{name: "cut in the records", file: fileC, spoil: cutAt(4, 90), want: []span{{0, 56}}, found: "damage 56-60"},
		{name: "cut between batches", file: fileC, spoil: cutAt(4, 0), want: []span{{0, 56}}, found: "damage 56-60"},
		{name: "cut to nothing", file: fileC, spoil: cutAt(0, 0), want: []span{{0, 40}}, found: "damage 40-60"},
		{name: "a record's bit", file: fileC, spoil: flip(2, 80, 1), want: lost48, found: "damage 48-52"},
		{name: "first batch", file: fileC, spoil: flip(0, 80, 1), want: []span{{0, 40}, {44, 60}}, found: "damage 40-44"},
		{name: "last batch", file: fileC, spoil: flip(4, 80, 1), want: []span{{0, 56}}, found: "damage 56-60"},
		{name: "a page of zeros", file: fileC, spoil: zero(1, 3), want: []span{{0, 44}, {52, 60}}, found: "damage 44-52"},
		{name: "zeros up to the end", file: fileC, spoil: zero(3, 5), want: []span{{0, 52}}, found: "damage 52-60"},
		{name: "length too large", file: fileC, spoil: setLength(2, 1<<30), want: lost48, found: "damage 48-52"},
		{name: "length negative", file: fileC, spoil: setLength(2, 1<<31+5), want: lost48, found: "damage 48-52"},
		{name: "length zero", file: fileC, spoil: setLength(2, 0), want: lost48, found: "damage 48-52"},
		{name: "old magic", file: fileC, spoil: flip(2, atMagic, 3), want: lost48, found: "damage 48-52"},
		{name: "wrong base offset under a right CRC", file: fileC,
			spoil: func(b []byte, at func(int) int) []byte { b[at(2)+7] += 100; return b }, want: lost48, found: "damage 48-52"},
		{name: "impossible count under a right CRC", file: fileC,
			spoil: resealed(2, func(b []byte) { b[atCount+3] = 9 }), want: lost48, found: "damage 48-52"},
		{name: "a stale batch over a newer one", file: fileC, spoil: func(b []byte, at func(int) int) []byte {
			copy(b[at(2):at(3)], bytes.Clone(b[at(1):at(2)]))
			return b
		}, want: lost48, found: "damage 48-52"},
		{name: "a batch twice", file: fileC, spoil: func(b []byte, at func(int) int) []byte {
			return slices.Insert(b, at(3), bytes.Clone(b[at(2):at(3)])...)
		}, want: whole(), found: "gap"},
		{name: "two batches swapped", file: fileC, spoil: func(b []byte, at func(int) int) []byte {
			return slices.Concat(b[:at(2)], b[at(3):at(4)], b[at(2):at(3)], b[at(4):])
		}, want: []span{{0, 48}, {56, 60}}, found: "damage 48-56"},
		{name: "a batch taken out", file: fileC, spoil: func(b []byte, at func(int) int) []byte {
			return slices.Delete(b, at(2), at(3))
		}, want: lost48, found: "damage 48-52"},
		{name: "two damages", file: fileC, spoil: both(flip(1, 80, 1), flip(3, 80, 1)),
			want: []span{{0, 44}, {48, 52}, {56, 60}}, found: "damage 44-48; damage 52-56"},
		{name: "two damages, the first in a length", file: fileC, spoil: both(setLength(1, 9), flip(3, 80, 1)),
			want: []span{{0, 44}, {48, 52}, {56, 60}}, found: "damage 44-48; damage 52-56"},
		{name: "garbage in front", file: fileC, spoil: inFront, want: whole(), found: "gap"},
		{name: "garbage behind the end", file: fileC, spoil: appended(garbage), want: whole(), found: "torn tail 60-60"},
		{name: "untrimmed", file: fileC, spoil: appended(make([]byte, 9000)), want: whole()},
		{name: "last file missing", file: fileC, spoil: removed, want: []span{{0, 40}}, found: "damage 40-60"},

		// The last segment, synced up to 40: what is wrong is a torn tail.
		{name: "torn in a head", file: fileC, spoil: cutAt(4, 30), synced: 40, want: []span{{0, 56}}, found: "torn tail 56-56", next: 56},
		{name: "torn in the records", file: fileC, spoil: cutAt(4, 90), synced: 40, want: []span{{0, 56}}, found: "torn tail 56-56", next: 56},
		{name: "torn between batches", file: fileC, spoil: cutAt(4, 0), synced: 40, want: []span{{0, 56}}, next: 56},
		{name: "never written", file: fileC, spoil: zero(0, 5), synced: 40, want: []span{{0, 40}}, next: 40},
		{name: "torn, and sound batches behind", file: fileC, spoil: flip(2, 80, 1), synced: 40, want: []span{{0, 48}},
			found: "torn tail 48-48", next: 48},
		{name: "a hole of zeros, and sound batches behind", file: fileC, spoil: zero(1, 3), synced: 40, want: []span{{0, 44}},
			found: "torn tail 44-44", next: 44},
		{name: "torn without a checkpoint", file: fileC, spoil: flip(2, 80, 1), synced: -1, want: []span{{0, 48}},
			found: "torn tail 48-48", next: 48},
		{name: "rot and a torn tail", file: fileC, spoil: both(flip(1, 80, 1), cutAt(4, 90)), synced: 52,
			want: []span{{0, 44}, {48, 56}}, found: "damage 44-48; torn tail 56-56", next: 56},
		{name: "rot in a length and a torn tail", file: fileC, spoil: both(setLength(1, 9), cutAt(4, 90)), synced: 52,
			want: []span{{0, 44}, {48, 56}}, found: "damage 44-48; torn tail 56-56", next: 56},

		// A segment in the middle. A start trusts it, as its index says it was finished; readers find out, and Repair does.
		{name: "middle rotten, met by a reader", file: fileB, spoil: flip(2, 80, 1), want: []span{{0, 28}, {32, 60}}},
		{name: "a batch of the middle over the one before it, met by a reader", file: fileB, spoil: func(b []byte, at func(int) int) []byte {
			place := b[at(2):at(3)]
			clear(place[copy(place, b[at(3):at(4)]):])
			return b
		}, want: []span{{0, 28}, {32, 60}}},
		{name: "two batches of the middle swapped, met by a reader", file: fileB, spoil: func(b []byte, at func(int) int) []byte {
			return slices.Concat(b[:at(2)], b[at(3):at(4)], b[at(2):at(3)], b[at(4):])
		}, want: []span{{0, 28}, {36, 60}}},
		{name: "middle rotten", file: fileB, spoil: flip(2, 80, 1), all: true, want: []span{{0, 28}, {32, 60}}, found: "damage 28-32"},
		{name: "middle's last batch rotten", file: fileB, spoil: flip(4, 80, 1), all: true, want: []span{{0, 36}, {40, 60}}, found: "damage 36-40"},
		{name: "middle cut", file: fileB, spoil: cutAt(3, 20), all: true, want: []span{{0, 32}, {40, 60}}, found: "damage 32-40"},
		{name: "middle emptied", file: fileB, spoil: cutAt(0, 0), all: true, want: []span{{0, 20}, {40, 60}}, found: "damage 20-40"},
		{name: "middle reaches into the last", file: fileB,
			spoil: resealed(4, func(b []byte) { b[atCount+3], b[atLastDelta+3] = 8, 7 }), all: true,
			want: []span{{0, 36}, {40, 60}}, found: "damage 36-40"},
		{name: "middle overlaps the last with several batches", file: fileB,
			spoil: both(resealed(4, func(b []byte) { b[atCount+3], b[atLastDelta+3] = 8, 7 }), appended(forged(44, 4))), all: true,
			want: []span{{0, 36}, {40, 60}}, found: "damage 36-40"},
		{name: "garbage in front of the middle", file: fileB, spoil: inFront, all: true, want: whole(), found: "gap"},
		{name: "middle untrimmed", file: fileB, spoil: appended(make([]byte, 9000)), all: true, want: whole()},
		{name: "garbage behind the middle", file: fileB, spoil: appended(garbage), all: true, want: whole()},
		{name: "middle torn, never synced", file: fileB, spoil: flip(2, 80, 1), synced: 20, want: []span{{0, 28}, {32, 60}}, found: "gap 28-32"},
		{name: "middle lost, never synced", file: fileB, spoil: zero(2, 5), synced: 20, want: []span{{0, 28}, {40, 60}}, found: "gap 28-40"},
		{name: "first file missing", file: fileA, spoil: removed, want: []span{{20, 60}}, expired: 20},
		{name: "middle file missing, met by a reader", file: fileB, spoil: removed, want: []span{{0, 20}, {40, 60}}},
		{name: "middle file missing", file: fileB, spoil: removed, all: true, want: []span{{0, 20}, {40, 60}}, found: "damage 20-40"},

		{name: "first file cut in its first head", file: fileA, spoil: cutAt(0, 30), all: true, want: []span{{20, 60}}, found: "damage 0-20"},

		// Side files: none of them is believed.
		{name: "checkpoint garbage", file: checkpointName, spoil: become("no checkpoint at all, but long"), want: whole()},
		{name: "checkpoint's version rotten", file: checkpointName,
			spoil: func(b []byte, _ func(int) int) []byte { b[5] ^= 0x40; return b }, want: whole()},
		{name: "checkpoint cut", file: checkpointName, spoil: func(b []byte, _ func(int) int) []byte { return b[:9] }, want: whole()},
		{name: "checkpoint from long ago", file: checkpointName, spoil: become(encodedCheckpoint(4, 1)), want: whole()},
		{name: "checkpoint beyond any offset", file: checkpointName, spoil: become(encodedCheckpoint(1<<62+1, 1)), want: whole()},
		{name: "checkpoint negative", file: checkpointName, spoil: become(encodedCheckpoint(-5, 1)), want: whole()},
		{name: "checkpoint too high", file: checkpointName, spoil: become(encodedCheckpoint(100, 1)), want: whole(),
			found: "damage 60-100", next: 100},
		{name: "index missing", file: "00000000000000000020.index", spoil: removed, want: whole()},
		{name: "time index missing", file: "00000000000000000020.timeindex", spoil: removed, want: whole()},
		{name: "index garbage", file: "00000000000000000020.index", spoil: become("garbage!"), want: whole()},
		{name: "time index lies", file: "00000000000000000020.timeindex",
			spoil: func(b []byte, _ func(int) int) []byte { clear(b[:8]); return b }, want: whole()},
		{name: "a spare was being made", file: "spare.tmp", spoil: become(string(garbage)), want: whole()},
		{name: "an index was being made", file: "index.tmp", spoil: become("x"), want: whole()},
	}
	for name, at := range map[string]int{"base": 7, "length": atLength + 3, "CRC": atCRC, "attributes": atAttributes + 1, "last delta": atLastDelta + 3,
		"base time": atBaseTime + 7, "greatest time": atMaxTime + 7, "producer": atProducer, "producer epoch": atProducer + 8, "binding": atBinding,
		"epoch": atEpoch + 3, "count": atCount + 3} {
		rows = append(rows, corruption{name: "a bit of the " + name, file: fileC, spoil: flip(2, at, 16), want: lost48, found: "damage 48-52"})
	}
	return rows
}

func TestNamedCorruptions(t *testing.T) {
	for _, c := range corruptions() {
		t.Run(c.name, func(t *testing.T) {
			d := disk.NewMem()
			f := threeSegments(t, d)
			spoilFile(t, d, f.dir, &c)
			next := c.next
			if next == 0 {
				next = inAll
			}
			f.openAll(c.all)
			if found := kinds(f.findings); found != c.found {
				t.Errorf("found %q, want %q", found, c.found)
			}
			for _, found := range f.findings {
				if found.Acknowledged() != strings.HasPrefix(kinds([]Finding{found}), "damage") || found.String() == "" {
					t.Errorf("acknowledged records? %v", found)
				}
			}
			if f.First() != c.expired || f.Next() != next || f.Written() != next || f.Synced() != next {
				t.Fatalf("the log goes from %d to %d, %d written, %d synced; want %d to %d", f.First(), f.Next(), f.Written(), f.Synced(), c.expired, next)
			}
			f.holds(c.want...)
			for _, s := range c.want {
				for n := s.first; n < s.next; n++ {
					if at, err := f.OffsetAt(10 * n); err != nil || at != n {
						t.Fatalf("time %d is at offset %d, %v; want %d", 10*n, at, err, n)
					}
				}
			}
			f.readsFromAnywhere(c.want, next)

			f.must(f.Close())
			f.openAll(c.all) // what was found is not found again
			f.quiet()
			f.holds(c.want...)
			f.addSynced(next, next+9)
			want := join(slices.Clone(c.want), next, next+9)
			f.holds(want...)
			f.now += 10 // and nothing is left lying about
			for _, name := range d.Paths() {
				if strings.HasSuffix(name, temporarySuffix) {
					t.Errorf("%s is still there", name)
				}
			}
			f.must(f.Close())
			f.reopen()
			f.quiet()
			f.holds(want...)
			sum := verifyMem(t, d, f.dir)
			if c.all && sum.Damaged > 0 {
				t.Errorf("verify still finds damage: %+v", sum)
			}
		})
	}
}

// threeSegments writes the log of the table and closes it.
func threeSegments(t testing.TB, d *disk.Mem) *fixture {
	f := openLog(t, d, testOptions())
	for n := int64(0); n < inAll; n += perBatch {
		if n > 0 && n%perSegment == 0 {
			f.must(f.RollOlder(f.now + 1))
		}
		f.addSynced(n, n+perBatch)
	}
	f.must(f.Close())
	return f
}

// spoilFile does to a file what the row says, and sets the checkpoint.
func spoilFile(t testing.TB, d *disk.Mem, dir string, c *corruption) {
	switch {
	case c.synced > 0:
		d.Put(dir+"/"+checkpointName, []byte(encodedCheckpoint(c.synced, 1)))
	case c.synced < 0:
		d.Put(dir+"/"+checkpointName, nil)
	}
	path := dir + "/" + c.file
	var content []byte
	if file := d.File(path); file != nil {
		content = bytes.Clone(file.Bytes())
	} else if !strings.HasSuffix(path, temporarySuffix) {
		t.Fatalf("there is no %s:\n%v", path, d)
	}
	var starts []int
	pos := 0
	for strings.HasSuffix(path, ".log") && pos < len(content) {
		starts = append(starts, pos)
		h, wrong := checkBatch(content[pos:])
		if wrong != "" {
			t.Fatal(wrong)
		}
		pos += int(h.size)
	}
	starts = append(starts, pos)
	d.Put(path, c.spoil(content, func(i int) int { return starts[i] }))
}

// openAll is reopen, or what Repair does.
func (f *fixture) openAll(all bool) {
	f.Helper()
	f.readAll = all
	f.reopen()
	f.readAll = false
}

// readsFromAnywhere starts a cursor at every offset and compares with what is there.
func (f *fixture) readsFromAnywhere(want []span, next int64) {
	f.Helper()
	for offset := f.First(); offset < next; offset++ {
		there, lost := f.readFrom(offset)
		if len(lost) > 0 && lost[0].next <= offset {
			f.Fatalf("who reads from %d on is told that %v are lost", offset, lost[0])
		}
		var left []span
		for _, s := range want {
			if s.next > offset {
				left = append(left, s)
			}
		}
		if len(left) > 0 && left[0].first < offset {
			left[0].first = offset / perBatch * perBatch // batches are handed out whole
		}
		if fmt.Sprint(there) != fmt.Sprint(left) {
			f.Fatalf("from %d on the log holds %v, want %v", offset, there, left)
		}
	}
}

// kinds writes findings as the table does; known gaps are no news.
func kinds(findings []Finding) string {
	var parts []string
	for _, f := range findings {
		switch {
		case f.Kind == KnownGap:
		case f.Kind == Gap && f.First == f.Next:
			parts = append(parts, "gap")
		default:
			parts = append(parts, fmt.Sprintf("%v %d-%d", f.Kind, f.First, f.Next))
		}
	}
	return strings.Join(parts, "; ")
}

func verifyMem(t testing.TB, d disk.Disk, dir string) Summary {
	t.Helper()
	var sum Summary
	v := verifier{disk: d, dir: dir, sum: &sum}
	if err := v.log(); err != nil {
		t.Fatal(err)
	}
	return sum
}
