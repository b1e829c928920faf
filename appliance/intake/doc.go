// Package intake is the appliance's front door: what brings bytes in.
//
// Every core has its own listening socket on the same address (SO_REUSEPORT), so the kernel deals connections out and no accept
// loop is shared. Behind each, fasthttp frames requests, a guard refuses what fasthttp lets through, the path picks a wire
// format's parser, and the records it finds are offered to the shards. The reply waits until the acknowledgement policy is met:
//
//	socket ─► accept ─► fasthttp ─► guard ─► route ─► parse ─► Offer ─► Wait ─► the format's reply
//	(a door)  (survives  (frames)    (400,    (404,    (a worker: parser, batch, decoder,
//	           EMFILE)                close)   405)     ticket, reply: nothing allocated once warm)
//
// What a slow or hostile client can hold on to is bounded: a header has its own deadline, a request has one, a reply has one,
// idle connections have one; connections, requests in work, bytes of a header, of a body and of what it inflates to have caps.
//
// A Server is a list of doors and one HTTP engine. A door knows only sockets and counters; those of line and frame protocols stand
// beside the HTTP ones and share their workers, counters and caps on connections. There a connection's own goroutine does the work:
//
//	socket ─► accept ─► buffer ─► split ─► parse, frame by frame ─► Offer ─► Wait ─► read on
//	datagrams ─► slots ─►──────────┘        (into one batch)        (again, while there is no room)
//
// No other package imports fasthttp.
package intake
