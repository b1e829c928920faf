//go:build !linux

package tuning

// SteerByCPU is for Linux; elsewhere it returns an error.
func SteerByCPU(uintptr, int) error { return errPlatform }
