// Package shard is the core of the appliance, without a socket in it: a batch of records goes in, is routed by the hash of each
// record's key, handed to the writers, kept in the logs, and acknowledged when its policy is met.
//
//	Offer (route.go)    hash → shard; large shares are laid as batches of their own (apart.go); what can be is written on the spot (write.go),
//	                    else one claim in a writer's ring for all of a request's records of a shard; all claims or none
//	writer (writer.go)  who has the helm (helm.go) writes to a writer's logs: one batch, one CRC, one publish. Its goroutine drains the ring
//	syncer (syncer.go)  one goroutine per writer puts what was written on disk; everybody waiting shares one fdatasync
//	Ticket (ticket.go)  what a request waits on
//	keeper (keeper.go)  readies and finishes segments, retires old ones, looks after a full disk
//
// A topic has a fixed number of shards, each a segstore.Log; shard s of every topic belongs to writer s modulo the number of
// writers. So a log has exactly one writer, and the number of goroutines and rings does not grow with the number of topics.
package shard
