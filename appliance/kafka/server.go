package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"penstock/appliance/kafka/group"
	"penstock/appliance/shard"
)

// Options is what the server is given.
type Options struct {
	Addr           string // host:port; port 0 takes a free one (see Server.Addr)
	Advertised     string // host:port that clients are told to come back to; "" = the address they came to
	Set            *shard.Set
	Groups         *group.Coordinator       // nil: groups are told that there is no coordinator at the moment
	Kept           Kept                     // how topics are kept
	Deleted        func(topic string) error // called when a topic was deleted; nil = nobody wants to know
	TLS            *tls.Config              // nil: in clear
	Users          map[string]User          // who may log in; none: nobody has to
	MaxConnections int
	MaxConnsPerIP  int           // 0 = no cap
	ReadTimeout    time.Duration // for a frame to come, once it has begun
	WriteTimeout   time.Duration // for a megabyte of an answer to be taken
	WaitMax        time.Duration // of a long poll; 0 = a minute
	FailDelay      time.Duration // before a login that failed is answered; 0 = half a second
	Logger         *slog.Logger
}

// What is not a setting.
const (
	idleTimeout = 10 * time.Minute // between frames; Kafka's connections.max.idle.ms
	frameMax    = 32 << 20         // bytes of a producer's frame, which holds batches of many partitions
	frameUsual  = 1 << 20          // bytes of any other
	framesMax   = 128 << 20        // bytes of all frames at work together, beside what each connection has of its own
	logEvery    = 10 * time.Second // accept errors
	cutTime     = time.Second      // for connections that were cut to end
)

// Stats is what the server counts, since it was made.
type Stats struct {
	Open         int    // connections
	Accepted     uint64 // connections
	TurnedAway   uint64 // connections over a bound
	Malformed    uint64 // connections closed for what they sent
	Logins       uint64
	LoginsFailed uint64
	Denied       uint64 // requests without the right to them
	Bugs         uint64 // connections closed for a bug of ours
	FetchedBytes uint64
	Produced     Produced
	Requests     []RequestStats // by name
}

// RequestStats counts the requests of one kind.
type RequestStats struct {
	Name  string
	Count uint64
}

// Server is the listener for Kafka's clients.
type Server struct {
	opt      Options
	host     string // advertised; "" = the connection's own
	port     int32
	listener net.Listener
	loopback bool            // nobody from another machine reaches it
	users    *users          // nil: nobody has to log in
	apis     []atomic.Uint64 // requests, in the order of apis

	ctx  context.Context // ends the long polls
	stop context.CancelFunc

	room         *room // for frames beside the connections' own
	accepted     atomic.Uint64
	turnedAway   atomic.Uint64
	malformed    atomic.Uint64
	bugs         atomic.Uint64
	logins       atomic.Uint64
	loginsFailed atomic.Uint64
	denied       atomic.Uint64
	fetchedBytes atomic.Uint64

	producers producers
	account   account
	takersMu  sync.Mutex
	takers    []*taker      // idle
	unpacking chan struct{} // a token for each batch that is being unpacked

	mu      sync.Mutex
	clients map[*client]struct{}
	byHost  map[string]int // connections; only kept where there is a cap
	closed  bool
	done    sync.WaitGroup // clients
}

// New binds the address; clients are answered once Serve runs.
func New(o Options) (*Server, error) {
	if o.WaitMax == 0 {
		o.WaitMax = time.Minute
	}
	if o.FailDelay == 0 {
		o.FailDelay = time.Second / 2
	}
	s := &Server{opt: o, users: newUsers(o.Users), apis: make([]atomic.Uint64, len(apis)), room: newRoom(framesMax),
		clients: map[*client]struct{}{}, byHost: map[string]int{},
		producers: producers{known: map[producerAt]producerState{}}, account: account{rejected: map[string]uint64{}}, unpacking: make(chan struct{}, runtime.GOMAXPROCS(0))}
	if o.Advertised != "" {
		var err error
		if s.host, s.port, err = splitAddress(o.Advertised); err != nil {
			return nil, fmt.Errorf("kafka-advertised: %w", err)
		}
	}
	listener, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for Kafka's clients (choose another address with --kafka, or --kafka off): %w", err)
	}
	s.listener = listener
	s.loopback = listener.Addr().(*net.TCPAddr).IP.IsLoopback()
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Addr is the address the server is bound to.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve takes connections until Close; then it returns nil. Trouble in accepting, as when there are no more descriptors, is waited out.
func (s *Server) Serve() error {
	pause := time.Duration(0)
	var nextLog time.Time
	for {
		nc, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err == nil:
			pause = 0
			s.admit(nc)
			continue
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		if now := time.Now(); now.After(nextLog) {
			nextLog = now.Add(logEvery)
			s.opt.Logger.Error("cannot accept connections; trying again", "listener", "kafka", "error", err.Error(), "pause", pause)
		}
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
			return nil
		}
	}
}

// admit starts a connection's goroutine, or closes it when there are too many.
func (s *Server) admit(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	host := hostOf(nc)
	if s.closed || len(s.clients) >= s.opt.MaxConnections || s.opt.MaxConnsPerIP > 0 && s.byHost[host] >= s.opt.MaxConnsPerIP {
		s.turnedAway.Add(1)
		_ = nc.Close() // it was never ours
		return
	}
	s.accepted.Add(1)
	c := newClient(s, nc, host)
	s.clients[c] = struct{}{}
	if s.opt.MaxConnsPerIP > 0 {
		s.byHost[host]++
	}
	s.done.Go(c.serve)
}

func (s *Server) gone(c *client) {
	s.mu.Lock()
	delete(s.clients, c)
	if s.byHost[c.host]--; s.byHost[c.host] <= 0 {
		delete(s.byHost, c.host)
	}
	s.mu.Unlock()
}

// Close takes no more connections, ends the long polls with what there is, and waits until the answers at work are taken or ctx ends; then
// it cuts them, and does not wait for one that a disk holds. Close it before the groups and the Set. It may be called more than once, and without Serve.
func (s *Server) Close(ctx context.Context) error {
	_ = s.listener.Close() // closed twice is closed
	s.stop()
	s.mu.Lock()
	s.closed = true
	for c := range s.clients {
		c.lastFrame()
	}
	s.mu.Unlock()
	gone := make(chan struct{})
	go func() { s.done.Wait(); close(gone) }()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.clients {
		_ = c.socket.Close() // being cut: without TLS's goodbye, which could wait
	}
	s.mu.Unlock()
	select {
	case <-gone:
	case <-time.After(cutTime):
	}
	return ctx.Err()
}

// Stats collects the numbers.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	open := len(s.clients)
	s.mu.Unlock()
	stats := Stats{Open: open, Accepted: s.accepted.Load(), TurnedAway: s.turnedAway.Load(), Malformed: s.malformed.Load(), Bugs: s.bugs.Load(),
		Logins: s.logins.Load(), LoginsFailed: s.loginsFailed.Load(), Denied: s.denied.Load(), FetchedBytes: s.fetchedBytes.Load(), Produced: s.account.read()}
	for i := range apis {
		stats.Requests = append(stats.Requests, RequestStats{apis[i].name(), s.apis[i].Load()})
	}
	return stats
}
