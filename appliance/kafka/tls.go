package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"runtime/debug"
	"time"
)

// handshakeTime is how long a client may take to shake hands.
const handshakeTime = 5 * time.Second

// tlsChunk is how many bytes of a segment are encrypted at a time: about a TLS record.
const tlsChunk = 16 << 10

// secured puts TLS around a connection, where that is wanted. Hands are shaken on the connection's own goroutine.
func (s *Server) secured(nc net.Conn) net.Conn {
	if s.opt.TLS == nil {
		return nc
	}
	return tls.Server(nc, s.opt.TLS)
}

// handshake does TLS's. Without TLS there is nothing to do.
func (c *client) handshake() error {
	conn, ok := c.nc.(*tls.Conn)
	if !ok {
		return nil
	}
	if err := conn.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.server.ctx, handshakeTime)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return errMalformed
	}
	return nil
}

// errUnreadable says that the bytes of a segment can't be read from its mapping.
var errUnreadable = errors.New("a page of a segment can't be read")

// writeMapped sends bytes of a segment where the kernel can't: they are encrypted, and so have to go through our hands.
func (c *client) writeMapped(mapped []byte) error {
	if c.copied == nil {
		c.copied = make([]byte, tlsChunk)
	}
	for len(mapped) > 0 {
		n, err := copyMapped(c.copied, mapped)
		if err != nil {
			return err
		}
		if err := c.writeSoon(); err != nil {
			return err
		}
		if _, err := c.nc.Write(c.copied[:n]); err != nil {
			return err
		}
		mapped = mapped[n:]
	}
	return nil
}

// copyMapped is copy from a mapping whose file may fail while it is read. Only the copy is guarded: a fault elsewhere is a bug.
func copyMapped(to, mapped []byte) (n int, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if bug := recover(); bug != nil {
			if _, fault := bug.(interface{ Addr() uintptr }); !fault {
				panic(bug)
			}
			err = errUnreadable
		}
	}()
	return copy(to, mapped), nil
}
