package interana_test

import (
	"testing"

	"penstock/wire/interana"
	"penstock/wire/wiretest"
)

func TestGolden(t *testing.T) { wiretest.Golden(t, interana.Format) }
