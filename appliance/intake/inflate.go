package intake

import (
	"bytes"
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"

	"penstock/wire"
)

// inflater is a wire.Decoder that allocates nothing once it has seen a usual body. One per worker.
//
// gzip (RFC 1952) and zlib (RFC 1950) are thin frames around the same deflate stream (RFC 1951), so one flate reader serves all
// three and the frames are read here: the libraries' own readers allocate a string for a file's name in a gzip header.
//
// Memory is bounded: the window and tables of one flate reader, and an output that never grows past the limit and one byte.
type inflater struct {
	src   bytes.Reader
	flate io.ReadCloser
	out   []byte
}

var _ wire.Decoder = (*inflater)(nil)

// outKeep is how much output an inflater keeps for the next body; a rare giant gives its memory back.
const outKeep = 8 << 20

// outFirst is the first output's size: a batch of a few events, inflated.
const outFirst = 16 << 10

// Decode implements wire.Decoder for gzip, x-gzip and deflate, which is zlib by the book and a bare deflate stream with many
// senders: a body that begins with a valid zlib header is zlib. Names are compared without case.
func (z *inflater) Decode(encoding, src []byte, limit int) ([]byte, wire.Code) {
	switch {
	case len(encoding) == 0 || equalFold(encoding, "identity") || equalFold(encoding, "none"):
		return src, wire.OK
	case equalFold(encoding, "gzip") || equalFold(encoding, "x-gzip"):
		return z.decode(src, limit, (*inflater).gzip)
	case equalFold(encoding, "deflate"):
		return z.decode(src, limit, (*inflater).deflate)
	}
	return nil, wire.BadEncoding
}

// forget lets go of what was decoded last.
func (z *inflater) forget() { z.out = z.out[:0] }

func (z *inflater) decode(src []byte, limit int, frames func(*inflater, []byte, int) wire.Code) ([]byte, wire.Code) {
	if cap(z.out) > outKeep {
		z.out = nil
	}
	z.out = z.out[:0]
	if code := frames(z, src, limit); code != wire.OK {
		return nil, code
	}
	return z.out, wire.OK
}

// gzip inflates one member or several in a row; anything else behind a member is garbage.
func (z *inflater) gzip(src []byte, limit int) wire.Code {
	for {
		n, ok := gzipHeader(src)
		if !ok {
			return wire.BadCompression
		}
		start := len(z.out)
		rest, code := z.inflate(src[n:], limit)
		if code != wire.OK {
			return code
		}
		member := z.out[start:]
		if len(rest) < 8 || binary.LittleEndian.Uint32(rest) != crc32.ChecksumIEEE(member) ||
			binary.LittleEndian.Uint32(rest[4:]) != uint32(len(member)) {
			return wire.BadCompression
		}
		if src = rest[8:]; len(src) == 0 {
			return wire.OK
		}
	}
}

// deflate inflates a zlib stream, or a bare one.
func (z *inflater) deflate(src []byte, limit int) wire.Code {
	zlib := zlibHeader(src)
	if zlib {
		src = src[2:]
	}
	rest, code := z.inflate(src, limit)
	if code != wire.OK {
		return code
	}
	if zlib {
		if len(rest) < 4 || binary.BigEndian.Uint32(rest) != adler32.Checksum(z.out) {
			return wire.BadCompression
		}
		rest = rest[4:]
	}
	if len(rest) > 0 {
		return wire.BadCompression
	}
	return wire.OK
}

// inflate appends one deflate stream to the output and returns what follows it.
func (z *inflater) inflate(src []byte, limit int) (rest []byte, code wire.Code) {
	z.src.Reset(src)
	if z.flate == nil {
		z.flate = flate.NewReader(&z.src)
	} else if err := z.flate.(flate.Resetter).Reset(&z.src, nil); err != nil {
		return nil, wire.BadCompression
	}
	for {
		if len(z.out) == cap(z.out) {
			z.grow(limit)
		}
		n, err := z.flate.Read(z.out[len(z.out):cap(z.out)])
		z.out = z.out[:len(z.out)+n]
		if len(z.out) > limit {
			return nil, wire.TooLarge
		}
		if err == io.EOF {
			// The reader takes bytes one at a time from a bytes.Reader, so what is unread follows the stream exactly.
			return src[len(src)-z.src.Len():], wire.OK
		}
		if err != nil {
			return nil, wire.BadCompression
		}
	}
}

// grow doubles the output's room, to one byte past the limit at the most: that byte tells "too large" from "just fits".
func (z *inflater) grow(limit int) {
	room := min(max(2*cap(z.out), outFirst), max(limit, len(z.out))+1)
	out := make([]byte, len(z.out), room)
	copy(out, z.out)
	z.out = out
}

// The bits of a gzip header's flags (RFC 1952, section 2.3.1).
const (
	gzipHeaderCRC = 1 << 1
	gzipExtra     = 1 << 2
	gzipName      = 1 << 3
	gzipComment   = 1 << 4
	gzipReserved  = 0xe0
)

// gzipHeader returns the length of the gzip header src begins with.
func gzipHeader(src []byte) (n int, ok bool) {
	const fixed = 10
	if len(src) < fixed || src[0] != 0x1f || src[1] != 0x8b || src[2] != 8 || src[3]&gzipReserved != 0 {
		return 0, false
	}
	flags, n := src[3], fixed
	if flags&gzipExtra != 0 {
		if len(src) < n+2 {
			return 0, false
		}
		if n += 2 + int(binary.LittleEndian.Uint16(src[n:])); n > len(src) {
			return 0, false
		}
	}
	for _, text := range [...]byte{gzipName, gzipComment} {
		if flags&text != 0 {
			end := bytes.IndexByte(src[n:], 0)
			if end < 0 {
				return 0, false
			}
			n += end + 1
		}
	}
	if flags&gzipHeaderCRC != 0 {
		if len(src) < n+2 || binary.LittleEndian.Uint16(src[n:]) != uint16(crc32.ChecksumIEEE(src[:n])) {
			return 0, false
		}
		n += 2
	}
	return n, true
}

// zlibHeader reports whether src begins with a zlib header: method 8, a window of at most 32 KiB, no preset dictionary, and the
// check that makes the two bytes a multiple of 31 (RFC 1950, section 2.2).
func zlibHeader(src []byte) bool {
	return len(src) >= 2 && src[0]&0x0f == 8 && src[0]>>4 <= 7 && src[1]&0x20 == 0 && binary.BigEndian.Uint16(src)%31 == 0
}
