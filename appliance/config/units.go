package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// sizeUnits are the units of a size, largest binary one first.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1},
}

// ParseSize reads a number of bytes: 4194304, or 4MiB. Case does not matter, nor a blank before the unit.
// KiB, MiB, GiB and TiB are powers of 1024; KB, MB, GB and TB are powers of 1000; a bare M or G is refused, since people differ.
func ParseSize(text string) (int64, error) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	unit := strings.TrimSpace(text[digits:])
	bytes := int64(1)
	known := unit == ""
	for _, u := range sizeUnits {
		if strings.EqualFold(u.name, unit) {
			bytes, known = u.bytes, true
			break
		}
	}
	if digits == 0 || !known {
		return 0, fmt.Errorf("%q is not a size: write a number of bytes, as 4194304, or with a unit, as 4MiB", text)
	}
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	if err != nil || n > math.MaxInt64/bytes {
		return 0, fmt.Errorf("%q is more than a size can be (8388607TiB)", text)
	}
	return n * bytes, nil
}

// FormatSize writes a number of bytes so that ParseSize reads it back: in the largest binary unit that divides it.
func FormatSize(bytes int64) string {
	for _, u := range sizeUnits[:4] {
		if bytes != 0 && bytes%u.bytes == 0 {
			return strconv.FormatInt(bytes/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(bytes, 10)
}

const day = 24 * time.Hour

// ParseDuration reads a duration: 90s, 24h, 1h30m as Go writes them, and days before them: 1d, 1d12h. 0 needs no unit.
func ParseDuration(text string) (time.Duration, error) {
	malformed := fmt.Errorf("%q is not a duration: write a number with its unit, as 30s, 24h or 1d", text)
	rest := text
	var days int64
	if head, tail, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(head, 10, 32)
		if err != nil {
			return 0, malformed
		}
		days, rest = int64(n), tail
	}
	if days > int64(math.MaxInt64/day) {
		return 0, fmt.Errorf("%q is longer than a duration can be (292 years)", text)
	}
	d := time.Duration(days) * day
	if rest == "" && days >= 0 && rest != text {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil {
		return 0, malformed
	}
	if more < 0 {
		return 0, errors.New("a duration is not negative")
	}
	if d+more < d {
		return 0, fmt.Errorf("%q is longer than a duration can be (292 years)", text)
	}
	return d + more, nil
}

// FormatDuration writes a duration so that ParseDuration reads it back, without Go's zeros at the end: 24h, not 24h0m0s.
func FormatDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	if text == "0s" {
		return "0"
	}
	return text
}
