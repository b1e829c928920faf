package wire

// Apart tells whether the points of a request are all of different series, so that each may be laid as it comes. One for each worker and
// its Outlines; the zero value is ready. Use: Begin, then First for each point.
type Apart struct {
	came [mostOutlines/64 + 1]uint64 // a bit for each series, by its number
	most uint32                      // the last of them that is not 0
}

// Begin forgets the series of the request before.
func (a *Apart) Begin() {
	clear(a.came[:a.most+1])
	a.came[0], a.most = 1, 0 // what is not remembered has the number 0: it may have come
}

// First reports whether no point of a series came before. It says no where that is not known, too.
func (a *Apart) First(o *Outline) bool {
	at, bit := o.of.series/64, uint64(1)<<(o.of.series%64)
	had := a.came[at]
	a.came[at], a.most = had|bit, max(a.most, at)
	return had&bit == 0
}
