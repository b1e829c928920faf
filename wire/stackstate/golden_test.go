package stackstate_test

import (
	"testing"

	"penstock/wire/stackstate"
	"penstock/wire/wiretest"
)

func TestGolden(t *testing.T) { wiretest.Golden(t, stackstate.Format) }
