//go:build !race

package kafka

import "testing"

// Reading a batch, laying its records out and naming them costs no allocation once a taker has seen its like; one where a stream has to be unpacked.
func TestBatchesAllocateNothing(t *testing.T) {
	topic := []byte("t")
	values := make([]string, 200)
	for i := range values {
		values[i] = "a value of some length"
	}
	for codec, most := range map[int]float64{codecNone: 0, codecGzip: 1, codecSnappy: 0, codecLZ4: 1, codecZstd: 1} {
		b := made{codec: codec, producer: 1, records: simple(values...)}.bytes(t)
		var taken taker
		run := func() {
			head, packed, why := readBatch(b)
			if why != nil {
				t.Fatal(why.text)
			}
			records, err := taken.inflate.inflate(head.codec, packed, batchMost)
			if err != nil {
				t.Fatal(err)
			}
			if why := layRecords(&taken.batch, topic, &head, records); why != nil {
				t.Fatal(why.text)
			}
			giveIDs(&taken.batch, &head, 0)
			taken.let()
		}
		run()
		if n := testing.AllocsPerRun(200, run); n > most {
			t.Errorf("codec %d: %v allocations", codec, n)
		}
	}
}
