package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"penstock/appliance/catalog"
	"penstock/appliance/shard"
)

// Options is what the admin server is given. Addr, Set and Catalog are required.
type Options struct {
	// Addr is host:port. Port 0 takes a free one (see Server.Addr). An address that is not loopback asks for Hosts.
	Addr string
	// Set returns the open topics, or nil while they are being recovered. It is called for each request, from many goroutines.
	Set func() *shard.Set
	// Catalog keeps the columns of the topics.
	Catalog *catalog.Catalog
	// Hosts are the names and addresses, without port, by which clients may call this server besides loopback and Addr's own.
	Hosts []string
	// Metrics writes the Prometheus text. It is called from many goroutines. Nil writes nothing.
	Metrics func(io.Writer)
	// Version is what /version tells.
	Version string
	// Ledger tells what became of every record, by wire. It is called from many goroutines. Nil knows no wires.
	Ledger func() map[string]Account
	// Deleted is called with each topic that was deleted. Nil does nothing.
	Deleted func(topic string) error
	// Bridge brings topics to clusters. Nil brings nothing.
	Bridge Bridge
	// Ready returns nil, or why the appliance takes no records; its text is shown. Nil asks the Set alone.
	Ready func() error
}

// What a client may cost.
const (
	headerTimeout  = 5 * time.Second  // for a request's header to arrive
	bodyTimeout    = 10 * time.Second // for a request's body to arrive
	writeTimeout   = time.Minute      // for a client to take an answer; a stream of records gets it anew for each flush
	profileTimeout = 15 * time.Minute // for a profile, which takes as long as it was asked to
	idleTimeout    = 2 * time.Minute  // between requests of a connection
	headerMax      = 16 << 10         // bytes of a request's header
	bodyMax        = 64 << 10         // bytes of a request's body
)

// Server is the admin server.
type Server struct {
	set      func() *shard.Set
	catalog  *catalog.Catalog
	metrics  func(io.Writer)
	ledger   func() map[string]Account
	version  string
	ready    func() error
	deleted  func(topic string) error
	bridge   Bridge
	listener net.Listener
	http     http.Server
	stop     context.CancelFunc // ends the long polls, so that Close need not wait for them
}

// New binds the address and returns the server; it answers once Serve runs. An address beyond loopback without Hosts is an error:
// a server that answers to any name can be read by any web page (DNS rebinding).
func New(o Options) (*Server, error) {
	if o.Set == nil || o.Catalog == nil {
		panic("BUG: admin.New needs Set and Catalog")
	}
	listener, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	bound := listener.Addr().(*net.TCPAddr).IP
	if !bound.IsLoopback() && len(o.Hosts) == 0 {
		listener.Close()
		return nil, fmt.Errorf("admin: %s can be reached from other machines: name the hosts it is called by with --admin-hosts, or bind it to 127.0.0.1", o.Addr)
	}
	if o.Ledger == nil {
		o.Ledger = func() map[string]Account { return map[string]Account{} }
	}
	if o.Deleted == nil {
		o.Deleted = func(string) error { return nil }
	}
	if o.Bridge == nil {
		o.Bridge = noBridge{}
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{bridge: o.Bridge, set: o.Set, catalog: o.Catalog, metrics: o.Metrics, ledger: o.Ledger, version: o.Version, ready: o.Ready, deleted: o.Deleted, listener: listener, stop: stop}
	s.http = http.Server{
		Handler:           newGuard(bound, o.Hosts).wrap(s.routes()),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerMax,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	return s, nil
}

// Addr is the address the server is bound to.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers requests until Close. It returns nil after Close, else why it stopped.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}

// Close takes no more requests, ends the long polls, and waits for the other answers until ctx ends; then it cuts them.
// Close it before the Set, or its readers meet closed logs. It may be called more than once, and without Serve.
func (s *Server) Close(ctx context.Context) error {
	s.stop()
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	s.listener.Close() // Shutdown knows it only when Serve has run
	return err
}

// routes is the one list of what this server answers.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /livez", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /metrics", s.serveMetrics)
	mux.HandleFunc("GET /version", s.serveVersion)
	addProfiles(mux)
	mux.HandleFunc("GET /v1/ledger", s.serveLedger)
	mux.HandleFunc("GET /v1/topics", s.listTopics)
	mux.HandleFunc("POST /v1/topics", s.createTopic)
	mux.HandleFunc("GET /v1/topics/{topic}", s.describeTopic)
	mux.HandleFunc("DELETE /v1/topics/{topic}", s.deleteTopic)
	mux.HandleFunc("GET /v1/topics/{topic}/records", s.serveRecords)
	mux.HandleFunc("GET /v1/forward", s.serveForward)
	mux.HandleFunc("GET /v1/topics/{topic}/promotion", s.servePromotion)
	mux.HandleFunc("POST /v1/topics/{topic}/promotion", s.promote)
	mux.HandleFunc("DELETE /v1/topics/{topic}/promotion", s.demote)
	return mux
}
