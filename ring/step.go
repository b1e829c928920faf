package ring

// place is a kind of shared memory that the algorithm is about to access.
type place uint8

const (
	atTail    place = iota
	atSeen          // the producers' memory of head
	atHead          // head
	atWord          // the word of the frame at a position
	atPayload       // a payload at a position, not an atomic
	atState         // the waiter's state
	atSleep         // the waiter's channel: receiving may block
)

// pause stands in front of every access to memory that another goroutine can change or see, so that a test can run the real code one access at
// a time in every order. Otherwise step is nil, and pause one well predicted branch on a line that nobody writes; no benchmark can tell.
func (r *Ring) pause(at place, position uint64) {
	if r.step != nil {
		r.step(at, position)
	}
}
