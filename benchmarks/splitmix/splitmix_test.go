package splitmix

import "testing"

// The numbers that the reference implementation gives for this seed (Vigna's splitmix64.c).
func TestReference(t *testing.T) {
	s := Source(1234567)
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821} {
		if got := s.Next(); got != want {
			t.Errorf("number %d is %d, not %d", i, got, want)
		}
	}
	s = 1234567
	if got := s.Below(1000); got != 317 {
		t.Errorf("below 1000: %d", got)
	}
	if got := Mix(1234567); got != 6457827717110365317 {
		t.Errorf("the first number is %d", got)
	}
}
