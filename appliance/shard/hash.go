package shard

import (
	"encoding/binary"
	"math/bits"

	"penstock/wire"
)

// hasher hashes shard keys with the data directory's own seed, so that nobody outside can choose keys that all land on one shard. It is
// XXH64, which cespare/xxhash gives no seed but in a digest: that costs more than hashing a short key does.
type hasher struct {
	seed uint64
}

const (
	prime1 = 0x9e3779b185ebca87
	prime2 = 0xc2b2ae3d27d4eb4f
	prime3 = 0x165667b19e3779f9
	prime4 = 0x85ebca77c2b2ae63
	prime5 = 0x27d4eb2f165667c5
)

func (h hasher) sum(key []byte) uint64 {
	length, sum := uint64(len(key)), h.seed+prime5
	if len(key) >= 32 {
		sum, key = h.stripes(key)
	}
	for sum += length; len(key) >= 8; key = key[8:] {
		sum ^= stir(0, binary.LittleEndian.Uint64(key))
		sum = bits.RotateLeft64(sum, 27)*prime1 + prime4
	}
	if len(key) >= 4 {
		sum ^= uint64(binary.LittleEndian.Uint32(key)) * prime1
		sum = bits.RotateLeft64(sum, 23)*prime2 + prime3
		key = key[4:]
	}
	for _, c := range key {
		sum ^= uint64(c) * prime5
		sum = bits.RotateLeft64(sum, 11) * prime1
	}
	sum ^= sum >> 33
	sum *= prime2
	sum ^= sum >> 29
	sum *= prime3
	return sum ^ sum>>32
}

// stripes sums what there is of 32 bytes each, and returns what is behind.
func (h hasher) stripes(key []byte) (sum uint64, rest []byte) {
	a, b, c, d := h.seed, h.seed+prime2, h.seed, h.seed
	a += prime1
	a += prime2
	d -= prime1
	for ; len(key) >= 32; key = key[32:] {
		a = stir(a, binary.LittleEndian.Uint64(key))
		b = stir(b, binary.LittleEndian.Uint64(key[8:]))
		c = stir(c, binary.LittleEndian.Uint64(key[16:]))
		d = stir(d, binary.LittleEndian.Uint64(key[24:]))
	}
	sum = bits.RotateLeft64(a, 1) + bits.RotateLeft64(b, 7) + bits.RotateLeft64(c, 12) + bits.RotateLeft64(d, 18)
	for _, lane := range [...]uint64{a, b, c, d} {
		sum = (sum^stir(0, lane))*prime1 + prime4
	}
	return sum, key
}

func stir(sum, word uint64) uint64 {
	return bits.RotateLeft64(sum+word*prime2, 31) * prime1
}

// HashKey is the hash that a key's shard is found by, for a batch's Hash.
func (t *Ticket) HashKey(key []byte) uint64 { return t.hash.sum(key) }

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
