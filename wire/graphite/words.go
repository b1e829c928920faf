package graphite

import "bytes"

// nextWord finds the first word of line at or after at: where it is, and where to look for the next; word is nil when there is none.
// Bytes up to the space separate words. A word that begins with a quote goes to the next quote with a separator or the line's end
// behind it, and has what stands between them; without such a quote it is a word like any other.
func nextWord(line []byte, at int) (word []byte, next int) {
	for at < len(line) && line[at] <= ' ' {
		at++
	}
	if at == len(line) {
		return nil, at
	}
	if line[at] == '"' {
		for end := at + 1; ; end++ {
			quote := bytes.IndexByte(line[end:], '"')
			if quote < 0 {
				break
			}
			if end += quote; end+1 == len(line) || line[end+1] <= ' ' {
				return line[at+1 : end : end], end + 1
			}
		}
	}
	start := at
	for at < len(line) && line[at] > ' ' {
		at++
	}
	return line[start:at:at], at
}
