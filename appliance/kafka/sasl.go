package kafka

import (
	"bytes"
	"encoding/binary"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/appliance/kafka/scram"
)

// loginTime is how long a client may take to log in.
const loginTime = 30 * time.Second

const byPassword = "PLAIN"

// login is how far a connection has got with logging in.
type login struct {
	done      bool
	by        time.Time       // when it has to be done
	mechanism string          // chosen by SaslHandshake; "" before
	bare      bool            // tokens come and go without a request around them, as before Kafka 1.0
	exchange  *scram.Exchange // under way
}

// beforeLogin is what may be asked before.
func beforeLogin(key kmsg.Key) bool {
	return key == kmsg.ApiVersions || key == kmsg.SASLHandshake || key == kmsg.SASLAuthenticate
}

// mechanisms are those that the client may take. PLAIN sends the password itself: only where nobody else can read it.
func (c *client) mechanisms() (names []string) {
	if c.server.users == nil {
		return nil
	}
	for _, h := range c.server.users.hashes {
		names = append(names, h.Name())
	}
	if c.server.opt.TLS != nil || c.server.loopback {
		names = append(names, byPassword)
	}
	return names
}

// saslHandshake chooses a mechanism. Whoever has chosen one, or has nothing to log in for, is at the wrong place.
func (c *client) saslHandshake(h header, r *kmsg.SASLHandshakeRequest) error {
	response := kmsg.NewPtrSASLHandshakeResponse()
	response.Version = r.Version
	response.SupportedMechanisms = c.mechanisms()
	if c.login.done || c.login.mechanism != "" {
		response.ErrorCode = kerr.IllegalSaslState.Code
		return c.orEnd(c.send(h, response))
	}
	for _, name := range response.SupportedMechanisms {
		if name == r.Mechanism {
			c.login.mechanism, c.login.bare = name, r.Version == 0
		}
	}
	if c.login.mechanism == "" {
		response.ErrorCode = kerr.UnsupportedSaslMechanism.Code
	}
	return c.orEnd(c.send(h, response))
}

// orEnd ends a connection that can't log in any more, once it was told.
func (c *client) orEnd(err error) error {
	if err == nil && !c.login.done && c.login.mechanism == "" {
		return io.EOF
	}
	return err
}

// saslAuthenticate takes the next token of the login.
func (c *client) saslAuthenticate(h header, r *kmsg.SASLAuthenticateRequest) error {
	response := kmsg.NewPtrSASLAuthenticateResponse()
	response.Version = r.Version
	response.SASLAuthBytes = []byte{}
	if c.login.done || c.login.mechanism == "" {
		response.ErrorCode = kerr.IllegalSaslState.Code
		return c.orEnd(c.send(h, response))
	}
	answer, ok := c.logIn(r.SASLAuthBytes)
	if !ok {
		text := scram.ErrRefused.Error()
		response.ErrorCode, response.ErrorMessage = kerr.SaslAuthenticationFailed.Code, &text
		return c.orEnd(c.send(h, response))
	}
	response.SASLAuthBytes = append(response.SASLAuthBytes, answer...)
	return c.send(h, response)
}

// token takes the next token of the login, which came bare. A failure has no answer there.
func (c *client) token(token []byte) error {
	answer, ok := c.logIn(token)
	if !ok {
		return io.EOF
	}
	return c.write([]piece{{bytes: append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)}})
}

// logIn goes a step on. A failure is counted, answered late, and the last of its connection.
func (c *client) logIn(token []byte) (answer []byte, ok bool) {
	user, done := "", false
	if c.login.mechanism == byPassword {
		user, ok = c.plain(token)
		done = ok
	} else {
		answer, user, done, ok = c.scram(token)
	}
	if !ok {
		c.server.loginsFailed.Add(1)
		c.login.mechanism, c.login.exchange = "", nil
		select {
		case <-time.After(c.server.opt.FailDelay):
		case <-c.server.ctx.Done():
		}
		return nil, false
	}
	if done {
		c.server.logins.Add(1)
		c.login = login{done: true}
		c.may = c.server.users.byName[user].May
	}
	return answer, true
}

// plain takes [authzid]NUL user NUL password (RFC 4616).
func (c *client) plain(token []byte) (user string, ok bool) {
	parts := bytes.Split(token, []byte{0})
	if len(parts) != 3 || len(parts[0]) > 0 && !bytes.Equal(parts[0], parts[1]) {
		return "", false
	}
	user = string(parts[1])
	return user, c.server.users.password(c.server.ctx, user, parts[2])
}

func (c *client) scram(token []byte) (answer []byte, user string, done, ok bool) {
	x := c.login.exchange
	if x == nil {
		hash, _ := scram.ParseHash(c.login.mechanism) // it is one of mechanisms
		x = scram.Begin(hash, func(name string) (scram.Verifier, bool) { return c.server.users.verifier(hash, name) })
		c.login.exchange = x
	}
	answer, done, err := x.Next(token)
	return answer, x.User(), done, err == nil
}
