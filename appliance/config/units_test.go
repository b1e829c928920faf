package config

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseSize_Success(t *testing.T) {
	f := func(text string, want int64) {
		t.Helper()
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	f("0", 0)
	f("4194304", 4194304)
	f("4MiB", 4<<20)
	f("4 MiB", 4<<20)
	f("4mib", 4<<20)
	f("1B", 1)
	f("1KiB", 1024)
	f("1KB", 1000)
	f("3GiB", 3<<30)
	f("2TB", 2e12)
	f("8388607TiB", 8388607<<40)
	f("9223372036854775807", math.MaxInt64)
}

func TestParseSize_Failure(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got, err := ParseSize(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSize(%q) = %d, %v; want an error with %q", text, got, err, want)
		}
	}
	f("", "is not a size")
	f("MiB", "is not a size")
	f("-1", "is not a size")
	f("1.5GiB", "is not a size")
	f("4M", "is not a size") // a million to some, 2^20 to others
	f("4MiBs", "is not a size")
	f(" 4", "is not a size")
	f("0x10", "is not a size")
	f("8388608TiB", "more than a size can be")
	f("9223372036854775808", "more than a size can be")
}

func TestParseDuration_Success(t *testing.T) {
	f := func(text string, want time.Duration) {
		t.Helper()
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	f("0", 0)
	f("30s", 30*time.Second)
	f("24h", 24*time.Hour)
	f("1d", 24*time.Hour)
	f("1d12h", 36*time.Hour)
	f("365d", 365*24*time.Hour)
	f("1h30m", 90*time.Minute)
	f("1.5h", 90*time.Minute)
	f("250ms", 250*time.Millisecond)
	f("106751d23h47m16s", math.MaxInt64/time.Second*time.Second)
}

func TestParseDuration_Failure(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got, err := ParseDuration(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseDuration(%q) = %v, %v; want an error with %q", text, got, err, want)
		}
	}
	f("", "is not a duration")
	f("30", "with its unit")
	f("d", "is not a duration")
	f("1d1d", "is not a duration")
	f("1.5d", "is not a duration")
	f("-1d", "is not a duration")
	f("a day", "is not a duration")
	f("-5s", "not negative")
	f("1d-5s", "not negative")
	f("106752d", "longer than")
	f("106751d24h", "longer than")
}

// TestUnitsReadBack: what is printed reads back the same, whatever the value.
func TestUnitsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(0, math.MaxInt64).Draw(t, "size") << rapid.IntRange(0, 40).Draw(t, "shift") & math.MaxInt64
		if got, err := ParseSize(FormatSize(size)); err != nil || got != size {
			t.Fatalf("%d is written %q and read %d, %v", size, FormatSize(size), got, err)
		}
		unit := rapid.SampledFrom([]time.Duration{1, time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(t, "unit")
		d := unit * time.Duration(rapid.Int64Range(0, math.MaxInt64/int64(unit)).Draw(t, "duration"))
		if got, err := ParseDuration(FormatDuration(d)); err != nil || got != d {
			t.Fatalf("%d is written %q and read %d, %v", d, FormatDuration(d), got, err)
		}
	})
}

func TestFormatIsForPeople(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(FormatSize(0), "0")
	f(FormatSize(256<<20), "256MiB")
	f(FormatSize(1536), "1536")
	f(FormatSize(1000), "1000")
	f(FormatDuration(0), "0")
	f(FormatDuration(24*time.Hour), "24h")
	f(FormatDuration(2*time.Minute), "2m")
	f(FormatDuration(10*time.Minute), "10m")
	f(FormatDuration(90*time.Minute), "1h30m")
	f(FormatDuration(20*time.Second), "20s")
	f(FormatDuration(time.Hour+time.Second), "1h0m1s")
}
