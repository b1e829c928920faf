package segstore

import (
	"path/filepath"
	"testing"

	"penstock/segstore/disk"
)

// What is said to the one who keeps the machine names the file, the byte, the offsets, first and last, and the reason.
func TestWords(t *testing.T) {
	f := Finding{Path: "/d/x.log", Position: 5, First: 3, Next: 7, Kind: Damage, Text: "why"}
	none := Finding{Path: "/d/x.log", Position: 5, First: 3, Next: 3, Kind: TornTail, Text: "why"}
	for got, want := range map[string]string{
		f.String():    "/d/x.log: damage at byte 5, offsets 3 to 6: why",
		none.String(): "/d/x.log: torn tail at byte 5: why",
		(&CorruptError{Path: "/d/x.log", Position: 5, First: 3, Next: 7, Reason: "why"}).Error(): "segstore: /d/x.log is damaged at byte 5 (why): " +
			"offsets 3 to 6 can't be read",
		(&ExpiredError{Wanted: 3, First: 7}).Error(): "segstore: offset 3 is no longer kept, the oldest is 7",
		(&NewerError{Path: "/d/checkpoint", Version: 2}).Error(): "segstore: /d/checkpoint has format version 2, " +
			"newer than this program knows: use a newer penstock",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestGapNames(t *testing.T) {
	for _, first := range []int64{0, 42, 1 << 60} {
		if got, ok := parseGapName(filepath.Base(gapPath("/d", first))); got != first || !ok {
			t.Errorf("%d came back as %d, %v", first, got, ok)
		}
	}
	for _, name := range []string{"", ".gap", "x.gap", "00000000000000000042", "00000000000000000042.log"} {
		if _, ok := parseGapName(name); ok {
			t.Errorf("%q passes for a reason", name)
		}
	}
}

// Missing offsets are known when notes say why for every one of them, at once or piece by piece. Those of other offsets don't count, and
// neither does what is no note, whatever it says.
func TestKnownGaps(t *testing.T) {
	d := disk.NewMem()
	for _, f := range []Finding{
		{First: 0, Next: 4, Kind: Gap, Text: "w"},
		{First: 4, Next: 6, Kind: GivenUp, Text: "x"},
		{First: 6, Next: 9, Kind: Gap, Text: "y"},
		{First: 20, Next: 30, Kind: Damage, Text: "z"},
	} {
		if err := writeGap(d, "/", f, 7); err != nil {
			t.Fatal(err)
		}
		if ms, err := d.Time(gapPath("/", f.First)); ms != 7 || err != nil {
			t.Fatalf("a note of time %d, %v", ms, err)
		}
	}
	all := `{"first":0,"next":100,"kind":"gap","reason":"no note of these"}`
	d.Put("/notes.gap", []byte(all))
	d.Put("/00000000000000000010", []byte(all))
	d.Put(gapPath("/", 50), []byte(all))
	d.Put(gapPath("/", 40), []byte("garbage"))
	for _, c := range []struct {
		first, next int64
		reason      string
		known       bool
	}{
		{4, 6, "given up: x", true},
		{5, 6, "given up: x", true},
		{4, 9, "given up: x; gap: y", true},
		{4, 10, "given up: x; gap: y", false},
		{6, 9, "gap: y", true},
		{9, 12, "", false},
		{12, 25, "", false},
		{20, 25, "damage: z", true},
		{20, 31, "damage: z", false},
		{40, 41, "", false},
	} {
		if reason, known, err := knownGap(d, "/", c.first, c.next); known != c.known || reason != c.reason || err != nil {
			t.Errorf("%d to %d: %v, %q", c.first, c.next, known, reason)
		}
	}
	if reason, known, err := knownGap(d, "/nowhere", 4, 6); known || reason != "" || err == nil {
		t.Errorf("where nothing is: %q", reason)
	}
}
