package intake

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"penstock/wire"
)

// The encoders are the standard library's, the decoder is built on another: an agreement between two independent hands.

func gzipped(t testing.TB, plain string) []byte { return gzippedNamed(t, plain, gzip.Header{}) }

func gzippedNamed(t testing.TB, plain string, h gzip.Header) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Header = h
	return finish(t, w, &b, plain)
}

func zlibbed(t testing.TB, plain string) []byte {
	var b bytes.Buffer
	return finish(t, zlib.NewWriter(&b), &b, plain)
}

func deflated(t testing.TB, plain string) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	return finish(t, w, &b, plain)
}

func finish(t testing.TB, w io.WriteCloser, b *bytes.Buffer, plain string) []byte {
	t.Helper()
	if _, err := io.WriteString(w, plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const event = `{"ts":1474921202000,"user":"u42","action":"watch","film":"The Draughtsman's Contract","seconds":103}` + "\n"

func TestDecode(t *testing.T) {
	plain := strings.Repeat(event, 40)
	zip, zl, raw := gzipped(t, plain), zlibbed(t, plain), deflated(t, plain)
	changed := func(b []byte, at int) []byte {
		c := bytes.Clone(b)
		if at < 0 {
			at += len(c)
		}
		c[at] ^= 0x10
		return c
	}
	with := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	full := gzippedNamed(t, plain, gzip.Header{Name: "events.json", Comment: "a comment", Extra: []byte("extra bytes")})

	cases := []struct {
		name, encoding string
		src            []byte
		limit          int
		want           string
		code           wire.Code
	}{
		{"no encoding", "", []byte(plain), 1 << 20, plain, wire.OK},
		{"identity", "Identity", []byte(plain), 1 << 20, plain, wire.OK},
		{"none", "none", []byte(plain), 1 << 20, plain, wire.OK},
		{"gzip", "gzip", zip, 1 << 20, plain, wire.OK},
		{"gzip in capitals", "GZIP", zip, 1 << 20, plain, wire.OK},
		{"x-gzip", "x-gzip", zip, 1 << 20, plain, wire.OK},
		{"gzip with name, comment and extra", "gzip", full, 1 << 20, plain, wire.OK},
		{"gzip with a header checksum", "gzip", withHeaderCRC(zip), 1 << 20, plain, wire.OK},
		{"gzip with a wrong header checksum", "gzip", changed(withHeaderCRC(zip), 10), 1 << 20, "", wire.BadCompression},
		{"gzip of nothing", "gzip", gzipped(t, ""), 1 << 20, "", wire.OK},
		{"gzip of two members", "gzip", with(zip, gzipped(t, "tail")), 1 << 20, plain + "tail", wire.OK},
		{"gzip of an empty member between", "gzip", with(zip, gzipped(t, ""), zip), 1 << 20, plain + plain, wire.OK},
		{"gzip, just fits", "gzip", zip, len(plain), plain, wire.OK},
		{"gzip, one byte over", "gzip", zip, len(plain) - 1, "", wire.TooLarge},
		{"gzip, over in the second member", "gzip", with(zip, zip), 2*len(plain) - 1, "", wire.TooLarge},
		{"gzip, garbage behind", "gzip", with(zip, []byte("garbage behind it")), 1 << 20, "", wire.BadCompression},
		{"gzip, one zero byte behind", "gzip", with(zip, []byte{0}), 1 << 20, "", wire.BadCompression},
		{"gzip, half a member behind", "gzip", with(zip, zip[:len(zip)/2]), 1 << 20, "", wire.BadCompression},
		{"gzip, cut in its header", "gzip", zip[:9], 1 << 20, "", wire.BadCompression},
		{"gzip, cut in its stream", "gzip", zip[:len(zip)/2], 1 << 20, "", wire.BadCompression},
		{"gzip, cut in its checksum", "gzip", zip[:len(zip)-5], 1 << 20, "", wire.BadCompression},
		{"gzip, wrong checksum", "gzip", changed(zip, -8), 1 << 20, "", wire.BadCompression},
		{"gzip, wrong length", "gzip", changed(zip, -1), 1 << 20, "", wire.BadCompression},
		{"gzip, another method", "gzip", changed(zip, 2), 1 << 20, "", wire.BadCompression},
		{"gzip, reserved flags", "gzip", append([]byte{0x1f, 0x8b, 8, 0x20}, zip[4:]...), 1 << 20, "", wire.BadCompression},
		{"gzip, a name without end", "gzip", []byte("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03name"), 1 << 20, "", wire.BadCompression},
		{"gzip, extra longer than the body", "gzip", []byte("\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\x03\xff\xff"), 1 << 20, "", wire.BadCompression},
		{"gzip named, plain text sent", "gzip", []byte(plain), 1 << 20, "", wire.BadCompression},
		{"gzip named, nothing sent", "gzip", nil, 1 << 20, "", wire.BadCompression},
		{"deflate as zlib", "deflate", zl, 1 << 20, plain, wire.OK},
		{"deflate, bare", "Deflate", raw, 1 << 20, plain, wire.OK},
		{"deflate as zlib, just fits", "deflate", zl, len(plain), plain, wire.OK},
		{"deflate as zlib, one byte over", "deflate", zl, len(plain) - 1, "", wire.TooLarge},
		{"deflate, bare, one byte over", "deflate", raw, len(plain) - 1, "", wire.TooLarge},
		{"deflate as zlib, wrong checksum", "deflate", changed(zl, -1), 1 << 20, "", wire.BadCompression},
		{"deflate as zlib, no checksum", "deflate", zl[:len(zl)-4], 1 << 20, "", wire.BadCompression},
		{"deflate as zlib, garbage behind", "deflate", with(zl, []byte("x")), 1 << 20, "", wire.BadCompression},
		{"deflate, bare, garbage behind", "deflate", with(raw, []byte("x")), 1 << 20, "", wire.BadCompression},
		{"deflate, bare, cut", "deflate", raw[:len(raw)-1], 1 << 20, "", wire.BadCompression},
		{"deflate named, nothing sent", "deflate", nil, 1 << 20, "", wire.BadCompression},
		{"brotli", "br", zip, 1 << 20, "", wire.BadEncoding},
		{"twice", "gzip, gzip", zip, 1 << 20, "", wire.BadEncoding},
		{"a Kelvin sign for a k", "\u212a", zip, 1 << 20, "", wire.BadEncoding},
	}
	var shared inflater // used for all cases in turn: none may leave anything behind
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, z := range []*inflater{new(inflater), &shared} {
				got, code := z.Decode([]byte(c.encoding), c.src, c.limit)
				if code != c.code || string(got) != c.want {
					t.Fatalf("code %v, %d bytes; want %v, %d bytes", code, len(got), c.code, len(c.want))
				}
			}
		})
	}
}

// withHeaderCRC adds the optional checksum to a plain gzip header (RFC 1952, section 2.3.1).
func withHeaderCRC(zip []byte) []byte {
	head := append([]byte(nil), zip[:10]...)
	head[3] |= gzipHeaderCRC
	head = binary.LittleEndian.AppendUint16(head, uint16(crc32.ChecksumIEEE(head)))
	return append(head, zip[10:]...)
}

// A bomb is stopped at the limit, and what it made the decoder hold stays bounded however often it comes.
func TestBombIsBounded(t *testing.T) {
	const limit = 1 << 20
	bomb := gzipped(t, strings.Repeat("0", 64<<20))
	if len(bomb)*900 > 64<<20 {
		t.Fatalf("not much of a bomb: %d bytes", len(bomb))
	}
	nested := gzipped(t, string(bomb))
	many := bytes.Repeat(gzipped(t, strings.Repeat("0", limit/4)), 1000)
	var z inflater
	for _, src := range [][]byte{bomb, many, deflated(t, strings.Repeat("0", 64<<20)), zlibbed(t, strings.Repeat("0", 64<<20))} {
		encoding := "gzip"
		if src[0] != 0x1f {
			encoding = "deflate"
		}
		if _, code := z.Decode([]byte(encoding), src, limit); code != wire.TooLarge {
			t.Fatalf("a bomb of %d bytes: %v", len(src), code)
		}
	}
	got, code := z.Decode([]byte("gzip"), nested, limit)
	if code != wire.OK || !bytes.Equal(got, bomb) {
		t.Fatalf("a bomb in a bomb: %v; one layer is undone, not two", code)
	}
	if cap(z.out) > limit+1 {
		t.Errorf("the decoder holds %d bytes after bombs; the limit is %d", cap(z.out), limit)
	}
}

// Every cut and every changed bit is refused or gives the same bytes; none is taken for something else, and none panics.
func TestDamagedBodies(t *testing.T) {
	plain := strings.Repeat(event, 3)
	for _, c := range []struct {
		name, encoding string
		src            []byte
	}{{"gzip", "gzip", gzipped(t, plain)}, {"zlib", "deflate", zlibbed(t, plain)}} {
		t.Run(c.name, func(t *testing.T) {
			var z inflater
			for n := range c.src {
				if _, code := z.Decode([]byte(c.encoding), c.src[:n], 1<<20); code == wire.OK {
					t.Errorf("cut to %d of %d bytes and accepted", n, len(c.src))
				}
			}
			for bit := range 8 * len(c.src) {
				src := bytes.Clone(c.src)
				src[bit/8] ^= 1 << (bit % 8)
				if got, code := z.Decode([]byte(c.encoding), src, 1<<20); code == wire.OK && string(got) != plain {
					t.Errorf("bit %d changed: other bytes were accepted", bit)
				}
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("gzip"), gzipped(f, event))
	f.Add([]byte("deflate"), zlibbed(f, event))
	f.Add([]byte("deflate"), deflated(f, event))
	f.Add([]byte("gzip"), gzippedNamed(f, event, gzip.Header{Name: "n", Comment: "c", Extra: []byte("e")}))
	var z inflater
	f.Fuzz(func(t *testing.T, encoding, src []byte) {
		const limit = 4096
		got, code := z.Decode(encoding, src, limit)
		if code != wire.OK {
			return
		}
		if len(got) > limit && !bytes.Equal(got, src) {
			t.Fatalf("%d bytes came out; the limit is %d", len(got), limit)
		}
		if equalFold(encoding, "gzip") {
			r, err := gzip.NewReader(bytes.NewReader(src))
			if err != nil {
				t.Fatalf("accepted what the standard library refuses: %v", err)
			}
			want, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%q decoded to %q; the standard library says %q, %v", src, got, want, err)
			}
		}
	})
}

func TestEqualFold(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	letters := []byte("aAzZ@[`{-_09\r\n kK\x00\xff")
	for range 100_000 {
		a, b := make([]byte, r.IntN(3)), make([]byte, r.IntN(3))
		for i := range a {
			a[i] = letters[r.IntN(len(letters))]
		}
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		// Latin lower case by hand: the reference
		lower := func(b []byte) string {
			c := bytes.Clone(b)
			for i := range c {
				if c[i] >= 'A' && c[i] <= 'Z' {
					c[i] += 'a' - 'A'
				}
			}
			return string(c)
		}
		if got, want := equalFold(a, string(b)), lower(a) == lower(b); got != want {
			t.Fatalf("equalFold(%q, %q) is %v", a, b, got)
		}
	}
}
