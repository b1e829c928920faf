package wire

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"penstock/segstore/pack"
)

// ask lays a point of a series as a wire does, and says whether it was known.
func ask(t *testing.T, o *Outlines, tenant, name string, kind uint8) (known bool) {
	t.Helper()
	var b Batch
	o.Begin([]byte(tenant))
	outline, known := o.Find(kind, []byte(name), []byte("rest "+name))
	m := Metric{Name: []byte(name), Tags: []Tag{{[]byte("kind"), strconv.AppendInt(nil, int64(kind), 10)}}, TTL: int64(kind)}
	from := Source{Wire: "w", Tenant: []byte(tenant)}
	if !known {
		outline = o.Learn(kind, []byte(name), []byte("rest "+name), &m, from)
	}
	outline.Lay(&b, []byte("topic"), &Single{Time: 12000, Stamp: []byte("12"), Zeros: "000", Value: []byte("3.5")})
	var s Series
	s.Add(s.Of(&m, from, &b), 12000, []byte("3.5"), nil)
	s.Flush(&b, []byte("topic"))
	got, want := &b.Records[0], &b.Records[1]
	if string(got.Value) != string(want.Value) || string(got.Key) != string(want.Key) || got.Time != want.Time || string(got.Topic) != "topic" || got.ID != nil {
		t.Fatalf("known: %t: a record is\n%s %s %d, want\n%s %s %d", known, got.Key, got.Value, got.Time, want.Key, want.Value, want.Time)
	}
	laid := layer{}
	over := Batch{Layer: &laid, Hash: func(key []byte) uint64 { return maphash.Bytes(seed, key) | 1 }}
	for _, over.Packs = range []bool{false, true} {
		outline.Lay(&over, []byte("topic"), &Single{Time: 12000, Stamp: []byte("12"), Zeros: "000", Value: []byte("3.5")})
	}
	if outline.of.kept != (len(laid.records) == 2) || over.Count() != 2 {
		t.Fatalf("kept: %t: %d records are laid, and the batch has %d", outline.of.kept, len(laid.records), over.Count())
	}
	for _, got := range append(laid.records, over.Records...) {
		if string(got.Value) != string(want.Value) || string(got.Key) != string(want.Key) || got.Time != want.Time || string(got.Topic) != "topic" {
			t.Fatalf("known: %t: a record that was laid is\n%s %s %d, want\n%s %s %d", known, got.Key, got.Value, got.Time, want.Key, want.Value, want.Time)
		}
		if outline.of.kept && got.Hash != over.Hash(got.Key) {
			t.Fatal("its hash is not the key's")
		}
	}
	return known
}

// Who packs compares samples with those before: their texts stay as they are, even if the outlines begin anew for another tenant meanwhile.
func TestOutlines_PackedTextsStay(t *testing.T) {
	var o Outlines
	var kept, want [][]byte
	packs := packer(func(x *pack.Sample) { kept, want = append(kept, x.Text), append(want, bytes.Clone(x.Text)) })
	b := Batch{Layer: packs, Packs: true, Hash: func([]byte) uint64 { return 1 }}
	for i := range 3000 {
		name := fmt.Appendf(nil, "series-%d", i%40)
		o.Begin(fmt.Append(nil, i/100%3))
		series, ok := o.Find(0, name, nil)
		if !ok {
			series = o.Learn(0, name, nil, &Metric{Name: fmt.Appendf(name, "-%d", i)}, Source{Wire: "w"})
		}
		series.Lay(&b, []byte("topic"), &Single{Time: 1, Stamp: []byte("1"), Value: []byte("1")})
	}
	if len(kept) != 3000 || b.Count() != 3000 || len(b.Records) > 0 {
		t.Fatalf("%d samples are packed", len(kept))
	}
	for i := range kept {
		if !bytes.Equal(kept[i], want[i]) {
			t.Fatalf("sample %d was %s, and has become %s", i, want[i], kept[i])
		}
	}
}

// packer is a Layer that looks at samples.
type packer func(*pack.Sample)

func (p packer) Pack(_ []byte, _ uint64, x *pack.Sample) bool   { p(x); return true }
func (packer) Lay(_, _ []byte, _ uint64, _ int, _ int64) []byte { panic("it packs") }
func (packer) Mark()                                            {}
func (packer) Back()                                            {}

// layer is a Layer that keeps the first records that it is given, to be looked at.
type layer struct {
	records []Record
	marked  int
	full    int // it takes so many; 0: all
}

func (l *layer) Lay(topic, key []byte, hash uint64, size int, time int64) []byte {
	if len(l.records) == l.full && l.full > 0 {
		return nil
	}
	r := Record{Topic: topic, Key: bytes.Clone(key), Value: make([]byte, size), Time: time, Hash: hash}
	l.records = append(l.records, r)
	return r.Value
}

func (l *layer) Pack(topic []byte, hash uint64, x *pack.Sample) bool {
	value := bytes.Join([][]byte{x.Text[:x.Head], x.Stamp, []byte(x.Zeros), []byte(","), x.Value, x.Text[x.Head:][:x.Tail]}, nil)
	to := l.Lay(topic, x.Key(), hash, len(value), x.Time)
	copy(to, value)
	return to != nil && x.Size() == len(value)
}

func (l *layer) Mark() { l.marked = len(l.records) }
func (l *layer) Back() { l.records = l.records[:l.marked] }

// Once a layer has not taken a record none goes there, so that all stay in their order; a batch is cut to what it had, wherever that is.
func TestBatch_Layer(t *testing.T) {
	var o Outlines
	laid := layer{full: 3}
	b := Batch{Layer: &laid, Hash: func([]byte) uint64 { return 7 }}
	put := func(n int) {
		o.Begin(nil)
		series, ok := o.Find(0, []byte("s"), nil)
		if !ok {
			series = o.Learn(0, []byte("s"), nil, &Metric{Name: []byte("s")}, Source{Wire: "w"})
		}
		series.Lay(&b, []byte("topic"), &Single{Time: int64(n), Stamp: strconv.AppendInt(nil, int64(n), 10), Value: []byte("1")})
	}
	put(1)
	mark := b.Mark()
	put(2)
	if b.CutTo(mark); b.Count() != 1 || len(laid.records) != 1 {
		t.Fatalf("%d records, %d of them laid", b.Count(), len(laid.records))
	}
	put(3)
	put(4)
	mark = b.Mark()
	put(5)
	put(6)
	laid.full = 0
	put(7)
	if b.Count() != 6 || len(laid.records) != 3 || len(b.Records) != 3 || b.Records[0].Time != 5 || b.Records[2].Time != 7 {
		t.Fatalf("%d records, %d of them laid, and %+v", b.Count(), len(laid.records), b.Records)
	}
	if b.CutTo(mark); b.Count() != 3 || len(laid.records) != 3 || len(b.Records) != 0 {
		t.Errorf("%d records, %d of them laid", b.Count(), len(laid.records))
	}
	if b.Reset(); b.Layer != nil || b.Count() != 0 {
		t.Error("a batch that is reset has its layer still")
	}
}

// What is asked for again is known, by kind and for one tenant.
func TestOutlines(t *testing.T) {
	var o Outlines
	for i, step := range []struct {
		tenant, name string
		kind         uint8
		known        bool
	}{
		{"", "a", 0, false}, {"", "a", 0, true}, {"", "a", 1, false}, {"", "a", 1, true}, {"", "a", 0, true}, {"", "b", 0, false},
		{"x", "a", 0, false}, {"x", "a", 0, true}, {"", "a", 0, false}, {"", "", 0, false}, {"", "", 0, false}, {"", "a", 0, true},
	} {
		if known := ask(t, &o, step.tenant, step.name, step.kind); known != step.known {
			t.Errorf("step %d, %+v: known: %t", i, step, known)
		}
	}
	long := string(make([]byte, longestOutline))
	for _, long := range []string{long, strings.Repeat("x", 100_000)} {
		ask(t, &o, "", long, 0)
		if ask(t, &o, "", long, 0) {
			t.Error("an outline that is too long is remembered")
		}
	}
	for name, parts := range map[string][2]string{"no second part": {"ab", ""}, "cut elsewhere": {"a", "b"}, "empty first": {"", "ab"}} {
		if _, known := o.Find(0, []byte(parts[0]), []byte(parts[1])); known {
			t.Errorf("%s: known", name)
		}
	}
}

// Full, it keeps what it has until it was asked for as many strangers; then it begins anew. It holds no more than its bounds.
func TestOutlines_Full(t *testing.T) {
	var o Outlines
	asked := 0
	stranger := func() string { asked++; return fmt.Sprint("series ", asked) }
	for range mostOutlines {
		ask(t, &o, "", stranger(), 0)
	}
	for range mostOutlines {
		if ask(t, &o, "", stranger(), 0) {
			t.Fatal("a stranger is known")
		}
		if len(o.all) != mostOutlines || len(o.slots) != 2*mostOutlines || cap(o.text) > 2*mostOutlineBytes {
			t.Fatalf("it holds %d of %d slots in %d bytes", len(o.all), len(o.slots), cap(o.text))
		}
	}
	o.strangers--
	if !ask(t, &o, "", "series 1", 0) || !ask(t, &o, "", fmt.Sprint("series ", mostOutlines), 0) {
		t.Error("what it knew before it was full is forgotten too early")
	}
	o.strangers++
	if ask(t, &o, "", "series 1", 0) || len(o.all) != 1 || !ask(t, &o, "", "series 1", 0) {
		t.Error("it did not begin anew")
	}
	wide := strings.Repeat("x", longestOutline/8)
	for i := 0; i < mostOutlines && o.strangers == 0; i++ {
		ask(t, &o, "", wide+fmt.Sprint(i), 0)
	}
	if len(o.text) > mostOutlineBytes || o.strangers != 1 {
		t.Errorf("%d series in %d bytes", len(o.all), len(o.text))
	}
}

// What is expected is what followed the last time; to begin anew, or with another tenant, is to expect nothing.
func TestOutlines_Next(t *testing.T) {
	var o Outlines
	expects := func(want string) {
		t.Helper()
		got := ""
		if kind, name, rest := o.Next(); name != nil {
			got = string(name) + string(rest) + strconv.Itoa(int(kind))
		}
		if got != want {
			t.Errorf("%q is expected, want %q", got, want)
		}
	}
	expects("")
	for i, name := range []string{"a", "b", "c", "a", "b", "b", "c", "b", "c", "a"} {
		ask(t, &o, "", name, uint8(len(name)))
		expects([]string{"", "", "", "brest b1", "crest c1", "brest b1", "arest a1", "crest c1", "brest b1", "brest b1"}[i])
	}
	outline := o.Met()
	found, ok := o.Find(1, []byte("b"), []byte("rest b"))
	if !ok || string(outline.text) != string(found.text) {
		t.Errorf("met %q, found %q", outline.text, found.text)
	}
	o.Begin([]byte("x"))
	expects("")
	ask(t, &o, "x", "a", 0)
	expects("")
	const seed = 20261127
	random := rand.New(rand.NewPCG(seed, 1))
	for i := range 5000 {
		n := i % 7
		if random.IntN(4) == 0 {
			n = random.IntN(9)
		}
		if known := ask(t, &o, "x", string(rune('a'+n)), uint8(n%2)); !known && i > 500 {
			t.Fatalf("seed %d: step %d: series %d is not known", seed, i, n)
		}
	}
}

// Who names series in another order each time is not kept waiting for guesses, until one would have been right.
func TestOutlines_Wrong(t *testing.T) {
	var o Outlines
	const series = 20
	for i := range series + 1 {
		ask(t, &o, "", strconv.Itoa(i%series), 0)
	}
	for i := 1; i < 3*series; i++ {
		guess := i <= mostWrong || i > series+1
		if _, name, _ := o.Next(); (name != nil) != guess {
			t.Fatalf("step %d: a guess: %q", i, name)
		}
		if !ask(t, &o, "", strconv.Itoa(7*i%series), 0) {
			t.Fatalf("step %d: not known", i)
		}
	}
}

// A batch that hashes keys is asked once for each series that is remembered, and its records have what it said.
func TestOutlines_Hash(t *testing.T) {
	var o Outlines
	var s Series
	asked := 0
	b := Batch{Hash: func(key []byte) uint64 { asked++; return maphash.Bytes(seed, key) }}
	learn := func(name string) Outline {
		o.Begin(nil)
		outline, ok := o.Find(0, []byte(name), nil)
		if !ok {
			outline = o.Learn(0, []byte(name), nil, &Metric{Name: append([]byte("metric "), name...)}, Source{Wire: "w"})
		}
		return outline
	}
	lay := func(o Outline, b *Batch, topic []byte, p *Single) { o.Lay(b, topic, p) }
	for round := range 3 {
		for i := range 100 { // more than there was room for: outlines move
			lay(learn(fmt.Sprint(i)), &b, nil, &Single{Value: []byte("1")})
			gathered := learn(fmt.Sprint(i%10, " gathered"))
			s.Add(s.OfOutline(&gathered, &b), int64(i), []byte("2"), nil)
		}
		s.Flush(&b, nil)
		s.Reset()
		if want := 110; len(b.Records) != want*(round+1) || asked > 220 || round > 0 && asked != 220 && asked < want {
			t.Fatalf("%d records, asked %d times", len(b.Records), asked)
		}
	}
	for i := range b.Records {
		if r := &b.Records[i]; r.Hash != b.Hash(r.Key) {
			t.Errorf("the hash of %q is %x", r.Key, r.Hash)
		}
	}
	asked = 0
	lay(learn("7"), &b, nil, &Single{Value: []byte("1")})
	lay(learn(string(make([]byte, longestOutline))), &b, nil, &Single{Value: []byte("1")})
	var nobody Batch
	lay(learn("new"), &nobody, nil, &Single{Value: []byte("1")})
	if last := b.Records[len(b.Records)-1]; last.Hash != 0 || asked != 0 || nobody.Records[0].Hash != 0 {
		t.Errorf("an outline that is not remembered has the hash %x; asked %d times", last.Hash, asked)
	}
}
