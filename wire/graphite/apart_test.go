package graphite

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"penstock/wire"
	"penstock/wire/wiretest"
)

// twoPoint is a point of a pickle in protocol 2; a stamp that is none makes one that is refused.
func twoPoint(name string, stamp, value any) string {
	number := func(n any) string {
		switch n := n.(type) {
		case int:
			return "J" + string(binary.LittleEndian.AppendUint32(nil, uint32(n)))
		case float64:
			return "G" + string(binary.BigEndian.AppendUint64(nil, math.Float64bits(n)))
		}
		return n.(string)
	}
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(name)))) + name + number(stamp) + number(value) + "\x86\x86"
}

// Whether a frame's points are laid as they come or gathered first, and whatever came before it, the same comes of it.
func TestPickle_Apart(t *testing.T) {
	settings := Settings{Tags: NoTags}
	list := func(points ...string) string { return "\x80\x02](" + strings.Join(points, "") + "e." }
	many := func(n int, series int) string {
		var points []string
		for i := range n {
			points = append(points, twoPoint(fmt.Sprintf("many.%d", i%series), 1790000000+i/7, float64(i)/4))
		}
		return list(points...)
	}
	one, two := twoPoint("a.b", 1790000000, 1.5), twoPoint("a.c", 1790000001, 2)
	frames := []string{
		list(one, two), list(one, two, twoPoint("a.d", 1790000001.5, 1e300)), list(one, two, one), list(one, one), list(), "].", "]" + one + "a" + two + "a.",
		list(twoPoint("m;a=1;b=2", 1, 1), twoPoint("m;b=2;a=1", 2, 2)), list(twoPoint("m;b=2;a=1", 1, 1), one, twoPoint("m;a=1;b=2", 2, 2)), // one series by two names
		list(one, twoPoint("", 1, 1), two), list(one, twoPoint("x", math.NaN(), 1), two), list(one, twoPoint("x", 1, math.Inf(1)), two), list(two, twoPoint("x;a", 1, 1)), // refused
		list(one, twoPoint("x", -1, 1)), list(one, twoPoint("x", "N", 1), two), list(one, twoPoint("y", "U\x011", 1)), list(one, "N"), // read by the machine, or refused by it
		list(one, two) + "x", "](" + one, "](" + one + two + "e", "](" + one + "N.", "](" + one + two + "a.",
		many(500, 500), many(500, 100), many(1100, 1100), many(3, 2),
		list(twoPoint("caf\xe9", 1, 1), twoPoint("caf\xc3\xa9", 1, 2)), list(twoPoint(strings.Repeat("x", 2000), 1, 1), one), list(twoPoint(strings.Repeat("x", 2000), 1, 1), twoPoint(strings.Repeat("x", 2000), 2, 1)),
	}
	const seed = 20261127
	random := rand.New(rand.NewPCG(seed, 0))
	used := open(t, settings, "pickle").(*pickles)
	layered, layeredLaid := open(t, settings, "pickle").(*pickles), 0
	laid := 0
	for i := range 6 * len(frames) {
		frame := frames[i%len(frames)]
		if random.IntN(2) == 0 {
			frame = frames[random.IntN(len(frames))]
		}
		gathering := open(t, settings, "pickle").(*pickles)
		gathering.gathers = true
		before := used.gathers
		if got, want := tellFrame(used, frame), tellFrame(gathering, frame); got != want {
			t.Fatalf("seed %d, frame %d: %q makes\n%s, and gathered\n%s", seed, i, frame, got, want)
		}
		if !before && !used.gathers {
			laid++
		}
		got, n := tellLaid(layered, frame)
		if want := tellFrame(gathering, frame); got != want {
			t.Fatalf("seed %d, frame %d: %q makes\n%s, with %d laid, and gathered\n%s", seed, i, frame, got, n, want)
		}
		layeredLaid += n
	}
	if layeredLaid < 1000 {
		t.Errorf("only %d records were laid while they were parsed", layeredLaid)
	}
	if laid < 10 {
		t.Errorf("only %d frames were laid as they came", laid)
	}
}

// tellFrame is what comes of a frame, behind what is there already.
func tellFrame(p wire.Parser, frame string) string {
	var b wire.Batch
	b.Add().Topic = []byte("before")
	return tellOf(p.Parse(request([]byte(frame)), &b), &b)
}

// tellLaid is the same where records are laid while they are parsed.
func tellLaid(p wire.Parser, frame string) (text string, laid int) {
	layer := wiretest.Layer{Records: []wire.Record{{Topic: []byte("before")}}}
	b := wire.Batch{Layer: &layer, Hash: func([]byte) uint64 { return 1 }}
	fault := p.Parse(request([]byte(frame)), &b)
	laid = len(layer.Records) - 1
	b.Layer, b.Records = nil, append(layer.Records, b.Records...)
	return tellOf(fault, &b), laid
}

func tellOf(fault *wire.Fault, b *wire.Batch) string {
	text := ""
	if fault != nil {
		text = fmt.Sprintf("%v %s at %d", fault.Code, fault.Detail, fault.Offset)
	}
	for i := range b.Records {
		text += "\n" + wiretest.Tell(&b.Records[i])
	}
	kept, all := b.Rejected()
	text += fmt.Sprint(all, " refused")
	for i := range kept {
		text += fmt.Sprintf("\n%v %s %q at %d", kept[i].Code, kept[i].Detail, kept[i].Raw, kept[i].Offset)
	}
	return text
}

// A point that is expected is one to its last byte: cut anywhere, or with any byte changed, a frame is what it is for a parser that
// expects nothing.
func TestPickle_Expected(t *testing.T) {
	double := "G" + string(binary.BigEndian.AppendUint64(nil, math.Float64bits(12.5)))
	stamp := "J" + string(binary.LittleEndian.AppendUint32(nil, 1790000000))
	point := func(name, put string) string {
		return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(name)))) + name + put + stamp + double + "\x86" + put + "\x86" + put
	}
	short := func(name string) string {
		return "\x8c" + string(rune(len(name))) + name + "\x94" + stamp + double + "\x86\x94\x86\x94"
	}
	for _, frame := range []string{
		"\x80\x02](" + point("a.b", "") + point("a.c", "q\x01") + point("a.d", "r\x00\x01\x00\x00") + point("a.b.c", "") + "e.",
		"\x80\x04](" + short("a.b") + short("a.c") + short("a.d") + short("a.b.c") + "e.",
	} {
		used := open(t, Settings{Tags: NoTags}, "pickle").(*pickles)
		for range 2 {
			tellFrame(used, frame)
		}
		check := func(frame string) {
			t.Helper()
			used.gathers = false
			gathering := open(t, Settings{Tags: NoTags}, "pickle").(*pickles)
			gathering.gathers = true
			if got, want := tellFrame(used, frame), tellFrame(gathering, frame); got != want {
				t.Fatalf("%q makes\n%s, and gathered\n%s", frame, got, want)
			}
		}
		check(frame)
		first := strings.IndexByte(frame, '(') + 1
		for _, marked := range []bool{false, true} {
			var b wire.Batch
			used.apart.Begin()
			if used.layExpected(&usual{src: []byte(frame), at: first, marked: marked}, request([]byte(frame)), &b) != marked || marked != (len(b.Records) == 1) {
				t.Errorf("marked: %t: %d points are laid", marked, len(b.Records))
			}
		}
		for i := range frame {
			check(frame[:i])
			for _, change := range []byte{1, 2, 0x40, 0xff} {
				other := []byte(frame)
				other[i] ^= change
				check(string(other))
			}
		}
	}
}
