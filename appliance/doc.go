// Package appliance puts the parts together: it is the only place that knows them all, and holds no algorithm of its own.
//
// The life of a record, and where to read about each step:
//
//	socket ──► wire parser ──► route ──► ring ──► shard writer ──► mapped segment ──► cursor ──► follower
//	intake     wire/<format>   shard     ring     shard            segstore           segstore   admin
//
// The life of a process, in this package:
//
//	Open   the data directory and its lock (lock.go), the admin listener, so that /healthz and /readyz answer while the logs
//	       are recovered, the catalog, the logs, the intake's sockets
//	Run    takes records until its context ends or a part fails
//	Close  readiness first, then the doors, then the readers, then the logs: whatever was acknowledged is on disk, and
//	       whatever was not is not acknowledged
//
// Parts count what they do in plain numbers; metrics.go alone gives them names.
package appliance
