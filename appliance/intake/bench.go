package intake

import "penstock/wire"

// bench is where a worker parses a request and lays out its records: most of the memory that it needs, and of no use once the records are in the shards.
// A request that waits for the disk gives it, and the body, to those that come meanwhile. So a few benches, which the caches know, are enough for
// hundreds of requests that wait.
type bench struct {
	batch   wire.Batch
	inflate inflater
	parsers []wire.Parser // by route number; made when first needed
}

func (s *Server) newBench() *bench {
	b := &bench{parsers: make([]wire.Parser, s.routes.count+s.routes.streams)}
	b.batch.Hash = s.opt.Set.Hasher()
	return b
}

// clear lets go of what the last request lent.
func (b *bench) clear() {
	b.batch.Reset()
	b.inflate.forget()
}

// rest gives the bench and the body away while the request waits, unless something of them is wanted afterwards: to be said back, to be told apart, or
// to be offered yet.
func (w *worker) rest(s *Server) {
	_, refused := w.batch.Rejected()
	if w.pieces || w.told > 0 || refused > 0 || w.batch.Echo != nil || w.outcome.Fault != nil || !w.ticket.Waits() {
		return
	}
	w.request.Body, w.request.Decode = nil, nil
	if w.source != nil {
		s.takeBody(w.source)
	}
	w.home.giveBench(w)
}
