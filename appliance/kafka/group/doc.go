// Package group is the coordinator of Kafka's consumer groups: who is a member, who reads what, and how far each group has read.
//
// It speaks Kafka's classic protocol in decoded requests; sockets, frames and permissions are its caller's. It follows Kafka's own
// coordinator in states, timeouts and error codes:
//
//	Empty                no member; may have offsets
//	PreparingRebalance   somebody came, went or changed: everybody is to join again (JoinGroup waits)
//	CompletingRebalance  all have joined, a generation has begun; the leader is to say who reads what (SyncGroup waits)
//	Stable               it has said so
//	Dead                 deleted: no request ever finds it
//
// # How it runs
//
// There is no goroutine. A group is a struct under a mutex with one timer; a request that has to wait is parked on a channel, which
// belongs to its member, and is answered exactly once: by the group, or by its own connection's end. Whoever waits for the disk does the
// syncing for all who wait (store.go).
//
// # What is kept
//
// Committed offsets are records of a log, in the form that Kafka's __consumer_offsets has them: the last one with a key counts, and
// one without a value takes back. A commit is answered once it is on disk. When the log is several times larger than what counts, what
// counts is written again behind it, and the rest is dropped. The members of a group are not kept: after a restart they are told
// UNKNOWN_MEMBER_ID, join again and go on from what was committed.
//
// # Where it differs from Kafka
//
//   - A member whose connection ends while it waits has its session's time to come back; Kafka holds its place for five minutes.
//   - The first members' grace (InitialDelay) is prolonged for others that come also after a restart, when the generation is not 0.
//   - Groups, members, bytes and offsets are bounded (Limits), whatever clients ask for.
//   - The offsets of a topic that a group with members no longer reads do not expire.
package group
