package wire

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestParseTime_Success(t *testing.T) {
	f := func(text, same string) {
		t.Helper()
		want, err := time.Parse(time.RFC3339Nano, same)
		if err != nil {
			t.Fatal(err)
		}
		if ms, ok := ParseTime([]byte(text)); !ok || ms != want.UnixMilli() {
			t.Errorf("%s is %d, %v; want %d", text, ms, ok, want.UnixMilli())
		}
	}
	f("2018-04-27T01:00:44.792Z", "2018-04-27T01:00:44.792Z")
	f("2015-09-07T14:26:47.457-0400", "2015-09-07T14:26:47.457-04:00")
	f("2015-09-07T14:26:47-0400", "2015-09-07T14:26:47-04:00")
	f("2015-09-07T14:26:47+05:30", "2015-09-07T14:26:47+05:30")
	f("2015-09-07T14:26:47+05", "2015-09-07T14:26:47+05:00")
	f("2015-09-07T14:26:47+23:59", "2015-09-07T14:26:47+23:59")
	f("2015-09-07T14:26:47-23:59", "2015-09-07T14:26:47-23:59")
	f("2015-09-07t14:26:47z", "2015-09-07T14:26:47Z")
	f("2015-09-07T14:26:47.1Z", "2015-09-07T14:26:47.1Z")
	f("2015-09-07T14:26:47,12Z", "2015-09-07T14:26:47.12Z")
	f("2015-09-07T14:26:47.123999999999Z", "2015-09-07T14:26:47.123Z")
	f("2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z")
	f("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z")
	f("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z")
	f("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z")
}

func TestParseTime_Failure(t *testing.T) {
	for _, text := range []string{
		"", "2015", "2015-09-07", "2015-09-07T14:26:47", "2015-09-07T14:26:47EDT", "2015-09-07 14:26:47Z", "2015-9-7T14:26:47Z",
		"2015-13-01T00:00:00Z", "2015-00-01T00:00:00Z", "2015-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2015-04-31T00:00:00Z",
		"2015-01-00T00:00:00Z", "2015-01-01T24:00:00Z", "2015-01-01T00:60:00Z", "2015-01-01T00:00:60Z", "2015-01-01T00:00:00.Z",
		"2015-01-01T00:00:00+", "2015-01-01T00:00:00+1", "2015-01-01T00:00:00+24:00", "2015-01-01T00:00:00+00:60",
		"2015-01-01T00:00:00+0a:00", "2015-01-01T00:00:00ZZ", "2015-01-01T00:00:00 Z", "x015-01-01T00:00:00Z", "2015/01-01T00:00:00Z",
		"2015-01-01T00:00:00-00-00", "2015-01-01T00:00:00 05:30", "2015-01-01T00:00:00Z05", "2015-01-01T00:00:00+053", "2015-01-01T00:00:00+05300", "ZZZZZZZZZZZZZZZZZZZZZZZZZ",
	} {
		if ms, ok := ParseTime([]byte(text)); ok || ms != 0 {
			t.Errorf("%q is %d, %v", text, ms, ok)
		}
	}
}

// Both directions against the standard library, over all the years that four digits have.
func TestTime_AgreesWithStandard(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	first := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	last := time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC).UnixMilli()
	for i := range 200_000 {
		ms := first + r.Int64N(last-first+1)
		switch i {
		case 0:
			ms = first
		case 1:
			ms = last
		}
		want := time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
		if got := string(AppendTime(nil, ms)); got != want {
			t.Fatalf("%d is %s, want %s", ms, got, want)
		}
		if back, ok := ParseTime([]byte(want)); !ok || back != ms {
			t.Fatalf("%s is %d, %v; want %d", want, back, ok, ms)
		}
	}
}

// The days around a leap day, where calendars go wrong, of every year: the last of a leap year, of a century, of 400 years among them.
func TestTime_EveryLeapDay(t *testing.T) {
	for year := range 10_000 {
		day := time.Date(year, 2, 28, 0, 0, 0, 0, time.UTC)
		for range 3 {
			want := day.Format("2006-01-02T15:04:05.000Z")
			got := string(AppendTime(nil, day.UnixMilli()))
			if back, ok := ParseTime([]byte(want)); got != want || !ok || back != day.UnixMilli() {
				t.Fatalf("%s is written %s and read as %d, %v; want %d", want, got, back, ok, day.UnixMilli())
			}
			day = day.AddDate(0, 0, 1)
		}
	}
}
