// Package pack compresses samples while they are laid. The records of an agent's samples are nearly alike: what a record has from the one before it is told by
// where it stands there. That is an LZ4 frame, as any reader of LZ4 takes it; but nothing is searched for. Series come in the order in which they came the last time,
// so how a series' record differs from that of the one before it is remembered with it, and a record is a few bytes to be copied and some distances to be added to.
package pack

import "encoding/binary"

// A frame is LZ4's ("LZ4 Frame Format"), of one block; its integers are little-endian:
//
//	 0  magic      uint32
//	 4  flags      byte    version 1, blocks are independent (what Kafka's own client asks for)
//	 5  largest    byte    a block may have 1 MiB
//	 6  checksum   byte    of the two
//	 7  length     uint32  of the block
//	11  the block
//	    end        uint32  0
//
// A block ("LZ4 Block Format") is sequences: a token, whose upper four bits say how many literals follow and whose lower four how many bytes, less 4, are then
// taken from what came before; 15 says that bytes follow to be added, up to one that is not 255; the literals; how far back is what is taken, uint16. The last
// sequence has literals only, five at least, and nothing is taken that begins less than twelve bytes before the end.
const (
	frameMagic = 0x184D2204
	frameHead  = 11
	frameEnd   = 4
	flags      = 0x60
	largest    = 6 << 4
	checksum   = 0x51 // the second byte of xxh32 of the two

	shortest = 4  // bytes taken
	extended = 15 // in a token: there is more
)

// Most is how many bytes of records a frame holds.
const Most = 1 << 20

// Overhead bounds what a frame takes beside its records, and SampleOverhead what a record takes beyond its own bytes and 1/128 of them: what says lengths, and room
// for more to be copied than is needed.
const (
	Overhead       = frameHead + 1 + frameEnd + 2
	SampleOverhead = 2 * maxBetween
)

// Frame is a frame that is being written. The zero value is ready.
type Frame struct {
	raw    int // bytes of records that it holds
	token  int // where the open sequence begins; 0: the frame is not being written
	before before
}

// before is what is known of the last sample.
type before struct {
	series     uint64 // 0: there is none
	text       []byte
	head, tail int
	at         int // where its key stands among the frame's bytes of records
	point      int // bytes between head and tail
	time       int64
	tailed     int // where the sequence begins that its tail was taken with; 0: it was not taken
	literals   int // of that sequence
}

func (b *before) headText() []byte { return b.text[:b.head] }
func (b *before) tailText() []byte { return b.text[b.head:][:b.tail] }
func (b *before) key() []byte      { return b.text[b.head+b.tail:] }

// Open reports whether the frame has begun, and is not finished.
func (f *Frame) Open() bool { return f.token > 0 }

// Pending bounds how many bytes a frame that has come to so many may yet take for what is in it.
func (f *Frame) Pending(size int) int { return (size - f.token) >> 7 }

// Begin begins a frame behind dst, which is not empty, and has room for Overhead.
func (f *Frame) Begin(dst []byte) []byte {
	dst = dst[:len(dst)+frameHead+1]
	*f = Frame{token: len(dst) - 1}
	return dst
}

// Fits reports whether the frame holds n bytes of records more.
func (f *Frame) Fits(n int) bool { return f.raw+n <= Most }

// farthest bounds how far apart two keys may be, so that their records' distances have 16 bits.
const farthest = 1 << 15

// Add adds a sample's record: what stands before its key, the last lead bytes of dst, the key, the value's length as a varint of two bytes, the value, and a zero.
// dst is what Begin or Add returned, and has room for these, 1/128 of them, SampleOverhead, and what is Pending. The sample's text stays as it is until Finish; nothing else of
// it is kept.
func (f *Frame) Add(dst []byte, lead int, size uint16, x *Sample) []byte {
	s, b := x.Series, &f.before
	if s.id == 0 {
		s.id = lastID.Add(1)
	}
	if b.series != 0 && s.after != b.series {
		s.learn(x, b)
	}
	at := f.raw + lead
	point := len(x.Stamp) + len(x.Zeros) + len(",") + len(x.Value)
	if distance := at - b.at; b.series != 0 && s.alike && distance < farthest {
		dst = f.addAlike(dst, distance, size, x, point)
	} else {
		dst = binary.LittleEndian.AppendUint16(append(dst, x.Key()...), size)
		dst = appendTime(append(dst, x.head()...), x.Point)
		dst = append(append(append(dst, x.Value...), x.tail()...), 0)
		b.tailed = 0
	}
	b.series, b.text, b.head, b.tail, b.at, b.time, b.point = s.id, x.Text, x.Head, x.Tail, at, x.Time, point
	f.raw += lead + len(x.Text) + 2 + point + 1
	return dst
}

// addAlike adds a record that has something from the one before, whose key is so far from its own.
func (f *Frame) addAlike(dst []byte, distance int, size uint16, x *Sample, point int) []byte {
	s, b := x.Series, &f.before
	if s.lead > 0 {
		dst = append(dst, x.Key()[:s.lead]...)
	}
	dst = f.take(dst, distance+int(s.first.farther), int(s.first.bytes))
	at := len(dst) - 1
	between := dst[at : at+maxBetween]
	*(*[maxBetween]byte)(between) = s.between
	for _, where := range s.distances[:s.count] {
		binary.LittleEndian.PutUint16(between[where:], binary.LittleEndian.Uint16(s.between[where:])+uint16(distance))
	}
	binary.LittleEndian.PutUint16(between[s.size:], size)
	dst, f.token = dst[:at+int(s.length)], at+int(s.token)

	distance += int(s.last.farther)
	if x.Time == b.time { // so are its digits
		dst = f.take(dst, distance, int(s.last.bytes)+len(x.Stamp)+len(x.Zeros)+len(","))
	} else {
		dst = appendTime(f.take(dst, distance, int(s.last.bytes)), x.Point)
	}
	dst = appendShort(dst, x.Value)
	if !s.tails {
		b.tailed = 0
		return append(append(dst, x.tail()...), 0)
	}
	b.tailed, b.literals = f.token, len(dst)-f.token-1
	return f.take(dst, distance+point-b.point, x.Tail+1)
}

func appendTime(dst []byte, p *Point) []byte {
	return append(append(append(dst, p.Stamp...), p.Zeros...), ',')
}

// take closes the open sequence with bytes to be taken.
func (f *Frame) take(dst []byte, distance, bytes int) []byte {
	high := (len(dst) - f.token - 1) << 4
	if high >= extended<<4 {
		dst, high = tellLiterals(dst, f.token)
	}
	dst = closeSequence(dst, f.token, high, distance, bytes)
	f.token = len(dst) - 1
	return dst
}

// tellLiterals makes the open sequence say how many literals it has, but for the upper half of its token, which it returns.
func tellLiterals(dst []byte, token int) (told []byte, high int) {
	literals := len(dst) - token - 1
	if literals < extended {
		return dst, literals << 4
	}
	return extend(dst, token, literals), extended << 4
}

// closeSequence closes such a sequence with bytes to be taken, and begins the next one.
func closeSequence(dst []byte, token, high, distance, bytes int) []byte {
	bytes -= shortest
	at := len(dst)
	dst = dst[:at+4]
	binary.LittleEndian.PutUint16(dst[at:], uint16(distance))
	if bytes < extended {
		dst[token] = byte(high | bytes)
		return dst[:at+3]
	}
	dst[token] = byte(high | extended)
	for bytes -= extended; bytes >= 255; bytes -= 255 {
		dst[at+2] = 255
		at++
		dst = dst[:at+4]
	}
	dst[at+2] = byte(bytes)
	return dst
}

// moreLiterals is how many bytes behind the token say how many literals there are.
func moreLiterals(n int) int {
	if n < extended {
		return 0
	}
	return (n-extended)/255 + 1
}

// extend makes room for, and writes, what says that a sequence has so many literals, which its token cannot.
func extend(dst []byte, token, literals int) []byte {
	more := moreLiterals(literals)
	dst = dst[:len(dst)+more]
	copy(dst[token+1+more:], dst[token+1:])
	at, rest := token+1, literals-extended
	for ; rest >= 255; rest -= 255 {
		dst[at] = 255
		at++
	}
	dst[at] = byte(rest)
	return dst
}

// reopen takes back that the sequence that begins at token was closed, when it had as many literals or more.
func reopen(dst []byte, token, literals int) []byte {
	if dst[token]>>4 == extended {
		more := 1
		for dst[token+more] == 255 {
			more++
		}
		copy(dst[token+1:], dst[token+1+more:][:literals])
	}
	return dst[:token+1+literals]
}

// Back takes back what was added since the frame was as it was, with so many bytes in dst.
func (f *Frame) Back(dst []byte, was *Frame, size int) []byte {
	if f.token != was.token {
		dst = reopen(dst, was.token, size-was.token-1)
	}
	*f = *was
	return dst[:size]
}

// Finish ends the frame, which begins at dst[at].
func (f *Frame) Finish(dst []byte, at int) []byte {
	if b := &f.before; b.tailed > 0 { // the end is literals
		dst, f.token = reopen(dst, b.tailed, b.literals), b.tailed
		dst = append(append(dst, b.tailText()...), 0)
	}
	dst, high := tellLiterals(dst, f.token)
	dst[f.token] = byte(high)
	binary.LittleEndian.PutUint32(dst[at:], frameMagic)
	dst[at+4], dst[at+5], dst[at+6] = flags, largest, checksum
	binary.LittleEndian.PutUint32(dst[at+7:], uint32(len(dst)-at-frameHead))
	*f = Frame{}
	return append(dst, 0, 0, 0, 0)
}

// Block is the block of a frame that Finish ended. false: it is no such frame.
func Block(frame []byte) (block []byte, ok bool) {
	le := binary.LittleEndian
	if len(frame) < frameHead+frameEnd || le.Uint32(frame) != frameMagic || frame[4] != flags || frame[5] != largest || frame[6] != checksum {
		return nil, false
	}
	block = frame[frameHead : len(frame)-frameEnd]
	return block, int64(le.Uint32(frame[7:])) == int64(len(block)) && le.Uint32(frame[len(frame)-frameEnd:]) == 0
}

// appendShort is append for what is short, and may have more behind it that is copied along: two words, where they are there.
func appendShort(dst, src []byte) []byte {
	if len(src) <= 16 && cap(src) >= 16 {
		two, to := (*[16]byte)(src[:16]), dst[len(dst):len(dst)+16]
		binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(two[:8]))
		binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(two[8:]))
		return dst[:len(dst)+len(src)]
	}
	return append(dst, src...)
}
