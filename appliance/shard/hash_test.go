package shard

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"penstock/wire"
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

// A record that has its key's hash goes where it goes without, and whoever knows a hash is believed.
func TestRoute_HashKnown(t *testing.T) {
	s := openSet(t, t.TempDir(), nil)
	k := s.NewTicket()
	store(t, s, k, AckLog, "t a 1", "t b 2", "t c 3", "t d 4")
	b := batchOf("t a 1", "t b 2", "t c 3", "t d 4")
	for i := range b.Records {
		b.Records[i].Hash = k.HashKey(b.Records[i].Key)
	}
	other := batchOf("t e 5")
	other.Records[0].Hash = k.HashKey([]byte("e")) + 1
	for _, b := range []*wire.Batch{b, other} {
		if err := s.Offer(b, k, AckLog); err != nil {
			t.Fatal(err)
		}
		if err := k.Wait(AckTimeout); err != nil {
			t.Fatal(err)
		}
	}
	for shard, records := range readAll(t, s, "t") {
		seen := map[string]int{}
		for _, r := range records {
			key, _, _ := strings.Cut(r, " ")
			seen[key]++
			if at := k.HashKey([]byte(key)) % 2; (at == uint64(shard)) == (key == "e") {
				t.Errorf("%s is in shard %d", key, shard)
			}
		}
		for key, n := range seen {
			if n != 2 && key != "e" {
				t.Errorf("%s is %d times in shard %d", key, n, shard)
			}
		}
	}
}

func TestShardOf(t *testing.T) {
	const seed = 20261127
	random := rand.New(rand.NewPCG(seed, 1))
	for shards := 1; shards < 300; shards++ {
		for range 20 {
			hash := random.Uint64()
			if got, want := shardOf(hash, shards), int(hash%uint64(shards)); got != want {
				t.Fatalf("%x of %d shards: %d, want %d", hash, shards, got, want)
			}
		}
	}
}
