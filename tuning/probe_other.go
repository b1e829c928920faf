//go:build !linux

package tuning

import "context"

// Probe is for Linux; elsewhere it says only that it is not.
func Probe(_ context.Context, dir string) *Probes { return &Probes{Dir: dir, Tried: errPlatform} }
