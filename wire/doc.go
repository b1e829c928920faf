// Package wire turns bytes into records and outcomes into reply bytes.
//
// It is pure. A format knows no socket, file, clock, goroutine, flag or metric, so a golden file covers a request and its reply
// without any of them. What it needs of the world is an argument: the time of arrival, the headers, the limit, a Decoder for
// compressed bodies, the Tables that topics feed.
//
// A parser lays records into a Batch. Records alias the request's bytes or the batch's scratch; nothing is copied that need not
// be, and nothing is allocated once a worker has seen its usual request. A request is accepted or refused whole where the vendor's
// server does so; each format's first comment says what its wire does.
//
// A fault is the client's: it names a Code and a byte position and holds none of the client's bytes, so it can be logged, counted
// and sent back without leaking a secret.
//
// There is one folder per format, one line per format in wire/formats, one fuzz target per format in fuzz. Formats import this
// package and fastjson, and nothing else of ours.
package wire
