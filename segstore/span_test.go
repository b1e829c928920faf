package segstore

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"penstock/segstore/disk"
)

// Spans are the batches that Next gives, as many as have room, none twice and none left out.
func TestSpans(t *testing.T) {
	f := threeSegments(t, disk.NewMem())
	f.reopen()
	var want []byte
	largest := 0
	for c := f.Cursor(0); ; {
		b, err := c.Next()
		if errors.Is(err, ErrTail) {
			c.Close()
			break
		}
		f.must(err)
		want = append(want, b.Bytes()...)
		largest = max(largest, len(b.Bytes()))
	}
	for _, most := range []int{-1, 0, 1, largest, 2*largest - 1, 2 * largest, 1 << 20} {
		var got []byte
		spans := 0
		c := f.Cursor(0)
		for {
			s, err := c.NextSpan(most)
			if errors.Is(err, ErrTail) {
				break
			}
			f.must(err)
			spans++
			got = append(got, s.Bytes...)
			if s.Next != c.Offset() {
				t.Errorf("at most %d bytes: the span ends at %d, and the cursor stands at %d", most, s.Next, c.Offset())
			}
			if len(s.Bytes) > max(most, largest) || cap(s.Bytes) != len(s.Bytes) {
				t.Errorf("at most %d bytes: %d, with room for %d", most, len(s.Bytes), cap(s.Bytes))
			}
		}
		c.Close()
		if !bytes.Equal(got, want) {
			t.Errorf("at most %d bytes: %d bytes in all, not the batches' %d", most, len(got), len(want))
		}
		segments := 3
		batches := inAll / perBatch
		if most <= largest && spans != batches || most == 1<<20 && spans != segments || most == 2*largest && spans >= batches {
			t.Errorf("at most %d bytes: %d spans of %d batches", most, spans, batches)
		}
	}
}

// A span ends before damage, which the next call tells.
func TestSpanEndsBeforeDamage(t *testing.T) {
	d := disk.NewMem()
	f := openLog(t, d, testOptions())
	for n := int64(0); n < 40; n += 10 {
		f.addSynced(n, n+10)
	}
	c := f.Cursor(20)
	b, err := c.Next()
	f.must(err)
	b.Bytes()[len(b.Bytes())-1] ^= 1
	c.Close()
	c = f.Cursor(0)
	defer c.Close()
	s, err := c.NextSpan(1 << 20)
	if err != nil || s.Next != 20 {
		t.Fatalf("the span ends at %d, %v", s.Next, err)
	}
	var lost *CorruptError
	if _, err := c.NextSpan(1 << 20); !errors.As(err, &lost) || lost.First != 20 || lost.Next != 30 {
		t.Fatalf("then %v", err)
	}
	if s, err := c.NextSpan(1 << 20); err != nil || s.Next != 40 {
		t.Fatalf("then to %d, %v", s.Next, err)
	}
}

// A part of a span goes from the file to a socket as it is, and a socket that is closed is an error; a file in memory can't do that.
func TestSpanToASocket(t *testing.T) {
	f := openLog(t, nil, testOptions())
	f.addSynced(0, 50)
	f.addSynced(50, 100)
	c := f.Cursor(50)
	defer c.Close()
	s, err := c.NextSpan(1 << 20)
	f.must(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	f.must(err)
	defer l.Close()
	from, err := net.Dial("tcp", l.Addr().String())
	f.must(err)
	to, err := l.Accept()
	f.must(err)
	defer to.Close()
	raw, err := from.(*net.TCPConn).SyscallConn()
	f.must(err)
	if ok, err := s.SendTo(raw, 3, len(s.Bytes)-2); !ok || err != nil {
		t.Fatal(ok, err)
	}
	f.must(from.Close())
	got, err := io.ReadAll(to)
	f.must(err)
	if !bytes.Equal(got, s.Bytes[3:len(s.Bytes)-2]) {
		t.Errorf("%d bytes came, not those of the span", len(got))
	}
	if ok, err := s.SendTo(raw, 0, 1); !ok || err == nil {
		t.Errorf("to a closed socket: %v, %v", ok, err)
	}
	g := openLog(t, disk.NewMem(), testOptions())
	g.addSynced(0, 3)
	inMemory := g.Cursor(0)
	defer inMemory.Close()
	s, err = inMemory.NextSpan(1)
	g.must(err)
	if ok, err := s.SendTo(raw, 0, 1); ok || err != nil {
		t.Errorf("from memory: %v, %v", ok, err)
	}
}

// A start removes what was being made when the last run ended, and knows its directory.
func TestWhatWasBeingMadeIsRemoved(t *testing.T) {
	d := disk.NewMem()
	f := threeSegments(t, d)
	path := f.dir + "/00000000000000000000.gap" + temporarySuffix
	d.Put(path, []byte("half"))
	f.reopen()
	if d.File(path) != nil {
		t.Error("it is still there")
	}
	if f.Dir() != f.dir {
		t.Errorf("the directory is %s", f.Dir())
	}
}
