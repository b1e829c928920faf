package pack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pierrec/lz4/v4"
)

// laid is a frame that is being written, behind something else, and the records that it is to hold.
type laid struct {
	frame Frame
	dst   []byte
	want  []byte
}

const ahead = "head" // what stands before a frame

func begin(most int) *laid {
	l := &laid{}
	l.dst = l.frame.Begin(append(make([]byte, 0, most+most/128+Overhead), ahead...))
	return l
}

// add adds a sample with something before its key.
func (l *laid) add(lead string, size uint16, x *Sample) {
	l.dst = l.frame.Add(append(l.dst, lead...), len(lead), size, x)
	l.want = append(append(l.want, lead...), x.Key()...)
	l.want = binary.LittleEndian.AppendUint16(l.want, size)
	l.want = fmt.Appendf(l.want, "%s%s%s,%s%s\x00", x.Text[:x.Head], x.Stamp, x.Zeros, x.Value, x.Text[x.Head:][:x.Tail])
}

// check finishes the frame, and reads it as LZ4's own reader and its specification have it.
func (l *laid) check(t testing.TB) (size int) {
	t.Helper()
	l.dst = l.frame.Finish(l.dst, len(ahead))
	if l.frame.Open() || string(l.dst[:len(ahead)]) != ahead {
		t.Fatalf("open: %t; before the frame stands %q", l.frame.Open(), l.dst[:len(ahead)])
	}
	frame := l.dst[len(ahead):]
	got, err := io.ReadAll(lz4.NewReader(bytes.NewReader(frame)))
	if err != nil || !bytes.Equal(got, l.want) {
		at := commonStart(got, l.want)
		t.Fatalf("%v; %d bytes, want %d; from %d on\n%q, want\n%q", err, len(got), len(l.want), at, tail(got, at), tail(l.want, at))
	}
	block, ok := Block(frame)
	if !ok {
		t.Fatal("it is no frame of ours")
	}
	checkEnd(t, block, len(l.want))
	return len(frame)
}

func tail(text []byte, at int) []byte { return text[at:min(at+200, len(text))] }

// checkEnd holds a block against the specification's "end of block conditions", which not every reader asks for.
func checkEnd(t testing.TB, block []byte, size int) {
	t.Helper()
	length := func(n int) int {
		if n == extended {
			for block = block[1:]; ; block = block[1:] {
				n += int(block[0])
				if block[0] != 255 {
					break
				}
			}
		}
		return n
	}
	for at := 0; ; {
		token := block[0]
		literals := length(int(token >> 4))
		at += literals
		if block = block[1+literals:]; len(block) == 0 {
			if literals < 5 || token&15 != 0 {
				t.Fatalf("the last sequence has %d literals, and takes %d", literals, token&15)
			}
			return
		}
		distance := int(binary.LittleEndian.Uint16(block))
		if block = block[1:]; at > size-12 || distance > at || distance == 0 {
			t.Fatalf("at %d of %d something is taken that is %d back", at, size, distance)
		}
		at += length(int(token&15)) + shortest
		block = block[1:]
	}
}

func sampleOf(head, tail, key string) *Sample {
	return &Sample{Series: new(Series), Text: []byte(head + tail + key), Head: len(head), Tail: len(tail), Point: &Point{}}
}

func (s *Sample) at(ms int64, value string) *Sample {
	s.Time, s.Stamp, s.Value = ms, strconv.AppendInt(nil, ms, 10), []byte(value)
	if strings.HasSuffix(string(s.Stamp), "000") {
		s.Stamp, s.Zeros = s.Stamp[:len(s.Stamp)-3], "000"
	} else {
		s.Zeros = ""
	}
	return s
}

// usual are an agent's series, as a wire makes them.
func usual(n int) (all []*Sample) {
	for i := range n {
		tags := fmt.Sprintf(`{"cpu":"%d","dc":"eu1","host":"host-%d"}`, i%4, i/40)
		all = append(all, sampleOf(fmt.Sprintf(`{"kind":"metric","metric":"node.cpu.mode%d","tags":%s,"points":[[`, i/4%10, tags), `]],"wire":"graphite"}`,
			fmt.Sprintf("node.cpu.mode%d;cpu=%d;dc=eu1;host=host-%d", i/4%10, i%4, i/40)))
	}
	return all
}

// The samples of an agent take a fifth of their bytes, from the second time on that they come in an order.
func TestFrame_Usual(t *testing.T) {
	all := usual(500)
	for round := range 3 {
		l := begin(200 * len(all))
		for i, x := range all {
			l.add("\xb0\x03\x00\x00"+string(rune(i)), 0x82c+uint16(i), x.at(1790000000000+int64(round)*10_000, fmt.Sprintf("%d.%02d", i%37, i)))
		}
		size := l.check(t)
		t.Logf("%d bytes of %d", size, len(l.want))
		if 4*size > len(l.want) {
			t.Errorf("a frame of %d bytes holds %d", size, len(l.want))
		}
	}
}

// Series of all kinds come in any order, as often as they like: with texts that have nothing in common with others, or all, or too much to be told apart
// shortly; and some are taken back.
func TestFrame_AnySeries(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	digits := func() string { return strconv.Itoa(random.IntN(1200)) }
	long := strings.Repeat("0123456789abcdef", 20)
	var all []*Sample
	for range 60 {
		all = append(all, sampleOf(
			pick("", "x", "head", `{"metric":"`)+pick("", "m", digits(), long[random.IntN(300):])+pick("", `","tags":{"a":"`, long)+digits()+pick("", "[[", `"},"points":[[`, long),
			pick("", "]", "]]}", `]],"wire":"graphite"}`, `]],"wire":"kairosdb"}`+digits(), long),
			pick("", "k", "key.", long[random.IntN(300):])+pick("", digits(), long)+pick("", ";dc", ";dc=eu1", long)))
	}
	values := []string{"1", "0.25", "12345", "-1e300", `"` + long + long + `"`}
	for range 2000 {
		l := begin(64 << 10)
		l.add("ld", 1, all[random.IntN(len(all))].at(1, "1"))
		ms, from := int64(1790000000000), random.IntN(len(all))
		for i := range random.IntN(40) {
			x := all[(from+i)%len(all)]
			if random.IntN(4) == 0 {
				x, ms = all[random.IntN(len(all))], ms+random.Int64N(2)*random.Int64N(3000)
			}
			was, dst, want := l.frame, len(l.dst), len(l.want)
			for range 1 + random.IntN(3) {
				l.add("lead"[:random.IntN(5)], uint16(random.UintN(1<<16)), x.at(ms, values[random.IntN(len(values))]))
				x = all[random.IntN(len(all))]
			}
			if random.IntN(3) == 0 {
				l.dst, l.want = l.frame.Back(l.dst, &was, dst), l.want[:want]
			}
		}
		if len(l.want) < 13 {
			continue // LZ4 has no such block but of literals
		}
		l.check(t)
	}
}

// What another wrote is no frame of ours, nor is a part of one.
func TestBlock(t *testing.T) {
	l := begin(4 << 10)
	for _, x := range usual(9) {
		l.add("lead", 9, x.at(1000, "1"))
	}
	l.check(t)
	frame := l.dst[len(ahead):]
	for n := range frame {
		if _, ok := Block(frame[:n]); ok {
			t.Errorf("%d bytes of %d are a frame", n, len(frame))
		}
	}
	for at := range frameHead {
		other := slices.Clone(frame)
		other[at]++
		if _, ok := Block(other); ok {
			t.Errorf("it is a frame with another byte %d", at)
		}
	}
}

func TestCommon(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		a, b := make([]byte, random.IntN(30)), make([]byte, random.IntN(30))
		copy(b, a)
		if n := random.IntN(3); n < len(a) && n < len(b) {
			copy(b[len(b)-n:], a[len(a)-n:])
		}
		for range random.IntN(3) {
			for _, s := range [][]byte{a, b} {
				if len(s) > 0 {
					s[random.IntN(len(s))]++
				}
			}
		}
		start, end := 0, 0
		for start < min(len(a), len(b)) && a[start] == b[start] {
			start++
		}
		for end < min(len(a), len(b)) && a[len(a)-1-end] == b[len(b)-1-end] {
			end++
		}
		if commonStart(a, b) != start || commonEnd(a, b) != end {
			t.Fatalf("%v and %v have %d and %d in common, want %d and %d", a, b, commonStart(a, b), commonEnd(a, b), start, end)
		}
	}
}

func TestAdd_AllocatesNothing(t *testing.T) {
	all, dst := usual(200), make([]byte, 1, 64<<10)
	for _, x := range all {
		x.at(1790000000000, "12.5")
	}
	var frame Frame
	if n := testing.AllocsPerRun(100, func() {
		to := frame.Begin(dst)
		for _, x := range all {
			to = frame.Add(append(to, 'l'), 1, 1, x)
		}
		slices.Reverse(all) // there is something to learn
		frame.Finish(to, 1)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	all, dst := usual(2000), make([]byte, 1, 1<<20)
	for _, x := range all {
		x.at(1790000000000, "12.50")
	}
	var frame Frame
	for b.Loop() {
		to := frame.Begin(dst)
		for _, x := range all {
			to = frame.Add(append(to, "leadlead"...), 8, 1, x)
		}
		frame.Finish(to, 1)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/sample")
}
