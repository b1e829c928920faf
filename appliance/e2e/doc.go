// Package e2e holds tests that run the real binary: over real sockets, on a real file system, killed for real. There is nothing in it
// but tests.
package e2e
