package intake

import (
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// quietLogger is what fasthttp logs to. fasthttp's messages can hold a request's bytes, where keys travel in headers and in
// URLs; so of a message only the peer's address is taken, and of an error only what kind it is. A client that provokes messages
// does not fill the log: there is one in ten seconds, and it says how many there were.
type quietLogger struct {
	log   *slog.Logger
	pace  pace
	ended atomic.Uint64
}

var _ fasthttp.Logger = (*quietLogger)(nil)

// Printf takes fasthttp's message apart and drops its text.
func (q *quietLogger) Printf(_ string, args ...any) {
	n := q.ended.Add(1)
	if !q.pace.due() {
		return
	}
	peer, why := "", "other"
	for _, a := range args {
		switch a := a.(type) {
		case net.Addr:
			peer = a.String() // the last address in a message is the client's
		case error:
			why = troubleOf(a).sentence
		}
	}
	q.log.Warn("a connection ended in an error", "peer", peer, "reason", why, "so_far", n)
}

// complaints logs troubles of the machine, one in ten seconds.
type complaints struct {
	log  *slog.Logger
	pace pace
}

func (c *complaints) note(what string, err error) {
	if c.pace.due() {
		c.log.Error(what, "error", err.Error())
	}
}

// pace lets one message through in ten seconds.
type pace struct {
	mu   sync.Mutex
	next time.Time
}

func (p *pace) due() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.next) {
		return false
	}
	p.next = now.Add(10 * time.Second)
	return true
}
