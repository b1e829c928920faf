package segstore

// The decision table of recovery. The scan stands at a position in a segment, where the record with the offset `expected` is due.
// What it does next follows from six facts, and from nothing else:
//
//	fact      means
//	batch     a whole, sound batch stands here and begins at expected
//	reached   a later segment begins at expected
//	synced    expected is below the checkpoint: it was once reported to be on disk
//	later     a later segment exists, and this one may be taken for whole (see tornRoll)
//	zeros     nothing but zeros stands from here to the end of the file
//	sound     sound batches stand further on in this file (see findSound)
//
//	batch reached synced later zeros sound   verdict
//	yes   -       -      -     -     -       keep      take the batch, go on behind it
//	no    yes     -      -     -     -       end       the segment is whole; what follows in the file is its untrimmed rest
//	no    no      yes    -     -     yes     skip      rot: set the bytes aside, go on at the sound batches
//	no    no      yes    -     -     no      damage    rot: set the rest of the file aside, go on with the next segment
//	no    no      no     yes   -     yes     skip      a hole before later segments; nothing that is sound is dropped
//	no    no      no     yes   -     no      damage    the same, and the rest of the file is lost
//	no    no      no     no    yes   -       end       the clean end of the log
//	no    no      no     no    no    -       cut       a torn tail: cut it, and zero what follows
//
// In the last row sound batches may well stand behind the tear: a disk writes in any order. They were never acknowledged as safe,
// since what stands before them was not on disk. They go with the tail, but their bytes are kept aside.
type facts struct{ batch, reached, synced, later, zeros, sound bool }

// verdict is what the scan does next.
type verdict uint8

const (
	keep verdict = iota
	end
	skip
	damage
	cut
)

// tri is a fact's value in a row of the table: it must be so, must not, or does not matter.
type tri uint8

const (
	either tri = iota
	yes
	no
)

func (t tri) holds(fact bool) bool { return t == either || (t == yes) == fact }

// recoveryTable is the table above, as data.
var recoveryTable = []struct {
	batch, reached, synced, later, zeros, sound tri
	verdict                                     verdict
}{
	{yes, either, either, either, either, either, keep},
	{no, yes, either, either, either, either, end},
	{no, no, yes, either, either, yes, skip},
	{no, no, yes, either, either, no, damage},
	{no, no, no, yes, either, yes, skip},
	{no, no, no, yes, either, no, damage},
	{no, no, no, no, yes, either, end},
	{no, no, no, no, no, either, cut},
}

func decide(f facts) verdict {
	for _, row := range recoveryTable {
		if row.batch.holds(f.batch) && row.reached.holds(f.reached) && row.synced.holds(f.synced) &&
			row.later.holds(f.later) && row.zeros.holds(f.zeros) && row.sound.holds(f.sound) {
			return row.verdict
		}
	}
	panic("BUG: the recovery table does not decide every case")
}

// place is where a scan stopped, and why.
type place struct {
	verdict  verdict
	position int64  // of the first byte that is not kept
	expected int64  // the offset that was due there
	resume   int64  // skip: position of the sound batches further on
	next     int64  // skip: their first offset
	reason   string // what is wrong here
	sound    bool   // cut: sound batches stand behind the tear
}

// scan walks one segment from its start and calls kept for each batch it keeps. It stops where the table says anything else.
// From written on there are only zeros. nextBase is the base of the segment behind it, or -1; synced is the checkpoint, or 0; torn says
// that the later segments don't count.
func scan(data []byte, written, base, nextBase, synced int64, torn bool, kept func(pos int64, h header)) place {
	pos, expected := int64(0), base
	for {
		h, wrong := checkBatch(data[pos:])
		if wrong == "" && h.base != expected {
			wrong = "a batch with another offset stands here"
		}
		if wrong == "" && nextBase >= 0 && h.next() > nextBase {
			wrong = "the batch reaches into the next segment"
		}
		f := facts{batch: wrong == "", reached: expected == nextBase, synced: expected < synced, later: nextBase >= 0 && !torn}
		at := place{position: pos, expected: expected, reason: wrong}
		if !f.batch && !f.reached {
			f.zeros = allZero(data[pos:max(pos, written)])
			if !f.zeros {
				at.resume, at.next, f.sound = newSearch(data, written, nextBase, synced).find(pos, expected)
			}
		}
		at.sound = f.sound
		if at.verdict = decide(f); at.verdict != keep {
			return at
		}
		kept(pos, h)
		pos += h.size
		expected = h.next()
	}
}

// findSound looks behind pos, where the record `expected` is due and no sound batch stands, for the next one that can be believed.
// A record's value may hold anything, a batch with a right CRC included, so a batch is believed only
//
//   - where the damaged batch's own head says that the next one begins, and with the offset it says, or
//   - if batches follow one another from it without a gap up to the end of the file's batches: zeros, the end of the file, nextBase,
//     or, if no others do and this is the last segment, a tear, and one of them ends where the checkpoint says. Damaged batches on
//     the way count as long as their heads lead on.
//
// What is claimed to be a batch may have been made to look like one, so the bytes read for its sake are bounded: when they are used
// up, nothing sound was found, and everything stays where it is put aside. synced is the checkpoint, or -1 when tears don't count.
func findSound(data []byte, pos, expected, nextBase, synced int64) (at, offset int64, ok bool) {
	return newSearch(data, int64(len(data)), nextBase, synced).find(pos, expected)
}

func newSearch(data []byte, written, nextBase, synced int64) *search {
	return &search{data: data, zeros: zerosFrom(data[:written]), nextBase: nextBase, synced: synced, budget: 8 * int64(len(data))}
}

func (s *search) find(pos, expected int64) (at, offset int64, ok bool) {
	if at, h, leads := s.leadsOn(pos, expected); leads {
		return at, h.base, true
	}
	highest := expected + int64(len(s.data)) // a record takes more than a byte, so no offset in the file can be above this
	if s.nextBase >= 0 {
		highest = min(highest, s.nextBase-1)
	}
	tornAt := int64(0)
	for at = pos; at+BatchOverhead <= s.zeros && s.budget > 0; at++ {
		if s.data[at+atMagic] != magic {
			continue
		}
		h := readHeader(s.data[at:])
		if h.base < expected || h.base > highest || h.size > int64(len(s.data))-at {
			continue
		}
		batches, torn := s.chain(at, h.base)
		if at == pos && batches == 1 && h.next() != s.nextBase {
			continue // where one with another offset is due, its offset may be what is damaged: the CRC leaves it out
		}
		if batches > 0 {
			return at, h.base, true
		}
		if torn && !ok {
			tornAt, offset, ok = at, h.base, true
		}
	}
	return tornAt, offset, ok
}

// search is one search for sound batches.
type search struct {
	data             []byte
	zeros            int64 // from here on there is nothing else
	nextBase, synced int64
	budget           int64          // bytes that may still be read
	failed           map[int64]bool // positions whose batches lead nowhere
}

// check is checkBatch, and counts what it may have read.
func (s *search) check(at int64) (h header, sound bool) {
	h, wrong := checkBatch(s.data[at:])
	s.budget -= min(max(h.size, BatchOverhead), int64(len(s.data))-at)
	return h, wrong == "" && (s.nextBase < 0 || h.next() <= s.nextBase)
}

// leadsOn takes the damaged bytes at pos for a batch whose head is whole, and says whether a sound batch follows it as it should.
func (s *search) leadsOn(pos, expected int64) (at int64, h header, ok bool) {
	if pos+BatchOverhead > int64(len(s.data)) {
		return 0, h, false
	}
	damaged := readHeader(s.data[pos:])
	at = pos + damaged.size
	if damaged.magic != magic || damaged.base != expected || damaged.size < BatchOverhead || at > int64(len(s.data))-BatchOverhead ||
		damaged.count <= 0 || damaged.last-damaged.base != int64(damaged.count)-1 {
		return 0, h, false
	}
	h, sound := s.check(at)
	return at, h, sound && h.base == damaged.next()
}

// chain says how many batches lead from the sound one at at to the end of the file's batches, 0 if they don't; torn if they lead at
// least past the checkpoint to a tear.
func (s *search) chain(at, base int64) (batches int, torn bool) {
	start, expected := at, base
	reachedSynced := false
	var passed []int64
	for s.budget > 0 && !s.failed[at] {
		h, sound := s.check(at)
		if !sound || h.base != expected {
			if at == start {
				break
			}
			if at >= s.zeros || expected == s.nextBase {
				return len(passed), false
			}
			next, following, ok := s.leadsOn(at, expected)
			if !ok {
				break
			}
			passed = append(passed, at)
			at, expected = next, following.base
		} else {
			passed = append(passed, at)
			at, expected = at+h.size, h.next()
		}
		reachedSynced = reachedSynced || expected == s.synced
		if at == int64(len(s.data)) {
			return len(passed), false
		}
	}
	if s.failed == nil {
		s.failed = map[int64]bool{}
	}
	for _, p := range passed {
		s.failed[p] = true
	}
	return 0, s.nextBase < 0 && reachedSynced
}

// zerosFrom is the position from which on everything is zero.
func zerosFrom(b []byte) int64 {
	n := len(b)
	for n >= 8 && b[n-1]|b[n-2]|b[n-3]|b[n-4]|b[n-5]|b[n-6]|b[n-7]|b[n-8] == 0 {
		n -= 8
	}
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return int64(n)
}

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if b[0]|b[1]|b[2]|b[3]|b[4]|b[5]|b[6]|b[7] != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
