package splunk

import (
	"bytes"

	"penstock/wire"
)

// key finds the token that a request carries: Authorization: Bearer token.
func key(req *wire.Request) []byte {
	const scheme = "Bearer "
	field := req.Header.Peek("Authorization")
	if len(field) < len(scheme) || !bytes.EqualFold(field[:len(scheme)], []byte(scheme)) {
		return nil
	}
	if token := bytes.TrimSpace(field[len(scheme):]); len(token) > 0 {
		return token
	}
	return nil
}

// payload returns a request's body, decoded and within the limit.
func payload(req *wire.Request) ([]byte, wire.Code) {
	limit := min(req.Limit, MaxBody)
	body, code := req.Decode.Decode(req.Header.Peek("Content-Encoding"), req.Body, limit)
	if code == wire.OK && len(body) > limit {
		code = wire.TooLarge
	}
	return body, code
}

// tenantMost is the longest tenant that is taken from a path, where anybody can write anything.
const tenantMost = 64

// source says of a request's records where they came from.
func source(req *wire.Request) wire.Source {
	from := wire.Source{Wire: "splunk", Tenant: req.Tenant}
	if path := req.Params[0]; from.Tenant == nil && len(path) <= tenantMost && wire.ValidTopic(path) {
		from.Tenant = path
	}
	return from
}
