package tuning

import "testing"

func TestFormatCPUs(t *testing.T) {
	f := func(cpus []int, want string) {
		t.Helper()
		if got := FormatCPUs(cpus); got != want {
			t.Errorf("FormatCPUs(%v) = %q, want %q", cpus, got, want)
		}
	}
	f(nil, "")
	f([]int{0}, "0")
	f([]int{0, 1}, "0-1")
	f([]int{0, 2}, "0,2")
	f([]int{0, 1, 2, 3, 8}, "0-3,8")
	f([]int{3, 8, 9, 12}, "3,8-9,12")
}
