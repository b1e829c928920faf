package wire

import "testing"

func TestStamp(t *testing.T) {
	var s Stamp
	if s.Leads(nil) != 0 || s.Leads([]byte("12345678")) != 0 {
		t.Error("it knows a time that nobody set")
	}
	for _, c := range []struct {
		text, zeros string
		kept        bool
	}{
		{"1234567", "000", false}, {"12345678", "000", true}, {"1790000000", "000", true}, {"1790000000000", "", true}, {"1234567890123", "000", true}, {"1234567890123456", "", true},
		{"12345678901234", "000", false}, {"12345678901234567", "", false}, {"", "", false},
	} {
		if kept := s.Set([]byte(c.text), c.zeros, 42); kept != c.kept {
			t.Errorf("%q: kept: %t", c.text, kept)
		}
		want := 0
		if c.kept {
			want = len(c.text)
			if p := s.At([]byte("1.5")); p.Time != 42 || string(p.Stamp) != c.text+c.zeros || p.Zeros != "" || string(p.Value) != "1.5" {
				t.Errorf("%q: %+v", c.text, p)
			}
		}
		for _, behind := range []string{"", " ", "1", " and more"} {
			if got := s.Leads([]byte(c.text + behind)); got != want {
				t.Errorf("%q leads in %q: %d", c.text, c.text+behind, got)
			}
		}
		for i := range c.text {
			other := []byte(c.text + " and more")
			other[i] ^= 1
			if s.Leads(other) != 0 || s.Leads([]byte(c.text[:i])) != 0 {
				t.Errorf("%q leads in %q or %q", c.text, other, c.text[:i])
			}
		}
	}
}
