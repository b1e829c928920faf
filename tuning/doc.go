// Package tuning is the host's side of the appliance: what the machine is, what it should be, and how to say so.
//
//	Inspect reads what the machine is             host.go, files.go, disk.go, cgroup.go, network.go
//	Probe tries the data directory's disk         probe.go, probe_linux.go
//	Check compares, and advises: a pure function  advice.go, check_*.go
//	Apply sets what can be set at run time        sysctl.go
//	Measure says what a tuning buys here          measure.go, measure_*.go
//	Pin, SteerByCPU, LimitMemory are the tunings that the appliance itself does; Memory is what it goes by
//
// Inspect reads /proc and /sys through an fs.FS, so any machine can be made up in a test. Nothing here changes the host but Apply.
//
// It imports only the standard library and golang.org/x/sys. Of the appliance it knows what Want says, and the names of its flags.
package tuning
