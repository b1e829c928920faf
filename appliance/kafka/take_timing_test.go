package kafka

import (
	"fmt"
	"testing"
)

// BenchmarkTake is a producer's batch of 320 records of 200 bytes, read, unpacked and laid out as records.
func BenchmarkTake(b *testing.B) {
	values := make([]string, 320)
	for i := range values {
		values[i] = fmt.Sprintf("%0200d", i)
	}
	names := map[int]string{codecNone: "none", codecGzip: "gzip", codecSnappy: "snappy", codecLZ4: "lz4", codecZstd: "zstd"}
	for codec := range len(names) {
		b.Run("codec="+names[codec], func(b *testing.B) {
			from := made{codec: codec, producer: 1, records: simple(values...)}.bytes(b)
			var taken taker
			b.SetBytes(int64(200 * len(values)))
			b.ReportAllocs()
			for b.Loop() {
				head, packed, why := readBatch(from)
				if why != nil {
					b.Fatal(why.text)
				}
				records, err := taken.inflate.inflate(head.codec, packed, batchMost)
				if err != nil {
					b.Fatal(err)
				}
				if why := layRecords(&taken.batch, []byte("t"), &head, records); why != nil || len(taken.batch.Records) != len(values) || string(taken.batch.Records[319].Value) != values[319] {
					b.Fatal("wrong answer")
				}
				giveIDs(&taken.batch, &head, 0)
				taken.let()
			}
		})
	}
}
