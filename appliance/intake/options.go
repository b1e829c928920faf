package intake

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"time"

	"penstock/appliance/shard"
	"penstock/wire"
)

// Options says where to listen, what to speak, and how much a client may take. Zero values are the defaults named beside them.
type Options struct {
	HTTP, HTTPS string            // "host:port"; port 0 picks one; "" or "off" opens no such door
	Streams     map[string]string // by a stream's name: "host:port", likewise; datagrams come to the same port
	Listeners   int               // sockets for each address; 0 = one per core
	Steer       bool              // each TCP socket takes the connections that come in on its CPU, not those that a hash gives it

	CertFile, KeyFile string   // PEM files; both empty = a self-signed certificate, made on first start in DataDir/tls
	DataDir           string   // only used for that certificate
	Keyring           *Keyring // a certificate that is open already, shared with another listener; nil = from those files

	Set     *shard.Set    // where records go
	Formats []wire.Format // the wires spoken
	Tables  wire.Tables   // what the topics feed; nil = no tables
	Ack     shard.Ack     // the policy of a request that names none

	Keys   []Key                           // who may send on the wires that ask for keys; a wire without any is open
	Topics map[string]map[wire.Kind]string // by wire: where a kind's records go, if not to its own topic

	MaxBody     int // bytes of a body, as sent and as inflated; 1 MiB
	MaxHeader   int // bytes of a request's line and headers; 16 KiB. Each connection holds a buffer of this size
	MaxInFlight int // requests one socket's connections may have in work; above it they are answered busy; 1024

	// MaxBuffered is the most bytes of bodies being received or in work, over all doors; 512 MiB. Memory for a body is taken when its
	// length is announced, so without this cap a few thousand headers could take it all. Bodies smaller than MaxHeader do not count;
	// what is lent to connections of streams does.
	MaxBuffered int64

	MaxConnections int // open connections over all doors; 16384. Above it a connection is closed as soon as it is accepted
	MaxConnsPerIP  int // open connections from one address; 0 = no cap

	HandshakeTimeout time.Duration // TLS handshake, whole; 5 s
	HeaderTimeout    time.Duration // from a request's first byte to its header's last, and to the last of a body of 4 KiB or less; 10 s
	ReadTimeout      time.Duration // a request, whole: once its header is there, its body has the rest, ReadTimeout - HeaderTimeout; 30 s
	WriteTimeout     time.Duration // a reply; 30 s
	IdleTimeout      time.Duration // between requests of a connection; 120 s

	StreamIdleTimeout time.Duration // silence of a stream's connection; 5 min

	Logger *slog.Logger // nil = slog.Default()
}

func (o Options) withDefaults() (Options, error) {
	o.Listeners = cmp.Or(o.Listeners, runtime.NumCPU())
	o.MaxBody = cmp.Or(o.MaxBody, 1<<20)
	o.MaxHeader = cmp.Or(o.MaxHeader, 16<<10)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 1024)
	o.MaxBuffered = cmp.Or(o.MaxBuffered, 512<<20)
	o.MaxConnections = cmp.Or(o.MaxConnections, 16384)
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, 5*time.Second)
	o.HeaderTimeout = cmp.Or(o.HeaderTimeout, 10*time.Second)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, 30*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 30*time.Second)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 120*time.Second)
	o.StreamIdleTimeout = cmp.Or(o.StreamIdleTimeout, 5*time.Minute)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Tables == nil {
		o.Tables = noTables{}
	}
	return o, o.check()
}

func (o *Options) check() error {
	if o.Set == nil {
		return errors.New("intake: no shard set to bring records to")
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return errors.New("intake: a certificate file and a key file go together; only one of them is named")
	}
	if o.HTTPS != "" && o.HTTPS != off && o.CertFile == "" && o.DataDir == "" && o.Keyring == nil {
		return errors.New("intake: https needs a certificate: name its files, or a data directory to keep a self-signed one in")
	}
	for _, n := range []struct {
		name     string
		value    int
		min, max int
	}{
		{"listeners", o.Listeners, 1, 1024},
		{"max body", o.MaxBody, 1, math.MaxInt32},
		{"max header", o.MaxHeader, 1 << 10, 1 << 20},
		{"max in flight", o.MaxInFlight, 1, math.MaxInt32},
		{"max connections", o.MaxConnections, 1, math.MaxInt32 / 4},
		{"max connections per address", o.MaxConnsPerIP, 0, math.MaxInt32},
	} {
		if n.value < n.min || n.value > n.max {
			return fmt.Errorf("intake: %s is %d; it must be between %d and %d", n.name, n.value, n.min, n.max)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"handshake timeout", o.HandshakeTimeout},
		{"header timeout", o.HeaderTimeout},
		{"read timeout", o.ReadTimeout},
		{"write timeout", o.WriteTimeout},
		{"idle timeout", o.IdleTimeout},
		{"stream idle timeout", o.StreamIdleTimeout},
	} {
		if d.value <= 0 {
			return fmt.Errorf("intake: %s is %v; it must be positive: a client that is waited for without end is never let go", d.name, d.value)
		}
	}
	if o.MaxBuffered < int64(o.MaxBody) {
		return fmt.Errorf("intake: max buffered is %d, and a single body may have %d", o.MaxBuffered, o.MaxBody)
	}
	if o.HeaderTimeout > o.ReadTimeout {
		return fmt.Errorf("intake: the header timeout %v is longer than the read timeout %v, which covers it", o.HeaderTimeout, o.ReadTimeout)
	}
	return nil
}

// Check says what is wrong with keys and topics for these formats, as New would.
func Check(formats []wire.Format, all []Key, topics map[string]map[wire.Kind]string) error {
	_, errKeys := newKeys(all, formats)
	_, errTopics := newTopics(topics, formats)
	return errors.Join(errKeys, errTopics)
}

// off is the address of a door that stays shut.
const off = "off"

// noTables is a catalog with nothing in it.
type noTables struct{}

func (noTables) Columns([]byte) *wire.Columns { return nil }
