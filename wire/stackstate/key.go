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

// legacyKey is how the member begins that held a key once.
var legacyKey = []byte(`"apiKey"`)

// withoutKey returns what may be kept of a refused body: nil for all of it, else a copy with every apiKey masked. Of a body that
// could not be decoded nothing is, for who knows what is in it. The body need not be JSON: that may be why it was refused.
func (in *input) withoutKey() []byte {
	if in.body == nil {
		return []byte{}
	}
	if !bytes.Contains(in.body, legacyKey) {
		return nil
	}
	kept, rest := in.Open(), in.body
	for {
		at := bytes.Index(rest, legacyKey)
		if at < 0 {
			return in.Close(append(kept, rest...))
		}
		at += len(legacyKey)
		value := wire.SkipSpace(rest, at)
		if value < len(rest) && rest[value] == ':' {
			value = wire.SkipSpace(rest, value+1)
		}
		if value == len(rest) || rest[value] != '"' {
			kept, rest = append(kept, rest[:at]...), rest[at:]
			continue
		}
		kept = append(append(kept, rest[:value]...), `"***"`...)
		rest = rest[endOfString(rest, value+1):]
	}
}

// endOfString returns the position behind the quote that ends a string, whose opening quote is read, or the text's end.
func endOfString(text []byte, at int) int {
	for ; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(text)
}
