package ring

// Empty reports that Drain would find nothing at the head: neither a published frame nor space to give back. Only the consumer may ask.
func (r *Ring) Empty() bool {
	head := r.head.Load()
	r.pause(atWord, head)
	return r.word(head).Load() == 0
}

// Drain hands published frames to fn, in the order of their claims, and returns how many payload bytes that was. It goes on until limit bytes were
// handed over, but hands over at least one frame if there is one, and stops at a frame that is claimed and not settled. It also stops after a
// ringful of padding, so that producers who do nothing but abort can't keep it. Only the consumer may call it, and fn may not.
//
// A frame aliases the ring and is valid during its call of fn only. The space of all that was gone through is free when Drain returns, also
// by a panic of fn (or its runtime.Goexit), and then that of fn's last frame too.
func (r *Ring) Drain(limit int, fn func(frame []byte)) (bytes int) {
	if checked {
		r.checkEnter()
		defer r.draining.Store(false)
	}
	head := r.head.Load()
	d := drain{ring: r, freed: head, head: head}
	defer d.free()
	for skipped, frames := uint64(0), 0; (bytes < limit || frames == 0) && skipped < uint64(len(r.bytes)); {
		r.pause(atWord, d.head)
		word := r.word(d.head).Load()
		if word == 0 {
			break
		}
		if checked {
			r.checkWord(d.head, word)
		}
		if word < 0 {
			d.head += uint64(-word)
			skipped += uint64(-word)
		} else {
			frame := r.payload(d.head, uint64(word))
			d.head += frameBytes(int(word)) // before the call: a frame on which fn panics does not come again
			fn(frame)
			bytes += int(word)
			frames++
		}
		if d.head-d.freed >= uint64(len(r.bytes)/8) { // a long drain gives room back on the way
			d.free()
		}
	}
	return bytes
}

// drain is where a Drain stands: the frames in [freed, head) were gone through and are to be freed.
type drain struct {
	ring        *Ring
	freed, head uint64
}

// free zeroes what was gone through and then gives it to the producers.
func (d *drain) free() {
	if d.freed == d.head {
		return
	}
	r := d.ring
	if d.head-d.freed > uint64(len(r.bytes)) {
		panic("BUG: the ring's consumer ran past its producers")
	}
	r.pause(atPayload, d.freed)
	r.zero(d.freed, d.head)
	d.freed = d.head
	r.pause(atHead, 0)
	r.head.Store(d.head)
}
