package segstore

import (
	"os"
	"strings"
	"testing"
)

// Every combination of facts is decided by exactly one row.
func TestRecoveryTableIsTotal(t *testing.T) {
	for bits := range 1 << 6 {
		f := facts{batch: bits&1 > 0, reached: bits&2 > 0, synced: bits&4 > 0, later: bits&8 > 0, zeros: bits&16 > 0, sound: bits&32 > 0}
		var rows []int
		for i, row := range recoveryTable {
			if row.batch.holds(f.batch) && row.reached.holds(f.reached) && row.synced.holds(f.synced) &&
				row.later.holds(f.later) && row.zeros.holds(f.zeros) && row.sound.holds(f.sound) {
				rows = append(rows, i)
			}
		}
		if len(rows) != 1 {
			t.Errorf("%+v is decided by rows %v", f, rows)
		} else if got := decide(f); got != recoveryTable[rows[0]].verdict {
			t.Errorf("%+v is decided as %v, row %d says %v", f, got, rows[0], recoveryTable[rows[0]].verdict)
		}
	}
}

// The table in the comment is the table in the code.
func TestRecoveryTableIsTheComment(t *testing.T) {
	source, err := os.ReadFile("scan.go")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]tri{"yes": yes, "no": no, "-": either}
	verdicts := map[string]verdict{"keep": keep, "end": end, "skip": skip, "damage": damage, "cut": cut}
	_, comment, found := strings.Cut(string(source), "verdict\n")
	if !found {
		t.Fatal("the table's head is gone")
	}
	for i, row := range recoveryTable {
		var line string
		line, comment, _ = strings.Cut(comment, "\n")
		cells := strings.Fields(strings.TrimPrefix(line, "//"))
		if len(cells) < 8 {
			t.Fatalf("row %d of the comment is %q", i, line)
		}
		for c, have := range []tri{row.batch, row.reached, row.synced, row.later, row.zeros, row.sound} {
			if want, ok := words[cells[c]]; !ok || want != have {
				t.Errorf("row %d, column %d: the comment says %q", i, c, cells[c])
			}
		}
		if want, ok := verdicts[cells[6]]; !ok || want != row.verdict {
			t.Errorf("row %d: the comment says %q", i, cells[6])
		}
	}
	if line, _, _ := strings.Cut(comment, "\n"); strings.TrimSpace(line) != "//" {
		t.Errorf("the comment has a row more: %q", line)
	}
}
