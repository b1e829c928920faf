package kafka

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	kafkascram "github.com/twmb/franz-go/pkg/sasl/scram"

	"penstock/appliance/kafka/scram"
)

// secret is everybody's password.
const secret = "correct horse, battery"

func verifiers(t *testing.T, hashes ...scram.Hash) (all []scram.Verifier) {
	t.Helper()
	for _, h := range hashes {
		v, err := scram.New(h, []byte(secret), []byte("a salt of "+h.Name()), scram.RoundsMin)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// withUsers is a door that ada may do all at, bob may read, carol write, dora make topics, and eve nothing.
func withUsers(t *testing.T, change func(*Options)) *door {
	t.Helper()
	both := verifiers(t, scram.SHA256, scram.SHA512)
	return open(t, 1, func(o *Options) {
		described(o)
		o.FailDelay = time.Millisecond
		o.Users = map[string]User{"ada": {both, Read | Write | Admin}, "bob": {both[:1], Read}, "carol": {both[1:], Write}, "dora": {both, Admin}, "eve": {both, 0}}
		if change != nil {
			change(o)
		}
	})
}

// Clients log in by every mechanism, in clear and under TLS; with another password, as somebody else or by a mechanism that is not theirs they don't.
func TestClientsLogIn(t *testing.T) {
	for _, secured := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", secured), func(t *testing.T) { clientsLogIn(t, secured) })
	}
}

func clientsLogIn(t *testing.T, secured bool) {
	server, trusting := certified(t)
	by256 := func(user, pass string) sasl.Mechanism {
		return kafkascram.Auth{User: user, Pass: pass}.AsSha256Mechanism()
	}
	by512 := func(user, pass string) sasl.Mechanism {
		return kafkascram.Auth{User: user, Pass: pass}.AsSha512Mechanism()
	}
	byPlain := func(user, pass string) sasl.Mechanism { return plain.Auth{User: user, Pass: pass}.AsMechanism() }
	d := withUsers(t, func(o *Options) {
		if secured {
			o.TLS = server
		}
	})
	for _, c := range []struct {
		by         func(user, pass string) sasl.Mechanism
		user, pass string
		in         bool
	}{
		{by256, "ada", secret, true}, {by512, "ada", secret, true}, {byPlain, "ada", secret, true}, {byPlain, "carol", secret, true},
		{by256, "ada", "another", false}, {by512, "ada", "another", false}, {byPlain, "ada", "another", false},
		{by256, "zoe", secret, false}, {byPlain, "zoe", secret, false}, {by256, "carol", secret, false}, {by512, "bob", secret, false},
	} {
		options := []kgo.Opt{kgo.SeedBrokers(d.server.Addr().String()), kgo.SASL(c.by(c.user, c.pass)), kgo.RequestRetries(0), kgo.RetryTimeout(time.Millisecond)}
		if secured {
			options = append(options, kgo.DialTLSConfig(trusting))
		}
		client, err := kgo.NewClient(options...)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err = client.Ping(ctx)
		cancel()
		client.Close()
		if c.in && err != nil || !c.in && !errors.Is(err, kerr.SaslAuthenticationFailed) {
			t.Errorf("%s by %s with %q: %v", c.user, c.by("", "").Name(), c.pass, err)
		}
	}
	if stats := d.server.Stats(); stats.Logins < 4 || stats.LoginsFailed < 7 || stats.Bugs > 0 {
		t.Errorf("%+v", stats)
	}
}

func (w *wired) handshake(version int16, mechanism string) *kmsg.SASLHandshakeResponse {
	w.Helper()
	r := kmsg.NewPtrSASLHandshakeRequest()
	r.SetVersion(version)
	r.Mechanism = mechanism
	return w.ask(r).(*kmsg.SASLHandshakeResponse)
}

func (w *wired) authenticate(version int16, token string) *kmsg.SASLAuthenticateResponse {
	w.Helper()
	r := kmsg.NewPtrSASLAuthenticateRequest()
	r.SetVersion(version)
	r.SASLAuthBytes = []byte(token)
	return w.ask(r).(*kmsg.SASLAuthenticateResponse)
}

// logIn logs in, or fails the test.
func (w *wired) logIn(user string) *wired {
	w.Helper()
	if got := w.handshake(1, "PLAIN"); got.ErrorCode != 0 {
		w.Fatalf("%+v", got)
	}
	if got := w.authenticate(2, "\x00"+user+"\x00"+secret); got.ErrorCode != 0 || len(got.SASLAuthBytes) != 0 {
		w.Fatalf("%+v", got)
	}
	return w
}

// ended wants the connection to be closed without another word.
func (w *wired) ended(what string) {
	w.Helper()
	if body, err := w.frame(); !errors.Is(err, io.EOF) {
		w.Errorf("%s: it ended in %v, %x", what, err, body)
	}
}

// Before a login nobody gets an answer but to what a login needs, and nothing large is taken in.
func TestBeforeLogin(t *testing.T) {
	d := withUsers(t, nil)
	malformed := uint64(0)
	for i := range apis {
		if beforeLogin(apis[i].key) {
			continue
		}
		r := apis[i].key.Request()
		r.SetVersion(apis[i].max)
		w := d.dial()
		w.ask(kmsg.NewPtrApiVersionsRequest())
		if got := w.handshake(1, "SCRAM-SHA-256"); got.ErrorCode != 0 {
			t.Fatalf("%+v", got)
		}
		w.send(frameOf(r, 7))
		w.ended(apis[i].name())
		malformed++
		if got := d.server.Stats(); got.Malformed != malformed || got.Bugs > 0 {
			t.Errorf("%s: %+v", apis[i].name(), got)
		}
	}
	w := d.dial()
	w.send([]byte{0, 0, ownFrame>>8 + 1, 0})
	w.ended("a large frame")
}

// The steps of a login in a wrong order, again, or not at all.
func TestLoginSteps(t *testing.T) {
	d := withUsers(t, nil)
	illegal := kerr.IllegalSaslState.Code
	w := d.dial()
	if got := w.authenticate(2, "\x00ada\x00"+secret); got.ErrorCode != illegal {
		t.Errorf("a token without a handshake: %+v", got)
	}
	w.ended("a token without a handshake")

	w = d.dial()
	if got := w.handshake(1, "GSSAPI"); got.ErrorCode != kerr.UnsupportedSaslMechanism.Code || strings.Join(got.SupportedMechanisms, " ") != "SCRAM-SHA-256 SCRAM-SHA-512 PLAIN" {
		t.Errorf("%+v", got)
	}
	w.ended("an unknown mechanism")

	w = d.dial()
	w.handshake(1, "SCRAM-SHA-256")
	if got := w.handshake(1, "PLAIN"); got.ErrorCode != illegal {
		t.Errorf("a second handshake: %+v", got)
	}
	if got := w.authenticate(2, "\x00ada\x00"+secret); got.ErrorCode != kerr.SaslAuthenticationFailed.Code {
		t.Errorf("the second mechanism counts: %+v", got)
	}
	w.ended("a password where SCRAM was chosen")

	w = d.dial().logIn("ada")
	for range 2 {
		if got := w.handshake(1, "PLAIN"); got.ErrorCode != illegal {
			t.Errorf("a handshake after the login: %+v", got)
		}
		if got := w.authenticate(0, "\x00bob\x00"+secret); got.ErrorCode != illegal {
			t.Errorf("a token after the login: %+v", got)
		}
	}
	w.ask(kmsg.NewPtrMetadataRequest()) // it is ada's as before

}

func TestLoginWithoutUsers(t *testing.T) {
	illegal := kerr.IllegalSaslState.Code
	anybody := open(t, 1, nil).dial()
	if got := anybody.handshake(0, "PLAIN"); got.ErrorCode != illegal || len(got.SupportedMechanisms) != 0 {
		t.Errorf("without users: %+v", got)
	}
	if got := anybody.authenticate(0, "x"); got.ErrorCode != illegal {
		t.Errorf("without users: %+v", got)
	}
	anybody.ask(kmsg.NewPtrMetadataRequest())
}

// A token that is none, or is another's, ends the login, whichever way it comes; nothing of it is told or logged.
func TestPlainRefused(t *testing.T) {
	d := withUsers(t, nil)
	for i, token := range []string{
		"", "ada", "\x00ada", "ada\x00" + secret, "\x00ada\x00", "\x00ada\x00" + secret + "x", "\x00ada\x00" + secret[1:], "\x00\x00" + secret, "\x00ada\x00" + secret + "\x00",
		"bob\x00ada\x00" + secret, "\x00ADA\x00" + secret, "\x00zoe\x00" + secret,
	} {
		w := d.dial()
		if i%2 == 0 {
			w.handshake(1, "PLAIN")
			got := w.authenticate(int16(i)%3, token)
			if got.ErrorCode != kerr.SaslAuthenticationFailed.Code || *got.ErrorMessage != "authentication failed" || len(got.SASLAuthBytes) != 0 {
				t.Errorf("%q: %+v", token, got)
			}
		} else {
			w.handshake(0, "PLAIN")
			w.sendToken(token)
		}
		w.ended(token)
		if got := d.server.Stats().LoginsFailed; got != uint64(i+1) {
			t.Errorf("%q: %d logins failed", token, got)
		}
	}
	w := d.dial()
	w.handshake(1, "PLAIN")
	if got := w.authenticate(1, "ada\x00ada\x00"+secret); got.ErrorCode != 0 { // as oneself
		t.Errorf("%+v", got)
	}
}

// sendToken sends a token without a request around it.
func (w *wired) sendToken(token string) {
	w.Helper()
	w.send(append([]byte{0, 0, byte(len(token) >> 8), byte(len(token))}, token...))
}

// Before Kafka 1.0 tokens came bare; librdkafka and others still can. After the login frames are requests.
func TestBareTokens(t *testing.T) {
	d := withUsers(t, nil)
	w := d.dial()
	w.handshake(0, "PLAIN")
	w.sendToken("\x00ada\x00" + secret)
	if answer, err := w.frame(); err != nil || len(answer) != 0 {
		t.Fatalf("%x, %v", answer, err)
	}
	w.ask(kmsg.NewPtrMetadataRequest())

	w = d.dial()
	w.handshake(0, "SCRAM-SHA-512")
	if final := w.exchange(t, scram.SHA512, func(token string) string { w.sendToken(token); answer, _ := w.frame(); return string(answer) }); !strings.HasPrefix(final, "v=") {
		t.Errorf("it is answered %q", final)
	}
	w.ask(kmsg.NewPtrMetadataRequest())
}

// exchange goes through SCRAM as ada, by franz-go's client, and returns what the server says last.
func (w *wired) exchange(t *testing.T, h scram.Hash, send func(token string) string) string {
	t.Helper()
	mechanism := kafkascram.Auth{User: "ada", Pass: secret}.AsSha256Mechanism()
	if h == scram.SHA512 {
		mechanism = kafkascram.Auth{User: "ada", Pass: secret}.AsSha512Mechanism()
	}
	session, first, err := mechanism.Authenticate(t.Context(), "host")
	if err != nil {
		t.Fatal(err)
	}
	done, final, err := session.Challenge([]byte(send(string(first))))
	if err != nil || done {
		t.Fatal(done, err)
	}
	answer := send(string(final))
	if strings.HasPrefix(answer, "v=") {
		if done, _, err := session.Challenge([]byte(answer)); err != nil || !done {
			t.Errorf("the server has not proved itself: %v", err)
		}
	}
	return answer
}

// What was a good proof in another exchange is none in this, nor is a spoilt one.
func TestScramRefused(t *testing.T) {
	d := withUsers(t, nil)
	var sent []string
	w := d.dial()
	w.handshake(1, "SCRAM-SHA-256")
	w.exchange(t, scram.SHA256, func(token string) string {
		sent = append(sent, token)
		return string(w.authenticate(2, token).SASLAuthBytes)
	})
	w.ask(kmsg.NewPtrMetadataRequest())
	spoil := func(final string) string {
		at := strings.LastIndex(final, ",p=") + 3
		proof, err := base64.StdEncoding.DecodeString(final[at:])
		if err != nil {
			t.Fatal(err)
		}
		proof[0] ^= 1
		return final[:at] + base64.StdEncoding.EncodeToString(proof)
	}
	for name, change := range map[string]func(final string) string{
		"replayed": func(string) string { return sent[1] }, "spoilt": spoil, "cut": func(final string) string { return final[:len(final)/2] },
		"empty": func(string) string { return "" }, "the first one again": func(string) string { return sent[0] },
	} {
		w := d.dial()
		w.handshake(1, "SCRAM-SHA-256")
		step := 0
		got := w.exchange(t, scram.SHA256, func(token string) string {
			if step++; step == 2 {
				token = change(token)
			}
			answer := w.authenticate(2, token)
			if want := []int16{0, kerr.SaslAuthenticationFailed.Code}[step-1]; answer.ErrorCode != want {
				t.Errorf("%s: %+v", name, answer)
			}
			return string(answer.SASLAuthBytes)
		})
		if got != "" {
			t.Errorf("%s: it is answered %q", name, got)
		}
		w.ended(name)
	}
}

// Who is not there is challenged as who is: by the same rounds, and always by the same salt.
func TestUnknownUsersAreChallenged(t *testing.T) {
	d := withUsers(t, nil)
	challenge := func(user string) (salt, rounds string) {
		w := d.dial()
		w.handshake(1, "SCRAM-SHA-256")
		parts := strings.Split(string(w.authenticate(2, "n,,n="+user+",r=nonce").SASLAuthBytes), ",")
		if len(parts) != 3 {
			t.Fatalf("%s: %v", user, parts)
		}
		return parts[1], parts[2]
	}
	salt, rounds := challenge("zoe")
	again, _ := challenge("zoe")
	other, _ := challenge("zac")
	known, usual := challenge("ada")
	if salt != again || salt == other || salt == known || rounds != usual || len(salt) != len(known) {
		t.Errorf("zoe: %s %s, again %s; zac: %s; ada: %s %s", salt, rounds, again, other, known, usual)
	}
}

// PLAIN is for where nobody else reads along.
func TestPlainIsNotForEverywhere(t *testing.T) {
	u := newUsers(map[string]User{"ada": {Verifiers: verifiers(t, scram.SHA512)}})
	server, _ := certified(t)
	for _, c := range []struct {
		server *Server
		want   string
	}{
		{&Server{users: u}, "SCRAM-SHA-512"},
		{&Server{users: u, loopback: true}, "SCRAM-SHA-512 PLAIN"},
		{&Server{users: u, opt: Options{TLS: server}}, "SCRAM-SHA-512 PLAIN"},
		{&Server{loopback: true}, ""},
	} {
		if got := strings.Join((&client{server: c.server}).mechanisms(), " "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// A login takes its time and no more.
func TestLoginHasAnEnd(t *testing.T) {
	d := withUsers(t, nil)
	nc, far := tcpPair(t)
	c := newClient(d.server, nc, "127.0.0.1")
	c.login.by = time.Now().Add(20 * time.Millisecond)
	d.server.done.Go(c.serve)
	if _, err := io.Copy(io.Discard, far); err != nil {
		t.Errorf("it ended in %v", err)
	}
}

// Nothing of a password is logged, told or counted.
func TestSecretsStaySecret(t *testing.T) {
	d := withUsers(t, nil)
	w := d.dial()
	w.handshake(1, "PLAIN")
	w.send(frameOf(&kmsg.SASLAuthenticateRequest{Version: 2, SASLAuthBytes: []byte("\x00ada\x00" + secret + "!")}, 7))
	answer, err := w.frame()
	if err != nil || bytes.Contains(answer, []byte(secret)) || strings.Contains(fmt.Sprintf("%+v", d.server.Stats())+d.log.String(), secret) {
		t.Errorf("%q, %v, the log: %s", answer, err, d.log)
	}
}
