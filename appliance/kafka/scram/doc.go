// Package scram is passwords that nobody here knows: verifiers, as a configuration file holds them, and the server's side of SCRAM
// (RFC 5802, RFC 7677), by which a client proves that it knows the password and learns that the server knows its verifier.
//
//	Verifier (verifier.go)   what is kept of a password
//	Exchange (exchange.go)   one authentication
//
// A verifier is no password: who steals it can try passwords against it, and can pretend to be the server, but can't log in with it.
// Comparisons take the same time wherever they differ, and no error holds anything of a secret.
package scram
