package segment

import (
	"bytes"
	"encoding/base64"

	"penstock/wire"
)

// key finds the write key that a request carries: the user name of Basic authentication, or else the first member "writeKey" of the
// object that the body is. A user name without the colon behind it is taken too, as Segment does. nil: none.
//
// It allocates the little that the key needs, and a body with its key inside is decoded and proven here and again by the parser. Only
// who configures keys pays for that: without any, nobody asks.
func key(req *wire.Request, limit int) []byte {
	const scheme = "basic "
	credentials := req.Header.Peek("Authorization")
	if len(credentials) >= len(scheme) && bytes.EqualFold(credentials[:len(scheme)], []byte(scheme)) {
		return userName(bytes.TrimSpace(credentials[len(scheme):]))
	}
	return bodyKey(req, limit)
}

func userName(credentials []byte) []byte {
	text, err := base64.StdEncoding.AppendDecode(nil, credentials)
	if err != nil {
		return nil
	}
	user, _, _ := bytes.Cut(text, []byte(":"))
	if len(user) == 0 {
		return nil
	}
	return user
}

func bodyKey(req *wire.Request, limit int) []byte {
	body, code := payload(req, limit)
	if code != wire.OK {
		return nil
	}
	at := wire.SkipSpace(body, 0)
	if at == len(body) || body[at] != '{' {
		return nil
	}
	if _, code := wire.ScanValue(body, at); code != wire.OK {
		return nil
	}
	var text wire.Text
	r := wire.Reader{Src: body, At: at}
	for r.Enter('{'); r.Next(); r.Skip() {
		if !text.Is(r.Name(), "writeKey") {
			continue
		}
		if r.Kind() != '"' {
			return nil
		}
		found, _ := text.Borrow(r.Value()) // of a Text that nobody uses again
		return found
	}
	return nil
}
