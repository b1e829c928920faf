// Package formats is the list of the wires that the appliance speaks. A format is in it or is not spoken: routes, ports, labels,
// benchmarks and fuzz targets come from here.
package formats

import (
	"cmp"
	"fmt"

	"penstock/wire"
	"penstock/wire/cloudwisdom"
	"penstock/wire/graphite"
	"penstock/wire/interana"
	"penstock/wire/kairosdb"
	"penstock/wire/segment"
	"penstock/wire/splunk"
	"penstock/wire/stackstate"
)

// Settings are what formats can be told, in plain values. The zero value is every vendor's default.
type Settings struct {
	TelnetMaxLine  int // bytes
	TelnetFeedback bool

	GraphiteTags      string // host, graphite, templates or none
	GraphiteTemplates []string
	GraphiteMaxLine   int // bytes
	PickleMaxFrame    int // bytes

	SegmentSecrets [][]byte
}

// All returns every format as it is by default, in the order they are shown to people. The slice is the caller's.
func All() []wire.Format {
	all, err := New(Settings{})
	if err != nil {
		panic("BUG: a format does not take its defaults: " + err.Error())
	}
	return all
}

// New returns every format, one a line. An error names the setting that is wrong.
func New(s Settings) ([]wire.Format, error) {
	tags, err := graphite.ParseTags(cmp.Or(s.GraphiteTags, "host"))
	if err != nil {
		return nil, err
	}
	lines, err := graphite.New(graphite.Settings{Tags: tags, Templates: s.GraphiteTemplates, MaxLine: s.GraphiteMaxLine, MaxFrame: s.PickleMaxFrame})
	if err != nil {
		return nil, fmt.Errorf("graphite: %w", err)
	}
	return []wire.Format{
		cloudwisdom.Format,
		lines,
		interana.Format,
		kairosdb.New(kairosdb.Settings{MaxLine: s.TelnetMaxLine, Feedback: s.TelnetFeedback}),
		segment.New(segment.Settings{Secrets: s.SegmentSecrets}),
		splunk.Format,
		stackstate.Format,
	}, nil
}
