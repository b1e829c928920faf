package tuning

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Sysctl is a kernel parameter and the value it should have; where the present one will do, that.
type Sysctl struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Set is the command that sets it until the next start.
func (s *Sysctl) Set() string {
	if strings.Contains(s.Value, " ") {
		return fmt.Sprintf("sysctl -w %s='%s'", s.Name, s.Value)
	}
	return "sysctl -w " + s.Name + "=" + s.Value
}

// sysctlPath is where a parameter is, from the root directory.
func sysctlPath(name string) string { return "proc/sys/" + strings.ReplaceAll(name, ".", "/") }

// Applied is a parameter that Apply changed, or could not change.
type Applied struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
	Err  error  `json:"-"`
}

// Apply sets what advice wants of the parameters of the machine below root, which is "/". What is well it leaves alone, and it goes
// on after a failure. The change lasts until the machine's next start.
func Apply(root string, advice []Advice) (done []Applied, err error) {
	for _, a := range advice {
		if a.Sysctl == nil || a.State > Change {
			continue
		}
		change := Applied{Name: a.Sysctl.Name, To: a.Sysctl.Value}
		path := filepath.Join(root, sysctlPath(a.Sysctl.Name))
		before, err1 := os.ReadFile(path)
		change.From = strings.Join(strings.Fields(string(before)), " ")
		if err1 == nil {
			err1 = setSysctl(path, a.Sysctl.Value)
		}
		if err1 != nil {
			change.Err = fmt.Errorf("cannot set %s: %w", a.Sysctl.Name, err1)
			err = errors.Join(err, change.Err)
		}
		done = append(done, change)
	}
	return done, err
}

// setSysctl writes a value where one is; it makes no file.
func setSysctl(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value + "\n")
	return errors.Join(err, f.Close())
}

// WriteSysctls writes all parameters with the values they should have, as a file of sysctl.d(5).
func WriteSysctls(w io.Writer, advice []Advice) error {
	var b strings.Builder
	b.WriteString("# Kernel parameters for penstock, as 'penstock doctor --format sysctl' wrote them.\n")
	for _, a := range advice {
		if a.Sysctl == nil {
			continue
		}
		if a.State <= Change {
			fmt.Fprintf(&b, "\n# was %s. %s\n", a.Is, a.Why)
		} else {
			b.WriteString("\n# as it is\n")
		}
		fmt.Fprintf(&b, "%s = %s\n", a.Sysctl.Name, a.Sysctl.Value)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
