package main

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// fileName is the one file of the file system: the disk.
const fileName = "disk"

// mount shows a disk as a file in a directory. A loop device makes a disk of it again, whose flushes arrive here as FSYNC.
func mount(dir string, d *disk) error {
	_, err := fs.Mount(dir, &root{disk: d}, &fs.Options{MountOptions: fuse.MountOptions{
		DirectMountStrict: true, Name: "fuseblk-cut", FsName: "fuseblk-cut", MaxWrite: 1 << 20, DisableSplice: true,
	}})
	return err
}

type root struct {
	fs.Inode
	disk *disk
}

// OnAdd implements fs.NodeOnAdder.
func (r *root) OnAdd(ctx context.Context) {
	r.AddChild(fileName, r.NewPersistentInode(ctx, &file{disk: r.disk}, fs.StableAttr{Mode: syscall.S_IFREG}), true)
}

type file struct {
	fs.Inode
	disk *disk
}

var (
	_ fs.NodeOnAdder   = (*root)(nil)
	_ fs.NodeGetattrer = (*file)(nil)
	_ fs.NodeSetattrer = (*file)(nil)
	_ fs.NodeOpener    = (*file)(nil)
	_ fs.NodeReader    = (*file)(nil)
	_ fs.NodeWriter    = (*file)(nil)
	_ fs.NodeFsyncer   = (*file)(nil)
)

// Getattr implements fs.NodeGetattrer.
func (f *file) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = syscall.S_IFREG|0o600, uint64(f.disk.size)
	return 0
}

// Setattr implements fs.NodeSetattrer. A disk has no times, and keeps its size.
func (f *file) Setattr(ctx context.Context, h fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok && size != uint64(f.disk.size) {
		return syscall.EPERM
	}
	return f.Getattr(ctx, h, out)
}

// Open implements fs.NodeOpener. Nothing of a disk is kept in the page cache on this side.
func (f *file) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

// Read implements fs.NodeReader.
func (f *file) Read(_ context.Context, _ fs.FileHandle, p []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	n, errno := f.disk.read(p, at)
	return fuse.ReadResultData(p[:n]), errno
}

// Write implements fs.NodeWriter.
func (f *file) Write(_ context.Context, _ fs.FileHandle, p []byte, at int64) (uint32, syscall.Errno) {
	if errno := f.disk.write(p, at); errno != 0 {
		return 0, errno
	}
	return uint32(len(p)), 0
}

// Fsync implements fs.NodeFsyncer.
func (f *file) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno { return f.disk.flush() }
