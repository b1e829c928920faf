package ring

// Part is one of the claims of a ClaimAll.
type Part struct {
	Ring  *Ring
	Size  int   // bytes of the payload, 1 to Ring.MaxFrame
	Claim Claim // set by ClaimAll, to nothing when it says false
}

// ClaimAll claims every part, or none; false means that one of the rings is full now. A ring may be named more than once; its frames then come in
// the order of the parts. It never blocks, so the order of rings does not matter. While it tries, it may hold room that it then gives back, and for
// that moment others can be refused who would have fitted.
func ClaimAll(parts []Part) bool {
	for i := range parts {
		var ok bool
		if parts[i].Claim, ok = parts[i].Ring.Claim(parts[i].Size); ok {
			continue
		}
		for j := range parts {
			if j < i {
				parts[j].Claim.Abort()
			}
			parts[j].Claim = Claim{} // also behind i: what a reused slice still holds is not to be settled again
		}
		return false
	}
	return true
}
