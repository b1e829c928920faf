package kairosdb_test

import (
	"testing"

	"penstock/wire/kairosdb"
	"penstock/wire/wiretest"
)

func TestGolden(t *testing.T) { wiretest.Golden(t, kairosdb.New(kairosdb.Settings{})) }
