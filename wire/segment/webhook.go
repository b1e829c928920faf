package segment

import (
	"math"

	"penstock/wire"
)

// webhook is the parser of what Segment's destinations send.
type webhook struct {
	text   wire.Text
	signer signer
}

// Parse implements wire.Parser. It looks at the signature before it believes the body to be anything.
func (p *webhook) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	in, fault := open(req, b, &p.text, math.MaxInt)
	if fault != nil {
		return fault
	}
	if !p.signer.signed(req.Header.Peek("X-Signature"), in.body) {
		return in.fail(wire.BadSignature, wire.NoOffset)
	}
	r, fault := in.prove()
	if fault != nil {
		return fault
	}
	switch r.Kind() {
	case '{':
		return in.event(&r)
	case '[':
		return in.array(&r)
	}
	return in.fail(wire.NotObject, r.At)
}
