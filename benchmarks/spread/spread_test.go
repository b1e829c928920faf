package spread

import "testing"

func TestSpread(t *testing.T) {
	figures := []float64{3, 1, 2, 5}
	if got := Of(figures); got != (Spread{2.5, 1, 5}) || figures[0] != 3 {
		t.Errorf("%v; the figures are %v", got, figures)
	}
	if got := Of([]float64{7}); got != (Spread{7, 7, 7}) {
		t.Error(got)
	}
	if got := Ratio([]float64{2, 6, 4, 9}, []float64{1, 2, 4}); got != (Spread{2, 1, 3}) {
		t.Error(got)
	}
	for _, c := range []struct{ got, want string }{
		{Of(nil).String(), "–"},
		{Of([]float64{0.5, 12, 345.6}).String(), "12.0 [0.500..346]"},
		{Digits(1.234), "1.23"},
		{Digits(Of(nil).Min), "–"},
		{Short(2_345_678), "2.3 M"},
		{Short(54_321), "54 k"},
		{Short(Of(nil).Max), "–"},
	} {
		if c.got != c.want {
			t.Errorf("%q, not %q", c.got, c.want)
		}
	}
}
