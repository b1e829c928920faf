package wire

// Apart tells whether the points of a request are all of different series, so that each may be laid as it comes. One for each worker; the
// zero value is ready. Use: Begin, then First for each point.
type Apart struct {
	slots [2 * mostApart]uint64 // open addressing: the round, and 32 bits of a hash; of another round: none
	round uint32
	count int
}

// mostApart is the most points of such a request.
const mostApart = 1 << 10

// Begin forgets the series of the request before.
func (a *Apart) Begin() {
	if a.round++; a.round == 0 {
		*a = Apart{round: 1}
	}
	a.count = 0
}

// First reports whether no point of a series came before. It may say no where that is not so: once in billions, and of points that are too many.
func (a *Apart) First(o Outline) bool {
	if a.count++; a.count > mostApart {
		return false
	}
	entry := uint64(a.round)<<32 | o.of.hash>>32
	for at := o.of.hash; ; at++ {
		slot := &a.slots[at%uint64(len(a.slots))]
		switch {
		case *slot>>32 != uint64(a.round):
			*slot = entry
			return true
		case *slot == entry:
			return false
		}
	}
}
