package wire

// ParseTime reads an ISO 8601 date and time with a zone and returns milliseconds since 1970; what is finer is cut off. It takes
//
//	2018-04-27T01:00:44.792Z    2015-09-07T14:26:47-0400    2015-09-07T14:26:47.457+02:00
//
// that is: a date, T or t, a time with or without a fraction of a second, and Z, z, ±hh:mm, ±hhmm or ±hh. Nothing else: no names of
// zones, no local times. The day must exist; second 60 does not. ok is false for anything else. It allocates nothing.
func ParseTime(text []byte) (ms int64, ok bool) {
	const shape = "0000-00-00T00:00:00"
	if len(text) <= len(shape) {
		return 0, false
	}
	for i := range len(shape) {
		switch want := shape[i]; {
		case want == '0' && !isDigit(text[i]), want == 'T' && text[i]|0x20 != 't', want != '0' && want != 'T' && text[i] != want:
			return 0, false
		}
	}
	year, month, day := digits(text[:4]), digits(text[5:7]), digits(text[8:10])
	hour, minute, second := digits(text[11:13]), digits(text[14:16]), digits(text[17:19])
	if month < 1 || month > 12 || day < 1 || day > daysOf(year, month) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	fraction, rest, ok := milliseconds(text[len(shape):])
	if !ok {
		return 0, false
	}
	zone, ok := zoneMinutes(rest)
	if !ok {
		return 0, false
	}
	minutes := (daysSince1970(year, month, day)*24+hour)*60 + minute - zone
	return (minutes*60+second)*1000 + fraction, true
}

func digits(text []byte) (n int64) {
	for _, c := range text {
		n = n*10 + int64(c-'0')
	}
	return n
}

// milliseconds reads a point and one to nine digits or more, if they are there.
func milliseconds(text []byte) (ms int64, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '.' && text[0] != ',' {
		return 0, text, true
	}
	end := skipDigits(text, 1)
	for i := 1; i <= 3; i++ {
		ms *= 10
		if i < end {
			ms += int64(text[i] - '0')
		}
	}
	return ms, text[end:], end > 1
}

// zoneMinutes reads a zone: how far it is ahead of UTC.
func zoneMinutes(text []byte) (minutes int64, ok bool) {
	if len(text) == 1 && text[0]|0x20 == 'z' {
		return 0, true
	}
	if len(text) == 6 && text[3] == ':' {
		text = append(append(make([]byte, 0, 5), text[:3]...), text[4:]...)
	}
	if len(text) != 3 && len(text) != 5 || text[0] != '+' && text[0] != '-' || skipDigits(text, 1) != len(text) {
		return 0, false
	}
	hours := digits(text[1:3])
	minutes = digits(text[3:])
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	if minutes += hours * 60; text[0] == '-' {
		minutes = -minutes
	}
	return minutes, true
}

func daysOf(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts days in the Gregorian calendar: years begin in March, so that the leap day is a year's last.
func daysSince1970(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719468
}

func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}

// AppendTime adds a time in milliseconds since 1970 as 2015-09-18T19:22:40.153Z, for years 0 to 9999.
func AppendTime(dst []byte, ms int64) []byte {
	days, rest := floorDiv(ms, 86400000), int64(0)
	rest = ms - days*86400000
	z := days + 719468
	era := floorDiv(z, 146097)
	dayOfEra := z - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	monthIndex := (5*dayOfYear + 2) / 153
	day := dayOfYear - (153*monthIndex+2)/5 + 1
	month, year := monthIndex+3, yearOfEra+era*400
	if month > 12 {
		month -= 12
		year++
	}
	dst = append(appendDigits(dst, year, 4), '-')
	dst = append(appendDigits(dst, month, 2), '-')
	dst = append(appendDigits(dst, day, 2), 'T')
	dst = append(appendDigits(dst, rest/3600000, 2), ':')
	dst = append(appendDigits(dst, rest/60000%60, 2), ':')
	dst = append(appendDigits(dst, rest/1000%60, 2), '.')
	return append(appendDigits(dst, rest%1000, 3), 'Z')
}

func appendDigits(dst []byte, n int64, width int) []byte {
	for range width {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; width > 0; i, width, n = i-1, width-1, n/10 {
		dst[i] = byte('0' + n%10)
	}
	return dst
}
