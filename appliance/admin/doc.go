// Package admin is the appliance's private door: health, metrics, profiles, and the topics with their records, over HTTP.
//
// It is built on net/http where intake is built on fasthttp. It is off the hot path: its requests are few, its answers are
// long streams and long polls, and what it needs is what net/http does well: contexts that end with the connection, trailers,
// per-request deadlines, the standard profiler's handlers, and a strict HTTP parser. Nothing here runs when a record is accepted.
//
// It speaks plain HTTP to whoever can reach it, so it guards itself against the one client nobody meant to let in, a web page
// in the operator's browser: a Host that is not ours and an Origin that is not ours are refused (see guard.go).
//
// It runs before the logs are open. Until Options.Set returns them, health answers and data paths say 503.
package admin
