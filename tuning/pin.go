package tuning

import (
	"fmt"
	"strconv"
	"strings"
)

// CPUError says why a thread could not be kept on a CPU.
type CPUError struct {
	CPU     int
	Allowed []int // the CPUs this process may use; nil when the kernel did not say
	Err     error // nil when CPU is simply not among Allowed
}

func (e *CPUError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("cannot keep a thread on CPU %d: %v", e.CPU, e.Err)
	}
	return fmt.Sprintf("cannot keep a thread on CPU %d: this process may use CPUs %s", e.CPU, FormatCPUs(e.Allowed))
}

func (e *CPUError) Unwrap() error { return e.Err }

// FormatCPUs writes a sorted list of CPUs as the kernel does: "0-3,8".
func FormatCPUs(cpus []int) string {
	var b strings.Builder
	for i := 0; i < len(cpus); {
		last := i
		for last+1 < len(cpus) && cpus[last+1] == cpus[last]+1 {
			last++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(cpus[i]))
		if last > i {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(cpus[last]))
		}
		i = last + 1
	}
	return b.String()
}
