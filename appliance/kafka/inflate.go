package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// How a batch's records may be compressed, as its attributes have it.
const (
	codecNone = iota
	codecGzip
	codecSnappy
	codecLZ4
	codecZstd
)

var (
	errCodec  = errors.New("the compression is not known")
	errBomb   = errors.New("there is more in it than may be")
	errSnappy = errors.New("this is no snappy")
)

// inflater undoes compression. One goroutine uses it; what it returned is valid until the next call.
type inflater struct {
	gzip   *gzip.Reader
	lz4    *lz4.Reader
	zstd   *zstd.Decoder
	source bytes.Reader
	out    []byte
}

// inflate returns what was compressed, at most so many bytes of it: an error else.
func (f *inflater) inflate(codec byte, src []byte, most int) ([]byte, error) {
	f.source.Reset(src)
	switch codec {
	case codecNone:
		return src, nil
	case codecGzip:
		if f.gzip == nil {
			f.gzip = new(gzip.Reader)
		}
		if err := f.gzip.Reset(&f.source); err != nil {
			return nil, err
		}
		return f.all(f.gzip, most)
	case codecSnappy:
		return f.snappy(src, most)
	case codecLZ4:
		if f.lz4 == nil {
			f.lz4 = lz4.NewReader(nil)
		}
		f.lz4.Reset(&f.source)
		return f.all(f.lz4, most)
	case codecZstd:
		if f.zstd == nil {
			var err error
			if f.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20)); err != nil {
				return nil, err
			}
		}
		if err := f.zstd.Reset(&f.source); err != nil {
			return nil, err
		}
		return f.all(f.zstd, most)
	}
	return nil, errCodec
}

// all reads to the end.
func (f *inflater) all(r io.Reader, most int) ([]byte, error) {
	b := bytes.NewBuffer(f.out[:0])
	n, err := b.ReadFrom(io.LimitReader(r, int64(most)+1))
	f.out = b.Bytes()
	if err == nil && n > int64(most) {
		err = errBomb
	}
	return f.out, err
}

// xerial begins what snappy's Java library writes, and many with it: blocks behind their lengths, not one. The two numbers that follow it are versions.
var xerial = []byte("\x82SNAPPY\x00")

func (f *inflater) snappy(src []byte, most int) ([]byte, error) {
	f.out = f.out[:0]
	if !bytes.HasPrefix(src, xerial) {
		err := f.block(src, most)
		return f.out, err
	}
	if len(src) < len(xerial)+8 {
		return nil, errSnappy
	}
	for src = src[len(xerial)+8:]; len(src) > 0; {
		if len(src) < 4 {
			return nil, errSnappy
		}
		size := binary.BigEndian.Uint32(src)
		if src = src[4:]; uint64(size) > uint64(len(src)) {
			return nil, errSnappy
		}
		if err := f.block(src[:size], most); err != nil {
			return nil, err
		}
		src = src[size:]
	}
	return f.out, nil
}

// block appends what is in one block.
func (f *inflater) block(src []byte, most int) error {
	size, err := s2.DecodedLen(src)
	if err != nil {
		return errSnappy
	}
	if size > most-len(f.out) {
		return errBomb
	}
	at := len(f.out)
	f.out = append(f.out, make([]byte, size)...)
	if _, err := s2.Decode(f.out[at:], src); err != nil {
		return errSnappy
	}
	return nil
}

// let gives large memory back.
func (f *inflater) let() {
	const keep = 1 << 20
	if cap(f.out) > keep {
		f.out = nil
	}
}
