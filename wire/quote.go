package wire

import (
	"encoding/binary"
	"unicode/utf8"
)

// AppendQuoted adds s to dst as a JSON string, quotes and all. Control bytes, quotes and backslashes are escaped; a byte that is
// not UTF-8 becomes U+FFFD, since JSON has no way to say it. It allocates nothing when dst has room.
func AppendQuoted[T ~string | ~[]byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(append(dst, '"'), s...)
	begin := len(dst) - len(s)
	plain := plainASCII(dst[begin:]) // most have nothing else
	dst = dst[:begin+plain]
	for i := plain; i < len(s); {
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

// plainASCII returns how many bytes at the beginning of s are ASCII and go into a JSON string as they are; perhaps there are more.
func plainASCII(s []byte) int {
	at := 0
	for ; at+8 <= len(s); at += 8 {
		if !isPlainASCII(binary.LittleEndian.Uint64(s[at:])) {
			return at
		}
	}
	if len(s) >= 8 && isPlainASCII(binary.LittleEndian.Uint64(s[len(s)-8:])) {
		return len(s)
	}
	for at < len(s) && s[at] >= ' ' && s[at] < 0x7f && s[at] != '"' && s[at] != '\\' {
		at++
	}
	return at
}

// isPlainASCII is of eight bytes; see skipPlain for the test.
func isPlainASCII(x uint64) bool {
	const (
		ones  = 0x0101010101010101
		tops  = 0x80 * ones
		quote = '"' * ones
		slash = '\\' * ones
		del   = 0x7f * ones
		space = ' ' * ones
	)
	q, s, d := x^quote, x^slash, x^del
	return ((q-ones)&^q|(s-ones)&^s|(d-ones)&^d|(x-space)|x)&tops == 0
}

// appendRune adds the first rune of s, as it is or U+FFFD, and says how many bytes of s it took.
func appendRune[T ~string | ~[]byte](dst []byte, s T) ([]byte, int) {
	var window [utf8.UTFMax]byte
	n := copy(window[:], s)
	r, size := utf8.DecodeRune(window[:n])
	return utf8.AppendRune(dst, r), size
}
