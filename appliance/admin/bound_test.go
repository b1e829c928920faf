package admin

import (
	"reflect"
	"testing"
	"time"
)

func TestParseBound(t *testing.T) {
	now := time.Date(2016, 9, 26, 20, 0, 2, 0, time.UTC)
	at := func(ms int64) Bound { return Bound{Kind: AtTime, Time: ms} }
	const nowMs = 1474920002000
	for text, want := range map[string]Bound{
		"beginning":                     {Kind: AtBeginning},
		"end":                           {Kind: AtEnd},
		"0":                             {Kind: AtOffset},
		"17":                            {Kind: AtOffset, Offset: 17},
		"9223372036854775807":           {Kind: AtOffset, Offset: 9223372036854775807},
		"now":                           at(nowMs),
		"-1h":                           at(nowMs - 3600_000),
		"-90s":                          at(nowMs - 90_000),
		"-2d":                           at(nowMs - 2*86400_000),
		"-1d12h":                        at(nowMs - 36*3600_000),
		"-1h30m":                        at(nowMs - 5400_000),
		"1474921202000ms":               at(1474921202000),
		"-5ms":                          at(nowMs - 5),
		"2016-09-26":                    at(1474848000000),
		"2016-09-26T20:20:02Z":          at(1474921202000),
		"2016-09-26T22:20:02+02:00":     at(1474921202000),
		"2016-09-26T20:20:02.25Z":       at(1474921202250),
		"2016-09-26T20:20:02":           at(1474921202000),
		"2016-09-26 20:20:02":           at(1474921202000),
		"2016-09-26T20:20":              at(1474921200000),
		"0:17,2:4":                      {Kind: AtPositions, Positions: []int64{17, -1, 4}},
		"0:0":                           {Kind: AtPositions, Positions: []int64{0}},
		"1969-12-31T23:59:59Z":          at(-1000),
		"2016-09-26T20:20:02.123456789": at(1474921202123),
	} {
		got, err := ParseBound(text, now)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
			continue
		}
		if again, err := ParseBound(got.String(), now.Add(time.Hour)); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s is written %s, which is read as %+v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{
		"", " ", "-", "-5", "+5", "-1", "1.5", "9223372036854775808", "start", "END", "-1y", "--1h", "-+1h", "-xd", "-1d2", "-d",
		"-99999999999999d", "-106751d24h", "ms", "12s", "2016-13-01", "2016-09-26T25:00:00Z", "26.9.2016", "0:", ":0", "0:1,", "0:1,0:2", "0:-1", "a:1", "4096:1", "0:1;1:2",
	} {
		if got, err := ParseBound(text, now); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}
