package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"penstock/benchmarks/spread"
)

// teller prints results as Markdown, and notes what should hold and does not.
type teller struct {
	*results
	out   io.Writer
	wrong []string
}

// tell prints everything. What does not hold is an error; figures of the smallest sizes are not judged.
func (r *results) tell(out io.Writer) error {
	t := &teller{results: r, out: out}
	fmt.Fprintf(out, "%s\nEvents of %d bytes in requests of %d (64 KiB), policy log, no key; seed %d; sum of what is sent %08x.\n", r.Machine, eventSize, perRequest, seed, r.Sum)
	if r.Quick {
		fmt.Fprintln(out, "A run at sizes that say nothing.")
	}
	if r.Fill != nil {
		t.fill(r.Fill)
	}
	if r.Spread != nil {
		t.spread()
	}
	if r.Read != nil {
		t.read(r.Read)
	}
	if r.Restart != nil {
		t.restart(r.Restart)
	}
	var parts []string
	sum := 0.0
	for _, part := range slices.Sorted(maps.Keys(r.Seconds)) {
		parts, sum = append(parts, fmt.Sprintf("%s %.0f s", part, r.Seconds[part])), sum+r.Seconds[part]
	}
	fmt.Fprintf(out, "\n%s; %.0f s in all.\n", strings.Join(parts, ", "), sum)
	if len(t.wrong) > 0 {
		return errors.New("what should hold does not: " + strings.Join(t.wrong, "; "))
	}
	return nil
}

// rows prints a table.
func (t *teller) rows(head string, rows [][]string) {
	columns := strings.Split(head, "|")
	fmt.Fprintf(t.out, "\n| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat(" --- |", len(columns)))
	for _, row := range rows {
		fmt.Fprintf(t.out, "| %s |\n", strings.Join(row, " | "))
	}
}

// hold is a verdict.
func (t *teller) hold(ok bool, format string, args ...any) string {
	switch {
	case t.Quick:
		return "not judged"
	case ok:
		return "yes"
	}
	t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
	return "**no**"
}

// flat is the band that a cost may move in.
func flat(ratio float64) bool { return ratio >= flatLeast && ratio <= flatMost }

const flatLeast, flatMost = 0.85, 1.15

func (t *teller) fill(f *filling) {
	var rows [][]string
	var costs []float64
	for _, r := range f.Rows {
		costs = append(costs, r.cost())
		rows = append(rows, []string{fmt.Sprintf("%.3g", float64(r.Sent)/1e9), fmt.Sprintf("%.3f", r.cost()), fmt.Sprintf("%.2f", float64(r.Events)/r.Seconds/1e6),
			fmt.Sprintf("%.1f", mib(r.Anonymous)), fmt.Sprintf("%.1f", mib(r.Resident))})
	}
	fmt.Fprintln(t.out, "\n## Show 6: from the first GB to the last")
	t.rows("GB sent|CPU s per million events|M events a second|MiB of memory that is no file's|MiB resident", rows)
	last := len(costs) - 1
	end, begin := ends(costs)
	ratio := spread.Of(costs[len(costs)-end:]).Median / begin
	grown := mib(f.Rows[last].Anonymous - f.Rows[0].Anonymous)
	fmt.Fprintf(t.out, "\nThe last row costs %.2f of the first, the last %d at their median %.2f of the first %d; that within 15 %%: %s. ",
		costs[last]/costs[0], end, ratio, end, t.hold(flat(ratio), "fill: the last rows cost %.2f of the first", ratio))
	fmt.Fprintf(t.out, "Memory moved by %+.1f MiB; less than 32: %s. ", grown, t.hold(grown < 32, "fill: memory grew by %.1f MiB", grown))
	fmt.Fprintf(t.out, "On disk an event of %d bytes takes %.1f, room prepared for the next ones included. %d requests were told to come again.\n",
		eventSize, float64(f.OnDisk)/float64(f.Events), f.Refused)
}

// ends is how many rows at each end are held against each other, as one alone has the noise of a few seconds, and what the first of them cost.
func ends(costs []float64) (rows int, begin float64) {
	rows = max(1, min(3, len(costs)/2))
	return rows, spread.Of(costs[:rows]).Median
}

// cpuLeast is how many CPU seconds a cell must have been measured for: they are told in steps of 10 ms.
const cpuLeast = 1

func (t *teller) spread() {
	fmt.Fprintln(t.out, "\n## Show 6: over topics, shards and connections")
	var rows [][]string
	first := t.Spread[0]
	for _, c := range t.Spread {
		if c.Family != first.Family {
			first = c
		}
		ratio, measured := spread.Ratio(c.Costs, first.Costs), spread.Of(c.CPU).Min
		holds := t.hold(flat(ratio.Median), "spread: %s cost %.2f of %d", c.name(), ratio.Median, first.Number)
		if measured < cpuLeast && !t.Quick {
			holds += ", but it was short"
		}
		rows = append(rows, []string{c.name(), spread.Of(c.Costs).String(), ratio.String(), holds, fmt.Sprintf("%.1f", measured), fmt.Sprintf("%.1f", spread.Of(c.Memory).Median)})
	}
	t.rows("with|CPU s per million events, median [least..greatest]|by the first of its kind|within 15 %|CPU s that were measured, at least|MiB of memory that is no file's", rows)
	fmt.Fprintf(t.out, "\n%.1f GB a cell behind a request on each connection and a tenth of that for warming, %d rounds over all of them in this order. At most %d requests are under way at once, with one connection one; a connection waits while the others have their turn. "+
		"Topics and shards are with %d connections, topics and connections with 2 shards. A log begins with segments of 4 and 16 MiB: each has had %d MiB before, as those are no part of what an event costs later. "+
		"Without a key a request's events are one batch in one shard; by key they are a batch in each.\n",
		float64(first.Bytes)/1e9, t.Rounds, sendersMost, sendersMost, firstSegments>>20)
}

func (t *teller) read(r *reading) {
	fmt.Fprintln(t.out, "\n## Show 9: reading")
	var rows [][]string
	for _, w := range r.Ways {
		by := "–"
		if r.Missing == "" {
			by = spread.Ratio(w.Costs, r.Ways[0].Costs).String()
		}
		rows = append(rows, []string{w.Name, spread.Of(w.Costs).String(), by, fmt.Sprintf("%.2f", spread.Of(w.Rates).Median), fmt.Sprintf("%.2f", float64(w.Bytes)/1e9)})
	}
	t.rows("read by|CPU s of the server per GB, median [least..greatest]|by nginx's|GB a second|GB a round", rows)
	if r.Missing != "" {
		fmt.Fprintf(t.out, "\nnginx is not beside it: %s.\n", r.Missing)
	}
	fmt.Fprintln(t.out, "\nOne connection, pages cached. nginx has one worker and sends the files of the segments as they are; Kafka's port looks at each batch and checks its CRC.",
		"A GB of the last two is one of what is sent, JSON lines or values, which are laid out one by one; the CPU of the tail command itself is not in it.")
}

// readyMost is how many seconds a start may take.
const readyMost = 2

func (t *teller) restart(r *restarting) {
	fmt.Fprintf(t.out, "\n## Show 10: ready again with %.1f GB retained\n", float64(r.OnDisk)/1e9)
	var rows [][]string
	warm := true
	for _, w := range r.Ways {
		took := spread.Of(w.Seconds)
		rows = append(rows, []string{w.Name, took.String(), t.hold(took.Max < readyMost, "restart: %.3f s after %s", took.Max, w.Name)})
		warm = warm && !strings.HasSuffix(w.Name, coldly)
	}
	t.rows("stopped by|seconds from exec to /readyz 200, median [least..greatest]|less than 2 each time", rows)
	note := "Before each stop 64 MB more were sent, up to the stop. After each start every record that was acknowledged was there, by its offset."
	if warm {
		note += " The page cache was as it was: warm as far as memory reaches."
	}
	fmt.Fprintln(t.out, "\n"+note)
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
