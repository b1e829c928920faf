package wire

// Values proves the JSON values of one source, which does not change meanwhile. It says of each what ScanValue says, and of many that
// follow one another sooner, for it reads ahead:
//
//	values := wire.Values{Src: body}
//	for at < len(body) {
//		end, code := values.Scan(at)
//		…
//	}
//
// Calls may be for any position, in any order.
//
// Where the processor can, arrays and objects are read by blocks of 64 bytes, a bit for each byte and a word for each question: which
// bytes are quotes, which are in strings, which come after a comma, and so on. What may stand beside what is so decided for 64 bytes in
// a hundred instructions. Brackets, numbers, words and escapes remain to be looked at one by one; strings and names do not.
type Values struct {
	Src   []byte
	ahead blocks
}

// Scan is ScanValue of the source.
func (v *Values) Scan(at int) (end int, code Code) {
	at = SkipSpace(v.Src, at)
	if inBlocks(v.Src, at) {
		if end, ok := v.ahead.scan(v.Src, at); ok {
			return end, OK
		}
	}
	return ScanValue(v.Src, at)
}

// inBlocks says whether what starts at src[at] is read by blocks. A block is read whole, so that there must be one in the source.
func inBlocks(src []byte, at int) bool {
	return byBlocks && len(src) >= blockSize && at < len(src) && (src[at] == '{' || src[at] == '[')
}
