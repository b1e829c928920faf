package segment_test

import (
	"testing"

	"penstock/wire/segment"
	"penstock/wire/wiretest"
)

// The goldens' webhooks are signed with the second of two secrets, as while one is being replaced.
var secrets = [][]byte{[]byte("the next secret"), []byte("a shared secret")}

func TestGolden(t *testing.T) { wiretest.Golden(t, segment.New(segment.Settings{Secrets: secrets})) }
