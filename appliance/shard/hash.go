package shard

import (
	"github.com/cespare/xxhash/v2"

	"penstock/wire"
)

// hasher hashes shard keys with the data directory's own seed, so that nobody outside can choose keys that all land on one shard.
type hasher struct {
	seed   uint64
	digest xxhash.Digest
}

func (h *hasher) sum(key []byte) uint64 {
	h.digest.ResetWithSeed(h.seed)
	_, _ = h.digest.Write(key)
	return h.digest.Sum64()
}

// Hasher is the hash that a key's shard is found by, for a batch's Hash: one goroutine at a time may call what it returns.
func (s *Set) Hasher() func(key []byte) uint64 { return (&hasher{seed: s.seed}).sum }

// hashOf is that of a record's key, which who made the record may know.
func (t *Ticket) hashOf(r *wire.Record) uint64 {
	if r.Hash != 0 {
		return r.Hash
	}
	return t.hash.sum(r.Key)
}

// shardOf is the remainder of a key's hash by how many shards there are. To divide costs a few nanoseconds, and most hosts have a number of
// shards that needs none.
func shardOf(hash uint64, shards int) int {
	n := uint64(shards)
	if n&(n-1) == 0 {
		return int(hash & (n - 1))
	}
	return int(hash % n)
}
