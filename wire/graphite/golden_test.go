package graphite_test

import (
	"testing"

	"penstock/wire/graphite"
	"penstock/wire/wiretest"
)

func TestGolden(t *testing.T) { wiretest.Golden(t, graphite.Format) }
