package graphite

import (
	"encoding/binary"

	"penstock/wire"
)

// frameHead is how many bytes tell a frame's length, the highest first.
const frameHead = 4

var (
	frameTooLarge = wire.Fault{Code: wire.TooLarge, Offset: wire.NoOffset}
	frameCut      = wire.Fault{Code: wire.BadPickle, Offset: wire.NoOffset, Detail: []byte("the frame ends too soon")}
)

// splitFrames returns the splitter of pickles: a length and as many bytes. A length above the limit closes the connection, since
// nothing tells where the next frame begins. What is cut short by the end of a connection or datagram is refused.
func splitFrames(limit int) wire.Splitter {
	return func(buf []byte, atEOF bool) (advance int, frame []byte, fault *wire.Fault) {
		if len(buf) >= frameHead {
			n := binary.BigEndian.Uint32(buf)
			if uint64(n) > uint64(limit) {
				return 0, nil, &frameTooLarge
			}
			if end := frameHead + int(n); len(buf) >= end {
				return end, buf[frameHead:end:end], nil
			}
		}
		if atEOF && len(buf) > 0 {
			return len(buf), nil, &frameCut
		}
		return 0, nil, nil
	}
}
