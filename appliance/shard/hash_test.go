package shard

import (
	"math/rand/v2"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// Keys must go where they went before: to the shard that the library's digest says, whatever they hold.
func TestHasher(t *testing.T) {
	const seed = 20261127
	random := rand.New(rand.NewPCG(seed, 0))
	key := make([]byte, 300)
	for i := range key {
		key[i] = byte(random.Uint32())
	}
	for _, of := range []uint64{0, 1, seed, ^uint64(0), prime1, random.Uint64()} {
		for length := range key {
			digest := xxhash.NewWithSeed(of)
			_, _ = digest.Write(key[:length])
			if got, want := (hasher{of}).sum(key[:length]), digest.Sum64(); got != want {
				t.Fatalf("seed %d: the hash of %d bytes by %d is %x, want %x", seed, length, of, got, want)
			}
		}
	}
}
