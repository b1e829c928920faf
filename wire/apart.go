package wire

// Apart tells whether the points of a request are all of different series, so that each may be laid as it comes. One for each worker; the
// zero value is ready. Use: Begin, then First for each point.
type Apart struct {
	slots [2 * mostApart]uint32 // open addressing: the round, and the other bits of a hash; of another round: none
	round uint32                // in the lowest bits, from 1 on
	count int
}

// roundBits is how many bits of a slot the round has: few, so that the slots stay in the processor's nearest cache.
const roundBits = 6

// mostApart is the most points of such a request.
const mostApart = 1 << 10

// Begin forgets the series of the request before.
func (a *Apart) Begin() {
	if a.round++; a.round>>roundBits != 0 {
		*a = Apart{round: 1}
	}
	a.count = 0
}

// First reports whether no point of a series came before. It may say no where that is not so: of a thousand points once in a hundred thousand times, and of
// points that are too many.
func (a *Apart) First(o Outline) bool {
	if a.count++; a.count > mostApart {
		return false
	}
	entry := uint32(o.of.hash>>32)<<roundBits | a.round
	for at := o.of.hash; ; at++ {
		switch slot := &a.slots[at%uint64(len(a.slots))]; {
		case (*slot^a.round)%(1<<roundBits) != 0:
			*slot = entry
			return true
		case *slot == entry:
			return false
		}
	}
}
