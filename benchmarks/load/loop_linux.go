package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// attach makes a file a block device, as losetup does. The kernel takes the device away by itself as soon as nobody has it open any more:
// neither the caller, by the file returned, nor a file system mounted from it. So none outlives this process and its mounts.
//
// direct has each request to the device be one to the file, past the page cache: what is flushed and what is not is then the file's alone.
func attach(path string, direct bool) (*os.File, error) {
	backing, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer backing.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	config := &unix.LoopConfig{Fd: uint32(backing.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
	if direct {
		config.Info.Flags |= unix.LO_FLAGS_DIRECT_IO
	}
	for range 100 {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("looking for a free loop device: %w", err)
		}
		device, err := configure(fmt.Sprintf("/dev/loop%d", n), config)
		if !errors.Is(err, unix.EBUSY) { // somebody else was quicker
			return device, err
		}
	}
	return nil, errors.New("every loop device that is free is taken at once by somebody else")
}

func configure(name string, config *unix.LoopConfig) (*os.File, error) {
	writable, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer writable.Close()
	if err := unix.IoctlLoopConfigure(int(writable.Fd()), config); err != nil {
		return nil, fmt.Errorf("LOOP_CONFIGURE %s: %w", name, err)
	}
	status, err := unix.IoctlLoopGetStatus64(int(writable.Fd()))
	if err != nil {
		return nil, fmt.Errorf("LOOP_GET_STATUS64 %s: %w", name, err)
	}
	if missing := config.Info.Flags &^ status.Flags; missing != 0 { // the kernel drops silently what it can't do
		return nil, fmt.Errorf("%s has not the flags %#x", name, missing)
	}
	return os.Open(name) // some kernels mount nothing that somebody may write to
}

// Ends a file system in use: nothing reaches its device any more, not even its log, and what was not synced is gone (FS_IOC_SHUTDOWN,
// which ext4 and xfs know).
const (
	fsShutdown = 0x8004587d
	noLogFlush = 2
)

func shutDown(mounted string) error {
	dir, err := os.Open(mounted)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), fsShutdown, noLogFlush); err != nil {
		return fmt.Errorf("FS_IOC_SHUTDOWN %s: %w", mounted, err)
	}
	return nil
}
