package kairosdb

import (
	"bytes"
	"encoding/base64"

	"penstock/wire"
)

// key finds the key that a request carries: the password of Basic authentication, which is all that the server itself can ask for,
// or a Bearer token. nil: none. It allocates the little that a password needs.
func key(req *wire.Request) []byte {
	scheme, credentials, _ := bytes.Cut(req.Header.Peek("Authorization"), []byte(" "))
	credentials = bytes.TrimSpace(credentials)
	switch {
	case bytes.EqualFold(scheme, []byte("Bearer")) && len(credentials) > 0:
		return credentials
	case !bytes.EqualFold(scheme, []byte("Basic")):
		return nil
	}
	text, err := base64.StdEncoding.AppendDecode(nil, credentials)
	if err != nil {
		return nil
	}
	if _, password, ok := bytes.Cut(text, []byte(":")); ok && len(password) > 0 {
		return password
	}
	return nil
}
