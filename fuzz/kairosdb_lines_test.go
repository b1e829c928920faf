package fuzz

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kairosLong is a long as the telnet protocol has it.
var kairosLong = regexp.MustCompile(`^-?[0-9]+$`)

// kairosWords are what a line of the telnet protocol may go on with; the first that fits does. A group is a word.
var kairosWords = []*regexp.Regexp{
	regexp.MustCompile(`^[\x00- ]`),
	regexp.MustCompile(`^"[\x00- ]`),
	regexp.MustCompile(`^"((?s:.*?))"[\x00- ]`),
	regexp.MustCompile(`^"((?s:.*))"$`),
	regexp.MustCompile(`^"((?s:.+))$`),
	regexp.MustCompile(`^"$`),
	regexp.MustCompile(`^([^\x00- ]+)`),
}

// kairosLine makes a point of a line, or nothing; ok is false when it is refused.
func kairosLine(line []byte) (point string, ok bool) {
	var runes []rune
	for _, c := range line {
		runes = append(runes, rune(c))
	}
	var words []string
	for rest := string(runes); rest != ""; {
		for _, how := range kairosWords {
			if m := how.FindStringSubmatch(rest); m != nil {
				words, rest = append(words, m[1:]...), rest[len(m[0]):]
				break
			}
		}
	}
	if len(words) == 0 || words[0] == "version" {
		return "", true
	}
	if !slices.Contains([]string{"put", "putm", "puts"}, words[0]) || len(words) < 4 || words[1] == "" || !kairosLong.MatchString(words[2]) {
		return "", false
	}
	ms, _ := new(big.Int).SetString(words[2], 10)
	if ms.IsInt64() && words[0] == "put" && ms.Int64() < 3000000000 {
		ms.Mul(ms, big.NewInt(1000))
	}
	typed, said, ok := kairosWord(words[0], words[3])
	if !ok || !ms.IsInt64() {
		return "", false
	}
	tags, ttl := map[string]string{}, int64(0)
	for _, word := range words[4:] {
		parts := strings.Split(strings.TrimRight(word, "="), "=")
		if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
			return "", false
		}
		if parts[0] == "kairos_opt.ttl" {
			n, err := strconv.ParseInt(parts[1], 10, 32)
			if ttl = n; err != nil {
				return "", false
			}
		} else if _, twice := tags[parts[0]]; twice {
			return "", false
		} else {
			tags[parts[0]] = parts[1]
		}
	}
	if len(tags) == 0 {
		tags["add"] = "tag"
	}
	return kairosPoint(words[1], tags, typed, ttl, ms.String(), said), true
}

// kairosWord is the type of a line's value, and what it says.
func kairosWord(command, word string) (typed, said string, ok bool) {
	switch {
	case command == "puts":
		return "string", word, true
	case strings.Contains(word, "."):
		number := javaNumber(word)
		_, ok = kairosExact(number)
		return "double", floatText(number), ok
	}
	n, ok := new(big.Int).SetString(word, 10)
	if !ok || !kairosLong.MatchString(word) || !n.IsInt64() {
		return "", "", false
	}
	return "long", n.String(), true
}
