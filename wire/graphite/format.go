// Package graphite speaks Graphite's plaintext and pickle protocols, as the KairosDB plugin kairos-carbon takes them.
//
// Sources: the KairosDB documentation ("Graphite protocol"), the code of kairosdb/kairos-carbon [S], the senders carbon-relay and
// pcp2graphite [W], graphite-project/carbon for what its own receiver takes. What they leave open, or where this wire takes what
// kairos-carbon would not, is marked [decided].
//
// Two streams, over TCP and UDP: "graphite" (2003), lines, and "pickle" (2004). Nothing is ever written back [S]. A line that is
// refused costs itself, a point of a pickle likewise, a pickle that cannot be read costs its frame: what is lost is always a fault,
// also where kairos-carbon drops without a word (wire.Dropped). Nobody could hear it but the operator.
//
// Lines:
//
//   - "name value timestamp", ended by "\n" or "\r\n" [S]. Words are split as KairosDB's telnet does [S]; see nextWord. What stands
//     behind the third word is ignored [S]. An empty line is nothing.
//   - A line has 4096 bytes at most, the default of kairos-carbon's shipped configuration [S], a setting here. A longer one is dropped
//     and the connection kept [S].
//   - The bytes are ISO-8859-1 [S]. [decided] A name that is UTF-8 is UTF-8: that is what carbon takes it for, and what today's
//     senders mean.
//   - The value is a double if it has a '.', as Java reads it, else a whole number [S]. [decided] A number with an exponent is a
//     double without a '.', too: collectd prints 1e+06. [decided] A whole number may need all 64 bits unsigned, as counters do; a
//     larger one, an infinite double and a number of more than 64 bytes are refused. Digits are kept as sent, in JSON's spelling.
//     Hexadecimal doubles, which Java would read, are refused.
//   - NaN in any case, a value that contains "infinity" and the timestamp NaN are dropped [S]. [decided] So are "inf" and "-nan", as C
//     prints them.
//   - The timestamp is whole seconds, negative ones too [S]. [decided] A fraction, which kairos-carbon refuses in a line, is cut off as
//     it is in a pickle [S]: carbon takes such lines. [decided] -1 is the time of arrival, as carbon has it, and not a second before
//     1970.
//
// Pickles:
//
//   - Four bytes, the highest first, tell the length of the pickle that follows [S]. It has 1 MiB at most, carbon's own limit and a
//     setting here; kairos-carbon's default of 4096 is less than one batch of carbon-relay's [W]. A longer frame closes the
//     connection, since nothing tells where the next begins.
//   - A list of (name, (timestamp, value)), protocols 0 to 5. [decided] Lists and tuples stand for each other. See machine for what a
//     pickle may do: hold strings, numbers, lists and tuples, and nothing else, to a bounded depth and amount. One that imports, makes
//     or calls something is wire.UnsafePickle, whole.
//   - The timestamp is a number, cut to whole seconds [S]. A float is a double, any other number a long [S]; the limits are those of a
//     line. [decided] True and False are 1 and 0, and a string that is a number is one, as carbon takes them. None is no number.
//   - [decided] Names as bytes, from Python 2, are read as those of lines are.
//   - A point that is refused costs itself. In kairos-carbon one without a tag ends its pickle [S]; [decided] not here, since the sender
//     would never know what it lost.
//   - Points of one series in one frame share a record.
//
// A tag parser finds tags in names (Settings.Tags):
//
//   - HostTag, the default [S]: of a.HOST.b.c the metric is a.b.c and the tag host=HOST. A name with fewer than three dotted parts is
//     dropped [S]. An empty host is refused [decided]. kairos-carbon's host_pattern and its kin can be set; here Templates serves.
//   - GraphiteTags [S]: name;tag=value;tag=value; a name without tags is dropped [S], a tag without a value or named twice is refused.
//     [decided] A value may hold a '=', as in carbon.
//   - Templates [S]: "regex template [separators] tag=value,tag=value". The first whose regex matches the beginning of the name takes it
//     apart: parts that are called metric, or metric* for as many as there are, are the metric; others are tags of that name; empty
//     ones are skipped. [.,_] splits at dots and joins by underscores. A regex alone drops its names. A name that no template fits
//     goes to the metric invalidMetrics, with the tags metricName and cause. Regexes are Go's. An invalid template, which
//     kairos-carbon logs and skips, is an error of New [decided].
//   - NoTags [decided]: the name as it is, with the tags behind a ';' when it has any: plain Graphite.
package graphite

import (
	"fmt"

	"penstock/wire"
)

// Settings are what can be told of this wire; the zero value is the default.
type Settings struct {
	Tags      Tags
	Templates []string // for the tag parser Templates, in their order: "regex template [separators] tag=value"
	MaxLine   int      // bytes, the line's end not counted; 0: DefaultMaxLine
	MaxFrame  int      // bytes of a pickle; 0: DefaultMaxFrame
}

// The defaults of Settings, and the most they may be.
const (
	DefaultMaxLine  = 4096
	DefaultMaxFrame = 1 << 20

	mostLine  = 64 << 10
	mostFrame = 64 << 20
)

// Format is the wire with its defaults.
var Format = mustNew(Settings{})

// New makes the wire with settings of its own. An error names the setting.
func New(s Settings) (wire.Format, error) {
	if s.MaxLine == 0 {
		s.MaxLine = DefaultMaxLine
	}
	if s.MaxFrame == 0 {
		s.MaxFrame = DefaultMaxFrame
	}
	if s.MaxLine < 0 || s.MaxLine > mostLine {
		return wire.Format{}, fmt.Errorf("the longest line must have 1 to %d bytes: %d", mostLine, s.MaxLine)
	}
	if s.MaxFrame < 0 || s.MaxFrame > mostFrame {
		return wire.Format{}, fmt.Errorf("the longest pickle must have 1 to %d bytes: %d", mostFrame, s.MaxFrame)
	}
	n, err := newNames(s)
	if err != nil {
		return wire.Format{}, err
	}
	return wire.Format{
		Name: "graphite",
		Streams: []wire.Stream{
			{
				Name: "graphite", UDP: true, Max: s.MaxLine + 2,
				NewSplit: func() wire.Splitter { return wire.SplitLines(s.MaxLine) },
				New:      func() wire.Parser { return &lines{names: n} },
			},
			{
				Name: "pickle", UDP: true, Max: frameHead + s.MaxFrame,
				NewSplit: func() wire.Splitter { return splitFrames(s.MaxFrame) },
				New:      func() wire.Parser { return &pickles{names: n} },
			},
		},
	}, nil
}

func mustNew(s Settings) wire.Format {
	f, err := New(s)
	if err != nil {
		panic("BUG: the defaults are not valid: " + err.Error())
	}
	return f
}
