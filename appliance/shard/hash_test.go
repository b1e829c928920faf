package shard

import (
	"math/rand/v2"
	"strings"
	"testing"

	"penstock/wire"
)

// A record that has its key's hash goes where it goes without, and whoever knows a hash is believed.
func TestRoute_HashKnown(t *testing.T) {
	s := openSet(t, t.TempDir(), nil)
	k, hash := s.NewTicket(), s.Hasher()
	store(t, s, k, AckLog, "t a 1", "t b 2", "t c 3", "t d 4")
	b := batchOf("t a 1", "t b 2", "t c 3", "t d 4")
	for i := range b.Records {
		b.Records[i].Hash = hash(b.Records[i].Key)
	}
	other := batchOf("t e 5")
	other.Records[0].Hash = hash([]byte("e")) + 1
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
			if at := hash([]byte(key)) % 2; (at == uint64(shard)) == (key == "e") {
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
