package splunk_test

import (
	"testing"

	"penstock/wire/splunk"
	"penstock/wire/wiretest"
)

func TestGolden(t *testing.T) { wiretest.Golden(t, splunk.Format) }
