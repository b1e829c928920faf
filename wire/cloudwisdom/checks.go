package cloudwisdom

import (
	"math"

	"penstock/wire"
)

// check is the parser of checks, which are all path; it has no state. The request's body is ignored.
type check struct{}

// Parse implements wire.Parser.
//
// [decided] A check that is stale as soon as it arrives is a mistake: its time to live is at least a second. Nothing says how a check
// is when it is not well, other than that it is no longer sent, so the record has no status.
func (check) Parse(req *wire.Request, b *wire.Batch) *wire.Fault {
	ttl, ok := wire.ParseScaled(req.Params[3], 0)
	if !ok || ttl < 1 || ttl > math.MaxInt32 || !isDigits(req.Params[3]) {
		return b.Fail(wire.BadField, wire.NoOffset).Because(badTTL)
	}
	c := wire.Check{
		Name:    b.Close(wire.AppendPercentDecoded(b.Open(), req.Params[1])),
		Element: b.Close(wire.AppendPercentDecoded(b.Open(), req.Params[2])),
		Time:    req.Now,
		TTL:     ttl,
	}
	value := b.Close(c.Append(b.Open(), wire.Source{Wire: name, Tenant: req.Tenant}))
	rec := b.Add()
	rec.Topic, rec.Key, rec.Value, rec.Time = req.Topics[wire.KindCheck], c.Element, value, c.Time
	b.Items = 1
	return nil
}

var badTTL = []byte("Invalid value for 'ttl': a whole number of seconds is due, 1 or more.")

func isDigits(text []byte) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
