package stackstate

import (
	"bytes"

	"penstock/wire"
)

// key implements wire.Route's Key. A place with an empty key has none: agents that were given no key send "api_key=".
func key(req *wire.Request) []byte {
	if k := req.Query.Peek("api_key"); len(k) > 0 {
		return k
	}
	for _, name := range []string{"sts-api-key", "DD-Api-Key"} {
		if k := req.Header.Peek(name); len(k) > 0 {
			return k
		}
	}
	scheme, k, ok := bytes.Cut(req.Header.Peek("Authorization"), []byte(" "))
	if k = bytes.TrimSpace(k); !ok || len(k) == 0 || !bytes.EqualFold(scheme, apiKey) && !bytes.EqualFold(scheme, bearer) {
		return nil
	}
	return k
}

var apiKey, bearer = []byte("ApiKey"), []byte("Bearer")

// legacyKey is the member that held a key once.
const legacyKey = "apiKey"

// withoutKey returns what may be kept of a refused body: nil for all of it, and nothing where a key may hide. In what was proven to be
// JSON every apiKey is found, however it is spelled, and its value masked, whatever it is. Elsewhere no rule says where a value ends.
func (in *input) withoutKey() []byte {
	switch {
	case in.body == nil: // it could not be decoded: who knows what is in it
		return []byte{}
	case in.proven:
		return in.masked(in.body)
	case mayHaveKey(in.body):
		return []byte{}
	}
	return nil
}

// Refuse notes a part of a body as refused, without what may be a key.
func (in *input) Refuse(code wire.Code, at int, part []byte) *wire.Fault {
	if kept := in.masked(part); kept != nil {
		part = kept
	}
	return in.Batch.Refuse(code, at, part)
}

// mayHaveKey reports whether text has the name of the key, or an escape that may spell one of its letters.
func mayHaveKey(text []byte) bool {
	return bytes.Contains(text, []byte(legacyKey)) || bytes.Contains(text, []byte(`\u00`))
}

// masked returns a copy of JSON that was proven with the value of every member apiKey replaced; nil when it has none.
func (in *input) masked(json []byte) []byte {
	if !mayHaveKey(json) {
		return nil
	}
	var kept []byte
	r := wire.Reader{Src: json}
	if bytes.HasPrefix(json, byteOrderMark) {
		r.At = len(byteOrderMark)
	}
	copied := 0
	for r.At = wire.SkipSpace(json, r.At); r.At < len(json); r.At = wire.SkipSpace(json, r.At) {
		switch json[r.At] {
		case '{', '}', '[', ']', ',', ':':
			r.At++
			continue
		}
		text := r.Value() // a scalar: a name or a value
		colon := wire.SkipSpace(json, r.At)
		if text[0] != '"' || colon == len(json) || json[colon] != ':' || !in.text.Is(text, legacyKey) {
			continue
		}
		if kept == nil {
			kept = in.Open()
		}
		r.At = colon + 1
		value := wire.SkipSpace(json, r.At)
		kept = append(append(kept, json[copied:value]...), `"***"`...)
		r.Skip()
		copied = r.At
	}
	if kept == nil {
		return nil
	}
	return in.Close(append(kept, json[copied:]...))
}
