package scram

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"hash"
	"strconv"
	"strings"
)

// Hash is the hash function of a mechanism.
type Hash uint8

// The mechanisms.
const (
	SHA256 Hash = iota
	SHA512
)

// Hashes is all of them.
var Hashes = []Hash{SHA256, SHA512}

// Name is what the mechanism is called.
func (h Hash) Name() string {
	if h == SHA512 {
		return "SCRAM-SHA-512"
	}
	return "SCRAM-SHA-256"
}

// ParseHash finds the mechanism of that name.
func ParseHash(name string) (h Hash, ok bool) {
	for _, h := range Hashes {
		if h.Name() == name {
			return h, true
		}
	}
	return 0, false
}

func (h Hash) new() hash.Hash {
	if h == SHA512 {
		return sha512.New()
	}
	return sha256.New()
}

func (h Hash) size() int { return h.new().Size() }

func (h Hash) sum(b []byte) []byte {
	f := h.new()
	f.Write(b)
	return f.Sum(nil)
}

func (h Hash) mac(key, text []byte) []byte {
	f := hmac.New(h.new, key)
	f.Write(text)
	return f.Sum(nil)
}

// The bounds of a verifier. Clients make as many rounds at each connection as the verifier says, and for PLAIN the server does.
const (
	RoundsMin   = 4096 // RFC 7677
	RoundsMax   = 1_000_000
	RoundsUsual = 16384 // the most that Kafka's own tools make
	saltMin     = 8
	saltMax     = 64
	SaltUsual   = 16
)

// Verifier is what is kept of a password.
type Verifier struct {
	Hash   Hash
	Rounds int
	Salt   []byte
	Stored []byte // the hash of the client's key
	Server []byte // the server's key
}

// New makes the verifier of a password, which is taken as its UTF-8 bytes, as Kafka's clients do.
func New(h Hash, password, salt []byte, rounds int) (Verifier, error) {
	salted, err := pbkdf2.Key(h.new, string(password), salt, rounds, h.size())
	if err != nil {
		return Verifier{}, errors.New("this password or its salt can't be used here")
	}
	return Verifier{Hash: h, Rounds: rounds, Salt: salt, Stored: h.sum(h.mac(salted, []byte("Client Key"))), Server: h.mac(salted, []byte("Server Key"))}, nil
}

// Is reports whether a password is the one.
func (v *Verifier) Is(password []byte) bool {
	other, err := New(v.Hash, password, v.Salt, v.Rounds)
	return err == nil && subtle.ConstantTimeCompare(other.Stored, v.Stored) == 1
}

// String writes the verifier as the configuration file has it: MECHANISM$rounds$salt$stored$server.
func (v *Verifier) String() string {
	return strings.Join([]string{v.Hash.Name(), strconv.Itoa(v.Rounds), encode(v.Salt), encode(v.Stored), encode(v.Server)}, "$")
}

// Parse reads what String writes. No error repeats any of it: it may be a password that stands where a verifier belongs.
func Parse(text string) (v Verifier, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 5 {
		return v, errors.New("it is not written as SCRAM-SHA-256$rounds$salt$stored$server")
	}
	var ok bool
	if v.Hash, ok = ParseHash(parts[0]); !ok {
		return v, errors.New("it begins with neither SCRAM-SHA-256$ nor SCRAM-SHA-512$")
	}
	if v.Rounds, err = strconv.Atoi(parts[1]); err != nil || v.Rounds < RoundsMin || v.Rounds > RoundsMax || strconv.Itoa(v.Rounds) != parts[1] {
		return v, errors.New("its rounds are not a number from " + strconv.Itoa(RoundsMin) + " to " + strconv.Itoa(RoundsMax))
	}
	for i, field := range []*[]byte{&v.Salt, &v.Stored, &v.Server} {
		if *field, err = decode(parts[2+i]); err != nil {
			return v, errors.New("its salt or its keys are not base64")
		}
	}
	if len(v.Salt) < saltMin || len(v.Salt) > saltMax || len(v.Stored) != v.Hash.size() || len(v.Server) != v.Hash.size() {
		return v, errors.New("its salt or its keys have a wrong length")
	}
	return v, nil
}

// Sham is a verifier of no password, for a user who is not there: its salt is always the same for a name, so that nobody learns from
// asking twice. secret is what strangers don't know.
func Sham(h Hash, name string, secret []byte, rounds, salt int) Verifier {
	text := []byte(name)
	return Verifier{Hash: h, Rounds: rounds, Salt: SHA512.mac(secret, text)[:min(salt, saltMax)], Stored: h.mac(secret, append(text, "stored"...)),
		Server: h.mac(secret, append(text, "server"...))}
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// decode undoes encode, and takes nothing that encode does not write: the library goes past line ends, strict or not.
func decode(text string) ([]byte, error) {
	if at := strings.IndexAny(text, "\r\n"); at >= 0 {
		return nil, base64.CorruptInputError(at)
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}
