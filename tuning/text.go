package tuning

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// atLeast is the advice about a sysctl whose field n must have a least value; set is the value it should get then.
func atLeast(h *Host, name string, n int, need, set int64, why string) []Advice {
	value, ok := h.sysctl(name, n)
	if !ok {
		return unread(name, why)
	}
	a := Advice{Name: name, State: Fine, Is: strconv.FormatInt(value, 10), Should: fmt.Sprintf("at least %d", need), Sysctl: &Sysctl{name, h.Sysctl[name]}}
	if value < need {
		a.State, a.Why = Change, why
		a.Sysctl.Value = strconv.FormatInt(set, 10)
		a.How = []string{a.Sysctl.Set()}
	}
	return []Advice{a}
}

// FormatBytes writes a size for people.
func FormatBytes(n int64) string {
	for i, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if size := int64(1) << (40 - 10*i); n >= size {
			return strconv.FormatFloat(math.Round(float64(n)/float64(size)*10)/10, 'f', -1, 64) + " " + unit
		}
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

func countText(n uint64) string {
	if n == math.MaxUint64 {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}

// hours is a long duration: "24h", not "24h0m0s".
func hours(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// short is a duration with three digits at most.
func short(d time.Duration) string {
	switch {
	case d >= 100*time.Millisecond:
		return d.Round(10 * time.Millisecond).String()
	case d >= 100*time.Microsecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(100 * time.Nanosecond).String()
}
