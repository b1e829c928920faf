// Package wiretest is the workbench of the formats' tests: requests and replies as readable files (goldens), and stand-ins for what
// a request needs of the world. Production code does not import it.
package wiretest

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"

	"penstock/segstore/pack"
	"penstock/wire"
)

// Values is a Peeker made of names and values: headers, or a query. Names match in any case, as headers do.
type Values [][2]string

// Peek implements wire.Peeker.
func (v Values) Peek(name string) []byte {
	for _, pair := range v {
		if strings.EqualFold(pair[0], name) {
			return []byte(pair[1])
		}
	}
	return nil
}

// Layer keeps the records that are laid with it: a wire.Layer for a batch to have.
type Layer struct {
	Records []wire.Record
	marked  int
}

// Lay implements wire.Layer.
func (l *Layer) Lay(topic, key []byte, hash uint64, size int, time int64) []byte {
	l.Records = append(l.Records, wire.Record{Topic: topic, Key: bytes.Clone(key), Value: make([]byte, size), Time: time, Hash: hash})
	return l.Records[len(l.Records)-1].Value
}

// Pack implements wire.Layer.
func (l *Layer) Pack(topic []byte, hash uint64, x *pack.Sample) bool {
	value := bytes.Join([][]byte{x.Text[:x.Head], x.Stamp, []byte(x.Zeros), []byte(","), x.Value, x.Text[x.Head:][:x.Tail]}, nil)
	copy(l.Lay(topic, x.Key(), hash, len(value), x.Time), value)
	return true
}

// Mark implements wire.Layer.
func (l *Layer) Mark() { l.marked = len(l.Records) }

// Back implements wire.Layer.
func (l *Layer) Back() { l.Records = l.Records[:l.marked] }

// Tables answers the same columns for every topic; the zero value knows no table.
type Tables struct{ Behind *wire.Columns }

// Columns implements wire.Tables.
func (t Tables) Columns([]byte) *wire.Columns { return t.Behind }

// Decoder implements wire.Decoder with the standard library: the contract in its plainest form, for tests. Payload is what the last
// Decode returned.
type Decoder struct{ Payload []byte }

// Decode implements wire.Decoder.
func (d *Decoder) Decode(encoding, src []byte, limit int) ([]byte, wire.Code) {
	out, code := decode(strings.ToLower(string(encoding)), src, limit)
	d.Payload = out
	return out, code
}

func decode(encoding string, src []byte, limit int) ([]byte, wire.Code) {
	var from io.Reader
	var err error
	switch encoding {
	case "", "identity", "none":
		return src, wire.OK
	case "gzip", "x-gzip":
		from, err = gzip.NewReader(bytes.NewReader(src))
	case "deflate":
		if from, err = zlib.NewReader(bytes.NewReader(src)); err != nil {
			from, err = flate.NewReader(bytes.NewReader(src)), nil
		}
	default:
		return nil, wire.BadEncoding
	}
	if err != nil {
		return nil, wire.BadCompression
	}
	out, err := io.ReadAll(io.LimitReader(from, int64(limit)+1))
	switch {
	case len(out) > limit:
		return nil, wire.TooLarge
	case err != nil:
		return nil, wire.BadCompression
	}
	return out, wire.OK
}

// Encode is the other direction, for writing requests: gzip, deflate (zlib's), raw-deflate.
func Encode(encoding string, src []byte) ([]byte, bool) {
	var out bytes.Buffer
	var to io.WriteCloser
	switch encoding {
	case "gzip":
		to = gzip.NewWriter(&out)
	case "deflate":
		to = zlib.NewWriter(&out)
	case "raw-deflate":
		to, _ = flate.NewWriter(&out, flate.DefaultCompression)
	default:
		return nil, false
	}
	// Writing to memory does not fail.
	to.Write(src)
	to.Close()
	return out.Bytes(), true
}
