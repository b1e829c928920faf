// Package formats is the list of the wires that the appliance speaks. A format is in it or is not spoken: routes, ports, labels,
// benchmarks and fuzz targets come from here.
package formats

import (
	"penstock/wire"
	"penstock/wire/cloudwisdom"
	"penstock/wire/graphite"
	"penstock/wire/interana"
	"penstock/wire/segment"
	"penstock/wire/splunk"
)

// All returns every format, one a line, in the order they are shown to people. The slice is the caller's.
func All() []wire.Format {
	return []wire.Format{
		cloudwisdom.Format,
		graphite.Format,
		interana.Format,
		segment.New(segment.Settings{}),
		splunk.Format,
	}
}
