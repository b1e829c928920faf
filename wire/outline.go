package wire

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"

	"penstock/segstore/pack"
)

// Outlines remembers the series that senders of single points name again and again: from the bytes that name one on the wire to what
// its record is but for its points. One for each worker; the zero value is ready. Use: Begin, then Find, then Learn if that found
// nothing, then Lay. Where a series' bytes are quicker compared than found, Next and Met come before.
//
// Senders name their series in the same order each time, so each outline has which one followed it last. That one is compared first:
// as outlines lie in the order in which they came, a sender's lines go through memory once from its beginning to its end.
//
// What senders can make it hold is bounded, in number and bytes. When it is full it stays as it is until it was asked for as many
// strangers as it knows series; then it begins anew. So a few series too many cost a few misses, not all.
type Outlines struct {
	slots     []outlineSlot // open addressing
	all       []outline
	text      []byte            // of all: the two parts of the name, then head, tail and key
	last      uint32            // 1 + an index into all: what was found or learned last; 0: nothing was
	next      uint32            // the same: what followed it the last time
	guess     uint32            // the same, or 0 when that was often wrong
	wrong     int               // how often in a row, up to mostWrong
	series    map[uint64]uint32 // by the hash of head and tail: which of all was the first that has it
	met       Outline           // what was met last
	stray     outline           // what was learned last and is not remembered
	asked     uint64            // the hash of what Find was asked for last
	strangers int               // asked for since it is full
	tenant    []byte
}

type outlineSlot struct {
	hash uint32
	of   uint32 // 1 + an index into all, or 0
}

type outline struct {
	at                uint32 // in text
	next              uint32 // 1 + an index into all: what followed it the last time; 0: nothing yet
	head, tail        uint32 // lengths
	name, rest, whole uint16 // lengths where it is remembered; whole is head, tail and key
	kind              uint8
	kept              bool
	mark              uint32       // its series' number, if it has one in the request: see OfOutline
	series            uint32       // 1 + an index into all: the first that is of the same series; 0: it is not remembered
	hash              uint64       // of head and tail
	routed            uint64       // the key's by the batch's Hash; 0: not known yet
	packed            *pack.Series // how it is packed; nil: it was not yet
}

// The bounds. An outline that is longer is laid, but not remembered.
const (
	mostOutlines     = 16 << 10
	mostOutlineBytes = 4 << 20
	longestOutline   = 1 << 10 // the name's bytes counted
)

// mostWrong is how often in a row something else may come before no guess is made: to look at what does not come costs time. Whether it
// would have been right is told without looking; once is enough.
const mostWrong = 8

// Outline is a series' record but for its points. It is valid until the next Begin; if it is not remembered, until the next Learn.
type Outline struct {
	text []byte // head, tail and key
	of   *outline
}

// Single is a point in the digits in which it was sent.
type Single = pack.Point

// Begin is called before each request, or line, with its tenant: what is remembered is one tenant's.
func (o *Outlines) Begin(tenant []byte) {
	if o.strangers >= mostOutlines || !bytes.Equal(tenant, o.tenant) {
		clear(o.slots)
		clear(o.series)
		if slices.ContainsFunc(o.all, func(of outline) bool { return of.packed != nil }) {
			o.text = nil // who packs may need it yet
		}
		o.all, o.text, o.strangers = o.all[:0], o.text[:0], 0
		o.last, o.next, o.guess, o.wrong = 0, 0, 0, 0
		o.tenant = append(o.tenant[:0], tenant...)
	}
}

// Next is what Find would be asked for if the series comes now that followed, the last time, the one that was found or learned last; name is
// nil when nothing is known to. It is valid until the next Begin or Learn. In parts, since such a struct would lie in memory.
func (o *Outlines) Next() (kind uint8, name, rest []byte) {
	if o.guess == 0 {
		return 0, nil, nil
	}
	had := &o.all[o.guess-1]
	text := o.text[had.at:]
	return had.kind, text[:had.name], text[had.name:][:had.rest]
}

// Met returns the outline of the series that Next told: it has come. It is valid until the next Met.
func (o *Outlines) Met() *Outline {
	had := &o.all[o.guess-1]
	o.last, o.next, o.guess, o.wrong = o.guess, had.next, had.next, 0
	m := &o.met
	m.text, m.of = o.textOf(had), had
	return m
}

func (o *Outlines) textOf(had *outline) []byte {
	return o.text[had.at:][int(had.name)+int(had.rest):][:had.whole]
}

func (o *Outlines) outline(had *outline) Outline { return Outline{text: o.textOf(had), of: had} }

// Find returns the outline of a series whose name on the wire has two parts, the second perhaps empty. kind is what else makes it
// another series. ok is false when it is not known.
func (o *Outlines) Find(kind uint8, name, rest []byte) (known Outline, ok bool) {
	if o.guess != 0 && o.is(&o.all[o.guess-1], kind, name, rest) {
		return *o.Met(), true
	}
	o.asked = maphash.Bytes(seed, name) + uint64(kind)
	if len(rest) > 0 {
		o.asked = bits.RotateLeft64(o.asked, 31) ^ maphash.Bytes(seed, rest)
	}
	if len(o.slots) == 0 {
		return known, false
	}
	mask := uint32(len(o.slots) - 1)
	for at := uint32(o.asked) & mask; o.slots[at].of != 0; at = (at + 1) & mask {
		if o.slots[at].hash != uint32(o.asked) {
			continue
		}
		if o.is(&o.all[o.slots[at].of-1], kind, name, rest) {
			return o.follow(o.slots[at].of), true
		}
	}
	return known, false
}

// is reports whether an outline is that of a series.
func (o *Outlines) is(had *outline, kind uint8, name, rest []byte) bool {
	if had.kind != kind || int(had.name) != len(name) || int(had.rest) != len(rest) {
		return false
	}
	text := o.text[had.at:]
	return string(text[:len(name)]) == string(name) && string(text[len(name):][:len(rest)]) == string(rest)
}

// follow returns an outline that has come, and notes that it follows the last one.
func (o *Outlines) follow(of uint32) Outline {
	switch o.next {
	case of:
		o.wrong = 0
	case 0:
	default:
		o.wrong = min(o.wrong+1, mostWrong)
	}
	if o.last != 0 {
		o.all[o.last-1].next = of
	}
	had := &o.all[of-1]
	o.last, o.next, o.guess = of, had.next, had.next
	if o.wrong == mostWrong {
		o.guess = 0
	}
	return o.outline(had)
}

// Learn makes the outline of a series that Find was just asked for in vain, and remembers it if there is room. Without a name it is
// not remembered. The metric has no ID.
func (o *Outlines) Learn(kind uint8, name, rest []byte, m *Metric, from Source) Outline {
	at := len(o.text)
	text := append(append(o.text, name...), rest...)
	begins := len(text)
	text = append(m.appendHead(text), '[')
	head := len(text) - begins
	text = m.appendTail(append(text, ']'), from)
	tail := len(text) - begins - head
	hash := maphash.Bytes(seed, text[begins:])
	text = m.AppendKey(text)
	o.text = text[:at]
	made := outline{
		at: uint32(at), name: uint16(len(name)), rest: uint16(len(rest)), head: uint32(head), tail: uint32(tail), whole: uint16(len(text) - begins),
		kind: kind, hash: hash,
	}
	switch {
	case len(name) == 0, len(text)-at > longestOutline:
	case len(o.all) == mostOutlines || len(text) > mostOutlineBytes:
		o.strangers++
	default:
		made.kept, made.series = true, o.seriesOf(hash)
		o.text, o.all = text, append(o.all, made)
		o.place(uint32(o.asked))
		return o.follow(uint32(len(o.all)))
	}
	o.stray = made
	return Outline{text: text[begins:], of: &o.stray}
}

// seriesOf numbers the series of an outline that is to be the next of all.
func (o *Outlines) seriesOf(hash uint64) uint32 {
	first, ok := o.series[hash]
	if !ok {
		if o.series == nil {
			o.series = map[uint64]uint32{}
		}
		first = uint32(len(o.all)) + 1
		o.series[hash] = first
	}
	return first
}

// place gives the last of all its slot.
func (o *Outlines) place(hash uint32) {
	if 2*len(o.all) > len(o.slots) {
		had := o.slots
		o.slots = make([]outlineSlot, max(64, 2*len(had)))
		for _, s := range had {
			if s.of != 0 {
				*o.free(s.hash) = s
			}
		}
	}
	*o.free(hash) = outlineSlot{hash: hash, of: uint32(len(o.all))}
}

// free finds the slot that a new hash goes to.
func (o *Outlines) free(hash uint32) *outlineSlot {
	mask := uint32(len(o.slots) - 1)
	at := hash & mask
	for o.slots[at].of != 0 {
		at = (at + 1) & mask
	}
	return &o.slots[at]
}

// Lay lays the record of one point, which is the caller's again then, and had better not be on its stack.
func (l *Outline) Lay(b *Batch, topic []byte, p *Single) {
	head, behind := int(l.of.head), int(l.of.head)+int(l.of.tail)
	size := behind + len(p.Stamp) + len(p.Zeros) + len(",") + len(p.Value)
	text := l.text[:behind]
	key := l.text[behind:]
	hash := l.of.route(key, b)
	var to []byte
	if !b.Packs {
		to = b.Lay(topic, key, hash, size, p.Time)
	} else if l.of.kept {
		if l.of.packed == nil {
			l.of.packed = new(pack.Series)
		}
		x := &b.sample
		x.Series, x.Text, x.Head, x.Tail, x.Point = l.of.packed, l.text, head, behind-head, p
		if b.pack(topic, hash) {
			return
		}
	}
	if to == nil {
		text = l.text // behind the record's value goes its key
		to = b.Scratch(size + len(key))
		r := b.Add()
		r.Topic, r.Key, r.Value, r.Time, r.Hash = topic, to[size:len(to):len(to)], to[:size:size], p.Time, hash
	}
	at := copy(to, text[:head])
	at += copyShort(to[at:], p.Stamp)
	if p.Zeros != "" {
		at += copy(to[at:], p.Zeros)
	}
	to[at] = ','
	at++
	at += copyShort(to[at:], p.Value)
	copy(to[at:], text[head:])
}

// route is the hash of the outline's key, or 0 where nothing is remembered or nobody asks.
func (o *outline) route(key []byte, b *Batch) uint64 {
	if o.routed == 0 && o.kept && b.Hash != nil {
		o.routed = b.Hash(key)
	}
	return o.routed
}

// copyShort is copy for what is short, and has more behind it that may be copied along: 16 bytes, where there is room. What comes too much is
// to be written over. In two words, as src may have been written as such just now: a processor has to wait to read both at once.
func copyShort(dst, src []byte) int {
	if len(src) <= 16 && cap(src) >= 16 && len(dst) >= 16 {
		two := (*[16]byte)(src[:16])
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(two[:8]))
		binary.LittleEndian.PutUint64(dst[8:], binary.LittleEndian.Uint64(two[8:]))
		return len(src)
	}
	return copy(dst, src)
}
