package bugs

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of README.md anew (with PENSTOCK_BUGS=all, which measures the seconds)")

const (
	tablePath = "README.md"
	tableHead = "| bug | what it breaks | caught by | seconds |\n|---|---|---|---|\n"
)

// row is a bug's row of the table, without the seconds.
func (b *bug) row() string {
	return fmt.Sprintf("| [%s](%s.patch) | %s | `%s` |", b.name, b.name, b.text, strings.ReplaceAll(b.command, "|", `\|`))
}

// The table and the patches say the same.
func TestTable(t *testing.T) {
	text, err := os.ReadFile(tablePath)
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), tableHead)
	if !found {
		t.Fatal("README.md has no table")
	}
	var rows []string
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		rows = append(rows, line)
	}
	bugs := allBugs(t)
	if len(rows) != len(bugs) {
		t.Errorf("the table has %d rows, and there are %d patches", len(rows), len(bugs))
	}
	for i, b := range bugs {
		if i < len(rows) && !strings.HasPrefix(rows[i], b.row()) {
			t.Errorf("row %d is %s, want %s (PENSTOCK_BUGS=all go test ./appliance/e2e/bugs -update)", i+1, rows[i], b.row())
		}
	}
}

// writeTable puts the table into README.md, behind what stands before it.
func writeTable(t *testing.T, bugs []bug, seconds map[string]float64) {
	t.Helper()
	text, err := os.ReadFile(tablePath)
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(string(text), tableHead)
	if !found {
		t.Fatal("README.md has no table")
	}
	table := before + tableHead
	for _, b := range bugs {
		table += fmt.Sprintf("%s %.1f |\n", b.row(), seconds[b.name])
	}
	if err := os.WriteFile(tablePath, []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
}
