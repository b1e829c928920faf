package segment

import (
	"crypto/hmac"
	"crypto/sha1"
	"hash"

	"penstock/wire"
)

// signer checks signatures: the lower-case hex of HMAC-SHA1 with a shared secret. One for each worker; its hashes are made once and
// reused.
//
// A signature holds for a body that is the JSON it was made over, byte for byte. Of an array it also holds when it was made over the
// first element, for that is what Segment does: verified against its own code, where a digest matched element 0 and not the body. So
// in a batch only the first event is authenticated: whoever has seen one signed event can put others of his own behind it. A receiver
// that asks for more refuses every genuine batch of two. TLS and a secret path in front of us are what protects the rest.
type signer struct {
	secrets []hash.Hash
	sum     [sha1.Size]byte
	hex     [2 * sha1.Size]byte
}

func newSigner(secrets [][]byte) (s signer) {
	for _, secret := range secrets {
		s.secrets = append(s.secrets, hmac.New(sha1.New, secret))
	}
	return s
}

// signed reports whether a signature is one of the body's; without a secret any is, and none.
func (s *signer) signed(signature, body []byte) bool {
	if len(s.secrets) == 0 {
		return true
	}
	if len(signature) != len(s.hex) {
		return false
	}
	if at := wire.SkipSpace(body, 0); at < len(body) && body[at] == '[' {
		at = wire.SkipSpace(body, at+1)
		if end, code := wire.ScanValue(body, at); code == wire.OK && s.matches(signature, body[at:end]) {
			return true
		}
	}
	return s.matches(signature, body)
}

// matches compares in constant time: how long it takes says nothing about how near a guess came.
func (s *signer) matches(signature, text []byte) bool {
	const digits = "0123456789abcdef"
	for _, mac := range s.secrets {
		mac.Reset()
		mac.Write(text) // a hash's Write does not fail
		for i, c := range mac.Sum(s.sum[:0]) {
			s.hex[2*i], s.hex[2*i+1] = digits[c>>4], digits[c&15]
		}
		if hmac.Equal(s.hex[:], signature) {
			return true
		}
	}
	return false
}
