package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// lacking skips a test for what this machine lacks, and notes that in the file that PENSTOCK_SKIPPED names: a run tells in the end what it
// did not try.
func lacking(t *testing.T, format string, args ...any) {
	t.Helper()
	why := strings.TrimSpace(fmt.Sprintf(format, args...))
	if path := os.Getenv("PENSTOCK_SKIPPED"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := fmt.Fprintf(f, "%s: %s\n", t.Name(), why); err != nil {
			t.Fatal(err)
		}
	}
	t.Skip(why)
}
