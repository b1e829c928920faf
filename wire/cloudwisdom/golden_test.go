package cloudwisdom_test

import (
	"testing"

	"penstock/wire/cloudwisdom"
	"penstock/wire/wiretest"
)

func TestGolden(t *testing.T) { wiretest.Golden(t, cloudwisdom.Format) }
