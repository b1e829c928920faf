package graphite

import (
	"strings"
	"testing"

	"penstock/wire"
)

// What the machine makes of a pickle of one value: the value, or why there is none.
func TestMachine(t *testing.T) {
	f := func(pickle, want string) {
		t.Helper()
		var p pickles
		m := &p.machine
		var b wire.Batch
		got := "none"
		switch top := m.run([]byte(pickle), &b); {
		case m.code != wire.OK:
			got = string(m.why)
		case top.kind == text:
			got = string(m.texts[top.bits].text)
		case top.kind != unset:
			number, why := p.value(top)
			got = string(number)
			if why != taken {
				got = string(reasons[why].detail)
			}
		}
		if got != want {
			t.Errorf("%q is %q, want %q", pickle, got, want)
		}
	}
	const notNumber, tooLarge = "the value is not a number", "the value does not fit"

	// A line may be empty, but it has an end: what follows an open one is not read as opcodes.
	f("V\n.", "")
	f("Va b\n.", "a b")
	f("V.", string(whyShort))
	f("Va", string(whyShort))
	f("I.", string(whyShort))
	f("F.", string(whyShort))
	f("S''\n.", "")
	f("S'\n.", string(whyLine))
	f("S'a\"\n.", string(whyLine))
	f("Sa\n.", string(whyLine))
	f("S\n.", string(whyLine))

	// Python 2's texts: escapes of four and of eight digits, two halves, and what only looks like them.
	f(`V\u0041\U00000042`+"\n.", "AB")
	f(`V\u00e9\u00E9`+"\n.", "éé")
	f(`V\u00g0\u00G0\u00/0\u00:0`+"\n.", `\u00g0\u00G0\u00/0\u00:0`)
	f(`V\u004`+"\n.", `\u004`)
	f(`V\U0011ffff\U0010ffff`+"\n.", "\\U0011ffff\U0010ffff")
	f(`V\ud83d\ude00`+"\n.", "😀")
	f(`V\ud83d\u0041`+"\n.", "\ufffdA")
	f(`V\ud83d`+"\n.", "\ufffd")
	f(`V\\u0041\x`+"\n.", `\\u0041\x`)
	f("V\xe9\\\n.", "é\\")
	f("V\xc3\xa9\n.", "Ã©") // ISO-8859-1, whatever it looks like
	f("V\x80\n.", "\u0080")
	f(`V\\\\u0041\\`+"\n.", `\\\\u0041\\`)
	f(`S'\1'`+"\n.", "\x01")
	f(`S'\12'`+"\n.", "\n")
	f(`S'\x41\x4g\101\q\'\\'`+"\n.", `A\x4gA\q'\`)
	f(`S"\`+"\"\n.", `\`)

	// Numbers in text.
	f("I7\n.", "7")
	f("I+7\n.", "7")
	f("I-9223372036854775808\n.", "-9223372036854775808")
	f("I9223372036854775807\n.", "9223372036854775807")
	f("I18446744073709551615\n.", "18446744073709551615")
	f("I-9223372036854775809\n.", tooLarge)
	f("I18446744073709551616\n.", tooLarge)
	f("I\n.", string(whyLine))
	f("I-\n.", string(whyLine))
	f("I7L\n.", string(whyLine))
	f("L7L\n.", "7")
	f("L7\n.", "7")
	f("LL\n.", string(whyLine))
	f("L\n.", string(whyLine))
	f("F1.5\n.", "1.5")
	f("F1\n.", "1.0")
	f("F\n.", string(whyLine))
	f("Fnan\n.", "NaN and infinity are not kept")

	// Numbers in bytes, the lowest first.
	f("K\xff.", "255")
	f("M\x01\x02.", "513")
	f("J\xff\xff\xff\xff.", "-1")
	f("J\x00\x00\x00\x80.", "-2147483648")
	f("\x88.", "1")
	f("\x89.", "0")
	f("\x8a\x00.", "0")
	f("\x8a\x01\xff.", "-1")
	f("\x8a\x02\xff\x00.", "255")
	f("\x8a\x03\xff\xff\xff.", "-1")
	f("\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00.", "18446744073709551615")
	f("\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\xff.", tooLarge)
	f("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\xff.", "-9223372036854775808")
	f("\x8b\x01\x00\x00\x00\x05.", "5")
	f("\x8a\x02\x05.", string(whyShort))
	f("G\x3f\xf0\x00\x00\x00\x00\x00\x00.", "1.0")
	f("G\x3f\xf0.", string(whyShort))
	f("N.", notNumber)

	// The frame of protocol 4 fits into what is left, at most.
	f("\x80\x05\x95\x03\x00\x00\x00\x00\x00\x00\x00K\x07.", "7")
	f("\x80\x05\x95\x04\x00\x00\x00\x00\x00\x00\x00K\x07.", string(whyFrame))
	f("\x80\x05\x95\x03\x00\x00\x00\x00\x00\x00\x80K\x07.", string(whyFrame))
	f("\x80\x06K\x07.", string(whyVersion))

	// The stack, its marks and the memo.
	f(".", string(whyStack))
	f("(K\x07.", "7")
	f("K\x07(.", string(whyStack))
	f("K\x07K\x08.", "8")
	f("K\x07\x86.", string(whyStack))
	f("K\x07K\x08\x87.", string(whyStack))
	f("K\x07e.", string(whyMark))
	f("K\x07t.", string(whyMark))
	f("K\x07K\x08a.", string(whyAppend))
	f(")K\x08a.", string(whyAppend))
	f("K\x07\x85K\x08a.", string(whyAppend))
	f("a.", string(whyStack))
	f(strings.Repeat("(", maxDepth)+"K\x07.", "7")
	f(strings.Repeat("(", maxDepth+1)+"K\x07.", string(whyDeep))
	f("K\x07q\x01K\x08h\x01.", "7")
	f("K\x07p1\nK\x08g1\n.", "7")
	f("K\x07r\x01\x00\x00\x00K\x08j\x01\x00\x00\x00.", "7")
	f("K\x07\x94K\x08\x94h\x00.", "7")
	f("K\x07\x94K\x08\x94h\x01.", "8")
	f("K\x07r\xff\xff\xff\xffK\x08\x94h\x01.", "8") // a place that nobody has counts, and is forgotten
	f("K\x07q\x07h\x07.", string(whyMemo))          // as is that of the pickle's length
	f("K\x07q\x06h\x06.", "7")
	f("K\x07q\x01h\x00.", string(whyMemo))
	f("K\x07q\x01h\x02.", string(whyMemo))
	f("K\x07p-1\n.", string(whyLine))
	f("K\x07px\n.", string(whyLine))
	f("q\x00K\x07.", string(whyStack))
	f("c.", string(whyUnsafe))
	f("\x93.", string(whyUnsafe))
	f("?.", string(whyOpcode))
}

// The values of one pickle are counted, whatever becomes of them; and when it is over nothing of it is held.
func TestMachine_BoundsAndForgets(t *testing.T) {
	var m machine
	var b wire.Batch
	if m.run([]byte(strings.Repeat("N", maxValues)+"."), &b); m.code != wire.OK {
		t.Errorf("%d values: %s", maxValues, m.why)
	}
	if m.run([]byte(strings.Repeat("N", maxValues+1)+"."), &b); m.code != wire.TooMany || string(m.why) != string(whyMany) {
		t.Errorf("%d values: %v, %s", maxValues+1, m.code, m.why)
	}
	m.run([]byte("(U\x01aU\x01bU\x01cl."), &b)
	m.run([]byte("N."), &b)
	for _, left := range m.texts[:cap(m.texts)] {
		if left.text != nil {
			t.Errorf("%q is still held", left.text)
		}
	}
}

// A frame has so many points at most.
func TestPickle_MostPoints(t *testing.T) {
	for more, want := range []wire.Code{wire.OK, wire.TooMany} {
		p := &pickles{names: &names{longest: DefaultMaxLine}}
		frame := "]U\x05a.h.xK\x01K\x01\x86\x86q\x00a(" + strings.Repeat("h\x00", maxPoints-1+more) + "e."
		if code := codeOf(p.Parse(request([]byte(frame)), new(wire.Batch))); code != want {
			t.Errorf("%d points: %v", maxPoints+more, code)
		}
	}
}

// Doubles are written out between a millionth and 1e21, and show that they are doubles.
func TestAppendDouble(t *testing.T) {
	for want, f := range map[string]float64{
		"0.0": 0, "1.0": 1, "-1.5": -1.5, "0.000001": 1e-6, "9.99e-07": 9.99e-7, "999999999999999900000.0": 9.999999999999999e20, "1e+21": 1e21, "-1e+21": -1e21,
	} {
		if got := string(appendDouble([]byte("kept"), f)); got != "kept"+want {
			t.Errorf("%g is %s, want %s", f, got, want)
		}
	}
}

// Numbers in text: what they are as JSON, and as seconds.
func TestNumbers(t *testing.T) {
	const noNumber, tooLong, tooLarge, notKept = "the value is not a number", "the number has more than 64 bytes", "the value does not fit", "NaN and infinity are not kept"
	f := func(number, want string) {
		t.Helper()
		var b wire.Batch
		got, why := value([]byte(number), &b)
		if why != taken {
			got = reasons[why].detail
		}
		if string(got) != want {
			t.Errorf("%q is %q, want %q", number, got, want)
		}
	}
	for _, same := range []string{"0", "-0", "7", "-7", "10", "0.5", "-1.50", "1e6", "1.5e-06", "1E+6", "18446744073709551615", "-9223372036854775808",
		"18446744073709551616.0", "1.7976931348623157e308", "0.1797e309", "17e307", "0e999", "0.0e99999999999999999999", "1e-99999999999999999999"} {
		f(same, same)
	}
	f("+1", "1")
	f("007", "7")
	f("-007", "-7")
	f("00", "0")
	f(".5", "0.5")
	f("5.", "5.0")
	f("-.5", "-0.5")
	f("+.5e3", "0.5e3")
	f("5.e3", "5.0e3")
	f("1.5f", "1.5")
	f("1.5D", "1.5")
	f("1.e2d", "1.0e2")
	f("00018446744073709551615", "18446744073709551615")
	f(strings.Repeat("0", maxNumber), "0")

	f(strings.Repeat("0", maxNumber+1), tooLong)
	f("18446744073709551616", tooLarge)
	f("20000000000000000000", tooLarge)
	f("100000000000000000000", tooLarge)
	f("-9223372036854775809", tooLarge)
	f("1e309", tooLarge)
	f("1.7976931348623159e308", tooLarge)
	f("-1.8e308", tooLarge)
	f("0.001e312", tooLarge)
	f("100e307", tooLarge)
	f("1e99999999999999999999", tooLarge)
	for _, text := range []string{"", "+", "-", ".", "-.", "+-1", "1-", "e5", "1e", "1e+", "1e+f", "1.5ff", "15f", "1f", "1.5fd", "0x10", "1,5", "1 ", "nanx", "in", "inff", "iiiiiiii", "instances", "xnfinity"} {
		f(text, noNumber)
	}
	for _, text := range []string{"nan", "NaN", "-nan", "inf", "+Inf", "-INF", "Infinity", "-infinity", "xInfinityx"} {
		f(text, notKept)
	}

	s := func(text string, want int64, wantWhy reason) {
		t.Helper()
		if got, why := seconds([]byte(text)); got != want || why != wantWhy {
			t.Errorf("%q is %d seconds, %q; want %d, %q", text, got, reasons[why].detail, want, reasons[wantWhy].detail)
		}
	}
	s("0", 0, taken)
	s("1474921202", 1474921202, taken)
	s("1474921202.9", 1474921202, taken)
	s("-1", -1, taken)
	s("-1.9", -1, taken) // cut off, not rounded
	s("+5", 5, taken)
	s("1.4749212029e9", 1474921202, taken)
	s("15e-1", 1, taken)
	s("999999999999999999", 999999999999999999, taken)
	s("1000000000000000000", 1000000000000000000, taken)
	s("9223372036854775807", 9223372036854775807, taken)
	s("9223372036854775808", 0, timeTooLarge)
	s("1e30", 0, timeTooLarge)
	s("", 0, notATime)
	s("now", 0, notATime)
	s("1 ", 0, notATime)
	s(strings.Repeat("0", maxNumber+1), 0, notATime)
	s("nan", 0, notFinite)
}

// Letters, digits and the underscore are words; the other signs that can be seen, and the underscore, can separate them.
func TestIsWord(t *testing.T) {
	const words = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	const signs = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	for n := range 256 {
		c := byte(n)
		if want := strings.IndexByte(words, c) >= 0; isWord(c) != want {
			t.Errorf("%q is a word: want %v", c, want)
		}
		if want := strings.IndexByte(signs, c) >= 0; isPunctuation(c) != want {
			t.Errorf("%q is punctuation: want %v", c, want)
		}
	}
}
