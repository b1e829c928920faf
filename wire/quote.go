package wire

import "unicode/utf8"

// AppendQuoted adds s to dst as a JSON string, quotes and all. Control bytes, quotes and backslashes are escaped; a byte that is
// not UTF-8 becomes U+FFFD, since JSON has no way to say it. It allocates nothing when dst has room.
func AppendQuoted[T ~string | ~[]byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ' || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			var size int
			dst, size = appendRune(dst, s[i:])
			i += size
			continue
		}
		i++
	}
	return append(dst, '"')
}

// appendRune adds the first rune of s, as it is or U+FFFD, and says how many bytes of s it took.
func appendRune[T ~string | ~[]byte](dst []byte, s T) ([]byte, int) {
	var window [utf8.UTFMax]byte
	n := copy(window[:], s)
	r, size := utf8.DecodeRune(window[:n])
	return utf8.AppendRune(dst, r), size
}
