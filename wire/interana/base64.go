package interana

import "penstock/wire"

// What a byte of base64 text is, when it is not one of the 64 digits.
const (
	base64Space = 64 + iota // ' ': a '+' that form decoding ate, or white space; see DecodeBase64
	base64Skip              // \r \n \t
	base64Pad               // '='
	base64Bad
)

// base64Kinds gives a byte's digit (0 to 63) or one of the kinds above. Both alphabets are in it.
var base64Kinds = func() (kinds [256]byte) {
	for i := range kinds {
		kinds[i] = base64Bad
	}
	for digit, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		kinds[c] = byte(digit)
	}
	kinds['-'], kinds['_'] = kinds['+'], kinds['/']
	kinds[' '], kinds['='] = base64Space, base64Pad
	kinds['\r'], kinds['\n'], kinds['\t'] = base64Skip, base64Skip, base64Skip
	return kinds
}()

// DecodeBase64 decodes text into dst and returns how many bytes it wrote. On trouble code is BadBase64, or TooLarge when dst is too
// short, and at is the byte of text that cannot be there (len(text) when a digit is missing at the end). It allocates nothing.
//
// text is what is left of base64 after a shell, a URL and form decoding:
//
//   - GNU base64 breaks its lines at 76 digits: \r, \n and \t are skipped anywhere.
//   - A '+' that was not percent-encoded has become a space. So a space is a '+', but for the last spaces of an incomplete group
//     of four digits (before the padding or the end): there they are white space and are dropped. This loses nothing, since no
//     encoder ends an incomplete group with '+': the last digit of one has its lowest two or four bits clear and '+' is 111110.
//   - Padding may be absent or short, as senders strip it. More than completes the group is an error.
//   - The URL-safe digits '-' and '_' are taken for '+' and '/'.
//   - Bits of an incomplete group that no byte uses are ignored, as GNU base64 does.
func DecodeBase64(dst, text []byte) (n int, code wire.Code, at int) {
	group, digits := uint32(0), 0 // the group of four begun, and how many digits it has
	spaces := 0                   // how many of them, the last ones, came as spaces
	for at = 0; at < len(text); at++ {
		if digits == 0 {
			if n, at = decodeGroups(dst, text, n, at); at == len(text) {
				break
			}
		}
		kind := base64Kinds[text[at]]
		switch kind {
		case base64Skip:
			continue
		case base64Pad:
			return finishBase64(dst, text, n, group, digits, spaces, at)
		case base64Bad:
			return n, wire.BadBase64, at
		case base64Space:
			kind = base64Kinds['+']
			spaces++
		default:
			spaces = 0
		}
		group = group<<6 | uint32(kind)
		digits++
		if digits < 4 {
			continue
		}
		if n+3 > len(dst) {
			return n, wire.TooLarge, at
		}
		dst[n], dst[n+1], dst[n+2] = byte(group>>16), byte(group>>8), byte(group)
		n += 3
		group, digits, spaces = 0, 0, 0
	}
	return finishBase64(dst, text, n, group, digits, spaces, at)
}

// decodeGroups decodes whole groups of four plain digits from text[at] on, into dst[n:], and stops before anything else.
func decodeGroups(dst, text []byte, n, at int) (int, int) {
	for at+4 <= len(text) && n+3 <= len(dst) {
		a, b, c, d := base64Kinds[text[at]], base64Kinds[text[at+1]], base64Kinds[text[at+2]], base64Kinds[text[at+3]]
		if a|b|c|d >= base64Space {
			break
		}
		dst[n], dst[n+1], dst[n+2] = a<<2|b>>4, b<<4|c>>2, c<<6|d
		n, at = n+3, at+4
	}
	return n, at
}

// finishBase64 ends the text at text[at], the end or the first '=': it writes what the last group holds and checks the padding.
func finishBase64(dst, text []byte, n int, group uint32, digits, spaces, at int) (int, wire.Code, int) {
	group >>= 6 * spaces
	digits -= spaces
	pads := 0
	for i := at; i < len(text); i++ {
		switch base64Kinds[text[i]] {
		case base64Pad:
			if pads++; digits < 2 || digits+pads > 4 {
				return n, wire.BadBase64, i
			}
		case base64Skip, base64Space:
		default:
			return n, wire.BadBase64, i
		}
	}
	size := digits * 6 / 8 // 0, 0, 1 or 2 bytes
	switch {
	case digits == 1:
		return n, wire.BadBase64, len(text)
	case n+size > len(dst):
		return n, wire.TooLarge, len(text)
	case digits == 2:
		dst[n] = byte(group >> 4)
	case digits == 3:
		dst[n], dst[n+1] = byte(group>>10), byte(group>>2)
	}
	return n + size, wire.OK, len(text)
}
