// Package tuning is the host's side of the appliance: which CPUs this process may use, and how to keep a thread on one of them.
//
// It knows nothing of the appliance and imports only the standard library and golang.org/x/sys.
package tuning
