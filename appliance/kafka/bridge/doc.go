// Package bridge brings what the appliance's logs have to Kafka clusters: to those that a topic is forwarded to, and to the one that keeps it.
//
// A shipper follows one shard's log and brings its batches to one partition, in order, one request at a time. It needs no memory of its own to
// do that exactly once: its batches carry a producer id, and a sequence that is the record's place in the log. So the cluster itself knows how
// far it has the shard. Whatever goes wrong (a broker that dies, a reply that is lost, this process being killed), the way on is the same: ask
// the partition's leader for the last sequence, and go on behind it. The file of positions is only what to start from when the cluster has
// forgotten the producer, as it does a day after the last batch.
package bridge
