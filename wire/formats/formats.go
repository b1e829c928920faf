// Package formats is the list of the wires that the appliance speaks. A format is in it or is not spoken: routes, ports, labels,
// benchmarks and fuzz targets come from here.
package formats

import (
	"fmt"

	"penstock/wire"
	"penstock/wire/cloudwisdom"
	"penstock/wire/graphite"
	"penstock/wire/interana"
	"penstock/wire/kairosdb"
	"penstock/wire/segment"
	"penstock/wire/splunk"
)

// Settings are what formats can be told. The zero value is every vendor's default.
type Settings struct {
	Graphite graphite.Settings
	KairosDB kairosdb.Settings
	Segment  segment.Settings
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
	lines, err := graphite.New(s.Graphite)
	if err != nil {
		return nil, fmt.Errorf("graphite: %w", err)
	}
	return []wire.Format{
		cloudwisdom.Format,
		lines,
		interana.Format,
		kairosdb.New(s.KairosDB),
		segment.New(s.Segment),
		splunk.Format,
	}, nil
}
