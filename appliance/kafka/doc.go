// Package kafka is the door for Kafka's clients: consumers read the logs over Kafka's protocol, and get the bytes of the segments as they are.
//
//	Server (server.go)   one listener; a goroutine for each connection
//	client (client.go)   one connection: a frame is read, answered, and only then the next one is read, as Kafka's brokers do
//	apis (api.go)        which requests are understood, in which versions
//	group                the coordinator of consumer groups
//	Fetch (fetch.go)     batches, from the file or its mapping to the socket; a long poll where there are none yet
//
// A topic's shard is a partition. There is one broker, this process, which leads all of them. A reader's high watermark is the end of what the
// log lets anyone read: under the policy disk, what is on disk. Offsets that retention has passed are OFFSET_OUT_OF_RANGE; records that damage
// has taken are passed over, as consumers pass over what compaction took from a topic of Kafka's.
//
// The layouts are those of the Apache Kafka protocol guide; kmsg (franz-go) decodes requests and encodes all answers but Fetch's.
//
// What a client can cost is bounded: connections, the bytes of a frame, the bytes of all frames at work, the time for a frame to come and for an
// answer to be taken. A request that is not understood closes its connection, as with Kafka; nothing of it is logged.
package kafka
