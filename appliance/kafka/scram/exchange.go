package scram

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"strconv"
	"strings"
)

// ErrRefused says that an authentication failed, and not why.
var ErrRefused = errors.New("authentication failed")

const messageMax = 4096 // bytes of a client's message

// Exchange is one authentication: the client's first message, the server's, the client's proof, the server's.
type Exchange struct {
	hash  Hash
	find  func(name string) (v Verifier, known bool)
	nonce string // the server's part

	user     string
	known    bool
	verifier Verifier
	client   string // the client's nonce
	both     string // nonces
	header   string // what binds the exchange to a channel: none here
	said     string // what both proofs are made of, so far
	step     int
}

// Begin begins an authentication. find gives the verifier of a user, or for one who is not there a sham and false.
func Begin(h Hash, find func(name string) (v Verifier, known bool)) *Exchange {
	return &Exchange{hash: h, find: find, nonce: rand.Text()}
}

// User is who has proved to be that user, once Next says so.
func (x *Exchange) User() string { return x.user }

// Next takes the client's next message and returns the answer to it; done says that the client is who it says. After an error, or
// done, there is no next one.
func (x *Exchange) Next(message []byte) (answer []byte, done bool, err error) {
	step := x.step
	x.step = -1
	switch {
	case len(message) > messageMax || bytes.IndexByte(message, 0) >= 0:
		return nil, false, ErrRefused
	case step == 0:
		answer, err = x.first(string(message))
		x.step = 1
	case step == 1:
		answer, err = x.final(string(message))
		done = err == nil
	default:
		err = ErrRefused
	}
	if err != nil {
		x.step = -1
		return nil, false, err
	}
	return answer, done, nil
}

// first takes n,[a=authzid],n=user,r=nonce[,extensions] and answers r=nonces,s=salt,i=rounds.
func (x *Exchange) first(message string) ([]byte, error) {
	binding, rest, _ := strings.Cut(message, ",")
	as, bare, ok := strings.Cut(rest, ",")
	if binding != "n" && binding != "y" || !ok { // p= would bind it to a TLS channel, which we don't offer
		return nil, ErrRefused
	}
	x.header = binding + "," + as + ","
	fields := strings.Split(bare, ",")
	if len(fields) < 2 {
		return nil, ErrRefused
	}
	name, okName := strings.CutPrefix(fields[0], "n=") // m=, an extension that must be understood, has its place before
	nonce, okNonce := strings.CutPrefix(fields[1], "r=")
	user, okUser := unescape(name)
	if !okName || !okUser || !okNonce || !printable(nonce) || user == "" {
		return nil, ErrRefused
	}
	if as != "" && as != "a="+name { // nobody acts for others
		return nil, ErrRefused
	}
	for _, extension := range fields[2:] {
		if strings.HasPrefix(extension, "tokenauth=") { // Kafka's delegation tokens
			return nil, ErrRefused
		}
	}
	x.user, x.client, x.both = user, nonce, nonce+x.nonce
	x.verifier, x.known = x.find(user)
	answer := "r=" + x.both + ",s=" + encode(x.verifier.Salt) + ",i=" + strconv.Itoa(x.verifier.Rounds)
	x.said = bare + "," + answer
	return []byte(answer), nil
}

// final takes c=header,r=nonces[,extensions],p=proof and answers v=signature. librdkafka, for many years, has its own nonce there twice;
// brokers take that, and the proof is over what was sent.
func (x *Exchange) final(message string) ([]byte, error) {
	at := strings.LastIndex(message, ",p=")
	if at < 0 {
		return nil, ErrRefused
	}
	proof, err := decode(message[at+len(",p="):])
	if err != nil || len(proof) != x.hash.size() {
		return nil, ErrRefused
	}
	fields := strings.SplitN(message[:at], ",", 3)
	if len(fields) < 2 || fields[0] != "c="+encode([]byte(x.header)) || fields[1] != "r="+x.both && fields[1] != "r="+x.client+x.both {
		return nil, ErrRefused
	}
	said := []byte(x.said + "," + message[:at])
	key := make([]byte, len(proof))
	subtle.XORBytes(key, proof, x.hash.mac(x.verifier.Stored, said))
	if subtle.ConstantTimeCompare(x.hash.sum(key), x.verifier.Stored) != 1 || !x.known {
		return nil, ErrRefused
	}
	return []byte("v=" + encode(x.hash.mac(x.verifier.Server, said))), nil
}

// unescape undoes what stands for a comma and an equals sign in a name.
func unescape(name string) (string, bool) {
	plain := strings.NewReplacer("=2C", ",", "=3D", "=").Replace(name)
	return plain, strings.Count(name, "=") == strings.Count(name, "=2C")+strings.Count(name, "=3D")
}

// printable is what a nonce may be made of: ASCII that is seen, without commas.
func printable(nonce string) bool {
	for i := range len(nonce) {
		if c := nonce[i]; c <= ' ' || c >= 0x7f || c == ',' {
			return false
		}
	}
	return nonce != ""
}
