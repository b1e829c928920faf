// Package segstore keeps records: one shard's log is a directory of append-only, memory-mapped segments in Kafka's record batch
// format, with one writer and any number of readers.
//
// # On disk
//
//	<topic>-<shard>/
//	    00000000000000000000.log        batches (see batch.go and record.go); named by the first offset, 20 digits
//	    00000000000000000000.index      sparse hints of a sealed segment: offset → position (see index.go)
//	    00000000000000000000.timeindex  the same by time
//	    00000000000000000000.ids        its records' IDs, where any has one (see idblock.go)
//	    checkpoint                      how far the log was synced: a lower bound, a hint (see checkpoint.go)
//	    spare.tmp                       the next segment, allocated, without a name yet
//	    …-4096.damaged  ….cut  ….gap    what was set aside, and why offsets are missing
//
// Nothing outside the .log files is trusted: each of the others may be deleted, and is made again or done without.
//
// # What is promised
//
// A segment's space is allocated before it is mapped, so a full disk is an error when a segment is made and never a fault when it
// is written. Records appended after one Reserve share a batch, and a batch is there whole or not at all. Synced moves only after
// fdatasync said yes for everything below it, the segment's name in the directory included; after it has once said no, the bytes it
// was asked about are given up, never synced again. With ReadSynced, readers see only what is below Synced, so nobody reads what a
// power cut could take back.
//
// A crash leaves some of the unsynced pages written, in any order. Recovery (scan.go has its table, recover.go carries it out) keeps
// every sound batch up to the first tear, cuts the tear off and zeroes it. Damage below the checkpoint is not a tear but rot in
// records that were acknowledged: it is reported with file, byte and offsets, its bytes are set aside, and the log goes on without
// them. A log always opens.
//
// # Who may do what
//
// The writer appends, commits and rolls; the syncer syncs; the keeper trims, indexes, readies the next segment and retires old ones.
// They share atomics, and an immutable list of segments that is replaced under a mutex. Readers pin the segment they stand in, which
// keeps it mapped; they take no lock that a writer waits for.
package segstore
