package intake

import (
	"errors"
	"io"
	"net"

	"github.com/valyala/fasthttp"

	"penstock/wire"
)

// unread answers a request that fasthttp could not read: too large, too slow, or not HTTP. The connection is closed after it.
func (s *Server) unread(ctx *fasthttp.RequestCtx, err error) {
	door, cl := s.doorOf(ctx)
	door.malformed.Add(1)
	s.takeBody(&ctx.Request)
	trouble := troubleOf(err)
	turnAway(ctx, cl, trouble.status, trouble.sentence)
	if trouble.status == fasthttp.StatusRequestEntityTooLarge {
		s.tooLarge(ctx)
	}
	if trouble.status == fasthttp.StatusServiceUnavailable {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, "1")
	}
	if cl != nil && trouble.status == fasthttp.StatusRequestTimeout {
		cl.base().linger.Store(false) // it has had its time
	}
}

// tooLarge says it in the words of the request's wire: its header is there, and clients read nothing but their vendor's errors.
func (s *Server) tooLarge(ctx *fasthttp.RequestCtx) {
	header := &ctx.Request.Header
	if flaw, _ := judge(header, &headers{}); flaw != "" {
		return
	}
	if r, _, _ := s.routes.find(pathOf(header), header.Method()); r != nil {
		s.unparsed(ctx, r, wire.Outcome{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.TooLarge, Offset: wire.NoOffset}})
	}
}

// trouble is a reason for which a request could not be read, in words that hold nothing of the request.
type trouble struct {
	status   int
	sentence string
}

func troubleOf(err error) trouble {
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	switch {
	case errors.As(err, &small):
		return trouble{fasthttp.StatusRequestHeaderFieldsTooLarge, "the request's header is larger than the limit"}
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return trouble{fasthttp.StatusRequestEntityTooLarge, "the request's body is larger than the limit"}
	case errors.Is(err, fasthttp.ErrTimeout), errors.As(err, &network) && network.Timeout():
		return trouble{fasthttp.StatusRequestTimeout, "the request did not arrive in time"}
	case errors.Is(err, errNoRoom):
		return trouble{fasthttp.StatusServiceUnavailable, "too many large bodies are in work; try again soon"}
	case errors.Is(err, errBareLF):
		return trouble{fasthttp.StatusBadRequest, errBareLF.Error()}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return trouble{fasthttp.StatusBadRequest, "the request ended too early"}
	}
	return trouble{fasthttp.StatusBadRequest, "the request is not well-formed HTTP"}
}

// expect decides on a request that asks before it sends its body ("Expect: 100-continue"): what would be refused anyway is
// refused now, before a byte of the body is sent.
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	status := s.expected(ctx)
	if status != fasthttp.StatusContinue {
		s.takeBody(&ctx.Request) // no handler will
	}
	return status
}

// expected is what expect answers.
func (s *Server) expected(ctx *fasthttp.RequestCtx) int {
	header := &ctx.Request.Header
	if flaw, _ := judge(header, &headers{}); flaw != "" {
		return fasthttp.StatusBadRequest
	}
	r, methods, _ := s.routes.find(pathOf(header), header.Method())
	switch {
	case methods == nil:
		return fasthttp.StatusNotFound
	case r == nil:
		return fasthttp.StatusMethodNotAllowed
	case header.ContentLength() > max(r.Limit, s.opt.MaxBody):
		return fasthttp.StatusRequestEntityTooLarge
	}
	return fasthttp.StatusContinue
}
