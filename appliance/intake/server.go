package intake

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"penstock/wire"
)

// Server is the front door. Make it with New, run it with Serve, end it with Close.
type Server struct {
	opt        Options
	routes     *routes
	doors      []*door // of HTTP
	watch      *watch
	streams    []*streamDoor
	datagrams  []*datagramDoor
	streamsOf  []*streamOf
	engine     fasthttp.Server
	certs      *Keyring // nil without https
	keys       *keys
	topics     []*wire.Topics // by format
	quiet      quietLogger
	complaints complaints
	room       room
	bodies     spares
	shed       atomic.Uint64
	unkept     atomic.Uint64
	upset      atomic.Int64 // until then, ms since 1970, pipelined requests do not gather
	bugOnce    sync.Once
	cut        chan struct{} // closed when the time to stop is over
	closing    sync.Once
	closeErr   error
}

// New opens the listening sockets, so that an address in use is an error here and Addrs is known; nobody is served before Serve.
func New(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{opt: o, quiet: quietLogger{log: o.Logger}, complaints: complaints{log: o.Logger}, cut: make(chan struct{})}
	s.room.most, s.room.small = o.MaxBuffered, o.MaxHeader
	s.bodies.most = max(spareBodies, 2*spareSize(o.MaxBody))
	if s.routes, err = newRoutes(o.Formats); err != nil {
		return nil, err
	}
	if s.keys, err = newKeys(o.Keys, o.Formats); err != nil {
		return nil, err
	}
	if s.topics, err = newTopics(o.Topics, o.Formats); err != nil {
		return nil, err
	}
	if o.HTTPS != "" && o.HTTPS != off {
		s.certs = o.Keyring
		if s.certs == nil {
			if s.certs, err = OpenKeyring(o.CertFile, o.KeyFile, o.DataDir, o.Logger); err != nil {
				return nil, err
			}
		}
	}
	s.watch = newWatch(o.HandshakeTimeout, o.HeaderTimeout, o.ReadTimeout-o.HeaderTimeout, o.WriteTimeout, o.IdleTimeout)
	s.setEngine()
	if err := s.openDoors(); err != nil {
		return nil, errors.Join(err, s.shut())
	}
	return s, nil
}

func (s *Server) setEngine() {
	s.engine = fasthttp.Server{
		Handler:        s.serve,
		ErrorHandler:   s.unread,
		ExpectHandler:  s.expect,
		HeaderReceived: s.headerReceived,
		ConnState:      ended,
		Logger:         &s.quiet,

		MaxRequestBodySize: s.opt.MaxBody,
		ReadBufferSize:     s.opt.MaxHeader,
		// The crowd's cap comes first; this one counts goroutines that are just ending as well, and must not bite before it.
		Concurrency: 2*s.opt.MaxConnections + len(s.opt.Formats),

		CloseOnShutdown:              true,
		SecureErrorLogMessage:        true,
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		// ReduceMemoryUsage and StreamRequestBody stay off: they cost two to five times the CPU of a request.
	}
}

// smallBody is what a body may have, in bytes, that has no time of its own, but the header's.
const smallBody = 4 << 10

// headerReceived gives a body the part of the request's time that is not set aside for its header, the size its wire allows, and memory.
func (s *Server) headerReceived(h *fasthttp.RequestHeader) (c fasthttp.RequestConfig) {
	n := h.ContentLength() // below 0: chunked, or nothing is said
	if n < 0 && !h.IsGet() || n > smallBody {
		// Has fasthttp call conn.SetReadDeadline. If there is no such part the header's deadline holds for the body too.
		c.ReadTimeout = s.opt.ReadTimeout - s.opt.HeaderTimeout
	}
	if n < 0 || n > s.opt.MaxBody {
		if r, _, _ := s.routes.find(pathOf(h), h.Method()); r != nil && r.Limit > s.opt.MaxBody {
			c.MaxRequestBodySize = r.Limit
		}
	}
	if n == chunkedLength || n > smallBody && n <= max(s.opt.MaxBody, c.MaxRequestBodySize) {
		s.lendBody(h, n)
	}
	return c
}

// chunkedLength is what fasthttp has for the length of a body that comes in chunks.
const chunkedLength = -1

// ended stores what a connection left, whose goroutine ends: fasthttp leaves replies behind in its buffer when the server stops.
func ended(c net.Conn, state fasthttp.ConnState) {
	if state != fasthttp.StateClosed {
		return
	}
	if cl, ok := c.(client); ok {
		cl.base().settle()
	}
}

func (s *Server) openDoors() error {
	for _, at := range []struct{ scheme, addr string }{{"http", s.opt.HTTP}, {"https", s.opt.HTTPS}} {
		if at.addr == "" || at.addr == off {
			continue
		}
		sockets, err := listen(at.addr, "--"+at.scheme, s.opt.Listeners, s.opt.Steer)
		if err != nil {
			return err
		}
		for _, l := range sockets {
			s.doors = append(s.doors, s.newDoor(at.scheme, l))
		}
	}
	crowd := newCrowd(s.opt.MaxConnections, s.opt.MaxConnsPerIP)
	for _, d := range s.doors {
		d.crowd, d.room = crowd, &s.room
	}
	if err := s.openStreams(crowd); err != nil {
		return err
	}
	if len(s.doors)+len(s.streams) == 0 {
		return errors.New("intake: no address to listen on")
	}
	return nil
}

// shut closes every socket that listens; nobody is served any more than before.
func (s *Server) shut() (err error) {
	for _, d := range s.doors {
		err = errors.Join(err, d.Close())
	}
	for _, d := range s.streams {
		err = errors.Join(err, d.Close())
	}
	for _, d := range s.datagrams {
		err = errors.Join(err, d.close())
	}
	return err
}

func (s *Server) newDoor(scheme string, l net.Listener) *door {
	d := &door{
		scheme:  scheme,
		socket:  l,
		log:     s.opt.Logger,
		watch:   s.watch,
		times:   times{s.opt.HandshakeTimeout, s.opt.HeaderTimeout, s.opt.ReadTimeout - s.opt.HeaderTimeout, s.opt.WriteTimeout, s.opt.IdleTimeout},
		closing: make(chan struct{}),
		open:    make(map[*conn]struct{}),
		workers: &workers{server: s, limit: s.opt.MaxInFlight},
	}
	if scheme == "https" {
		d.secure = secured(s.certs, s.opt.HandshakeTimeout)
	}
	return d
}

func (s *Server) newWorker(left used) *worker {
	w := &worker{counts: left.counts, ticket: left.ticket}
	if w.counts == nil {
		w.counts = newTally(len(s.opt.Formats))
	}
	if w.ticket == nil {
		w.ticket = s.opt.Set.NewTicket()
	}
	w.ticket.Late = w.tellLate
	w.digest = sha256.New()
	return w
}

// Serve answers clients until Close. It returns nil then, and an error only if a door ended by itself.
func (s *Server) Serve() error {
	var streams sync.WaitGroup
	for _, d := range s.streams {
		streams.Go(d.serve)
	}
	for _, d := range s.datagrams {
		streams.Go(d.serve)
	}
	defer streams.Wait()
	go s.watch.run(s.doors)
	ended := make(chan error, len(s.doors))
	for _, d := range s.doors {
		go func() { ended <- s.engine.Serve(d) }()
	}
	var err error
	for range s.doors {
		err = errors.Join(err, <-ended)
	}
	return err
}

// Addrs are the addresses listened on, by scheme: "http", "https", and the names of streams, whose datagrams come to the same port.
func (s *Server) Addrs() map[string]net.Addr {
	addrs := make(map[string]net.Addr)
	for _, d := range s.doors {
		addrs[d.scheme] = d.Addr()
	}
	for _, d := range s.streams {
		addrs[d.scheme] = d.Addr()
	}
	return addrs
}

// Reload reads the certificate's files again; new connections get what they hold. On an error the certificate in use stays.
func (s *Server) Reload() error {
	if s.certs == nil {
		return nil
	}
	return s.certs.Load()
}

// Close stops accepting, lets requests in work finish and closes connections as they fall idle; replies say so. What is still
// open when ctx ends is cut, and Close says how much that was. Calling it again returns the first answer.
func (s *Server) Close(ctx context.Context) error {
	s.closing.Do(func() { s.closeErr = s.close(ctx) })
	return s.closeErr
}

func (s *Server) close(ctx context.Context) error {
	streams := make(chan error, 1)
	go func() { streams <- s.closeStreams(ctx) }()
	defer close(s.watch.stop)
	return errors.Join(s.closeHTTP(ctx), <-streams)
}

func (s *Server) closeHTTP(ctx context.Context) error {
	var err error
	for _, d := range s.doors {
		err = errors.Join(err, d.Close())
		// fasthttp takes a new connection for a busy one; who has said nothing yet is not waited for.
		d.hangUp(false)
	}
	if s.engine.ShutdownWithContext(ctx) == nil {
		return err
	}
	cut := 0
	for _, d := range s.doors {
		cut += d.hangUp(true)
	}
	if cut > 0 {
		err = errors.Join(err, fmt.Errorf("intake: %d connections were still busy and were cut: %w", cut, context.Cause(ctx)))
	}
	return err
}
