package intake

import (
	"unsafe"

	"github.com/valyala/fasthttp"
)

// fasthttp keeps the memory that a body was read into with its connection, for the next one. So each connection that ever sent a large body would hold as
// much to its end, which nobody counts, and each body would be read into memory that the caches have long forgotten. Large bodies therefore get their memory when
// their header is there, and it goes to the next one as soon as nothing needs the body any more.

// spareBodies is how many bytes are kept for bodies to come, or room for two of the largest.
const spareBodies = 16 << 20

// lendBody gives the request of a header memory for a body of n bytes. Where nobody knows how many it is what is there: who announces chunks and sends
// none gets nothing made.
func (s *Server) lendBody(h *fasthttp.RequestHeader, n int) {
	r := requestOf(h)
	had := r.SwapBody(nil) // small; or large, of a request that nobody took it back from
	if n == chunkedLength && cap(had) <= smallBody {
		if b := s.bodies.takeLargest(); b != nil {
			had = b[:0]
		}
	} else if cap(had) < n {
		had = s.bodies.take(n)[:0]
	}
	r.SwapBody(had)
}

// takeBody takes the memory of a request's body back, if it is large. Nothing may use the body any more.
func (s *Server) takeBody(r *fasthttp.Request) {
	if b := r.SwapBody(nil); cap(b) > smallBody {
		s.bodies.give(b[:0])
	} else {
		r.SwapBody(b)
	}
}

// requestOf is the request that a header is part of. fasthttp's HeaderReceived is told of no more than the header, and always of one that lies in a request.
func requestOf(h *fasthttp.RequestHeader) *fasthttp.Request {
	return (*fasthttp.Request)(unsafe.Add(unsafe.Pointer(h), -int(unsafe.Offsetof(fasthttp.Request{}.Header))))
}
