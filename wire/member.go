package wire

// Member is one member of an object. Both are JSON values as sent: Name is a string with its quotes and escapes.
type Member struct {
	Name, Value []byte
}

// NextMember walks the members of an object that ScanValue accepted (anything else is a bug of the caller's, and may panic).
// The first call has the position of the object's '{', each further one the position that the last one returned; ok is false
// after the last member. Both slices alias src. It allocates nothing, and its cost ends where the caller stops:
//
//	for m, at, ok := wire.NextMember(src, 0); ok; m, at, ok = wire.NextMember(src, at) {
func NextMember(src []byte, at int) (m Member, next int, ok bool) {
	at = SkipSpace(src, at)
	if src[at] == '}' {
		return Member{}, at, false
	}
	at = SkipSpace(src, at+1) // past the '{' of the first member or the ',' before any other
	if src[at] == '}' {
		return Member{}, at, false
	}
	end, _ := scanString(src, at+1)
	m.Name = src[at:end:end]
	at = SkipSpace(src, SkipSpace(src, end)+1)
	end, _ = ScanValue(src, at)
	m.Value = src[at:end:end]
	return m, end, true
}
