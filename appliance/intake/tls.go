package intake

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// Keyring holds the certificate in use. Handshakes take it as they begin, so a new one serves from the next connection on.
type Keyring struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

// Load reads the files again. On an error the certificate in use stays.
func (k *Keyring) Load() error {
	c, err := tls.LoadX509KeyPair(k.certFile, k.keyFile)
	if err != nil {
		return fmt.Errorf("intake: the certificate %s with the key %s: %w", k.certFile, k.keyFile, err)
	}
	k.current.Store(&c)
	return nil
}

// Config is TLS 1.2 with authenticated encryption, or TLS 1.3, and inside it the protocols that are named (ALPN).
func (k *Keyring) Config(protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: protocols,
		CipherSuites: []uint16{ // for 1.2; those of 1.3 are all of this kind and not a choice
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.current.Load(), nil },
	}
}

// secureConn is a connection under TLS. fasthttp asks it to shake hands on the connection's own goroutine, never on the accept loop.
type secureConn struct {
	*tls.Conn
	under  *conn
	within time.Duration // for the handshake
	ending tail
}

// secured returns what puts TLS around a door's connections.
func secured(k *Keyring, within time.Duration) func(*conn) net.Conn {
	config := k.Config("http/1.1")
	return func(c *conn) net.Conn {
		return &secureConn{Conn: tls.Server(c, config), under: c, within: within}
	}
}

// Handshake ends within its own deadline, shorter than a request's.
func (c *secureConn) Handshake() error {
	c.under.enter(greeting, c.within)
	err := c.Conn.Handshake()
	c.under.enter(greeting, c.under.door.times.header)
	return err
}

func (c *secureConn) Read(p []byte) (int, error) {
	if !c.under.holding.take(len(p), c.under.door.room) {
		return 0, errNoRoom
	}
	if !c.under.settle() {
		return 0, errUnkept
	}
	n, err := c.Conn.Read(p)
	if n > 0 && !c.under.heard(&c.ending, p[:n]) {
		return 0, errBareLF
	}
	return n, err
}

func (c *secureConn) Write(p []byte) (int, error) {
	if !c.under.settle() {
		return 0, errUnkept
	}
	return c.Conn.Write(p)
}

// Close says goodbye in TLS, shortly, and closes the connection below.
func (c *secureConn) Close() error {
	c.under.hurried.Store(true)
	return c.Conn.Close()
}

func (c *secureConn) base() *conn      { return c.under }
func (c *secureConn) plainTail() *tail { return &c.ending }
