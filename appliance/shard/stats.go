package shard

import "sync/atomic"

// Stats are the set's numbers at one moment, all counted since it was opened.
type Stats struct {
	Writers     []WriterStats
	Shards      []ShardStats
	RefusedBusy uint64 // batches refused because a ring was full
	RefusedFull uint64 // batches refused for want of disk space
	Repeated    uint64 // records that were repeats of others
	Forgotten   uint64 // IDs of records forgotten before their time, for want of memory
}

// WriterStats are one writer's.
type WriterStats struct {
	Records    uint64
	Bytes      uint64 // through the ring
	Batches    uint64
	Refused    uint64 // records that reached the writer and could not be written
	Syncs      uint64
	SyncErrors uint64
	RingUsed   int
	RingBytes  int
}

// ShardStats are one shard's of one topic.
type ShardStats struct {
	Topic           string
	Shard           int
	First, Readable int64 // offsets
	Written, Synced int64
	Unsynced        int64 // records acknowledged and not yet on disk; with AckDisk 0 at every instant
	Bytes           int64
	Held            int64 // bytes of removed segments that readers are still in
	Segments        int
	Full            bool
}

// writerCounts are counted by one writer alone, and read by anyone.
type writerCounts struct {
	records, bytes, batches, refused atomic.Uint64
}

// Stats collects the numbers.
func (s *Set) Stats() Stats {
	st := Stats{RefusedBusy: s.refusedBusy.Load(), RefusedFull: s.refusedFull.Load()}
	for _, w := range s.writers {
		st.Writers = append(st.Writers, WriterStats{
			Records: w.counts.records.Load(), Bytes: w.counts.bytes.Load(), Batches: w.counts.batches.Load(),
			Refused: w.counts.refused.Load(), Syncs: w.syncer.syncs.Load(), SyncErrors: w.syncer.errors.Load(),
			RingUsed: w.ring.Used(), RingBytes: s.o.RingBytes,
		})
	}
	if s.repeats != nil {
		st.Repeated, st.Forgotten = s.repeats.found.Load(), s.repeats.forgotten.Load()
	}
	for _, name := range s.Topics() {
		t, ok := s.Topic(name)
		if !ok {
			continue
		}
		for i, l := range t.logs {
			acked, l := l.acked.Load(), l.log // in this order: what is on disk only grows
			st.Shards = append(st.Shards, ShardStats{
				Topic: name, Shard: i, First: l.First(), Readable: l.Next(), Written: l.Written(), Synced: l.Synced(),
				Unsynced: max(0, acked-l.Synced()),
				Bytes:    l.Size(), Held: l.Held(), Segments: l.Segments(), Full: l.Full(),
			})
		}
	}
	return st
}
