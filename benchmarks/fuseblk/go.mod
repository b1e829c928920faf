// The disk of the power cut tests. A module of its own: the appliance depends on nothing of FUSE.
module penstock-fuseblk

go 1.26.0

require github.com/hanwen/go-fuse/v2 v2.12.1

require golang.org/x/sys v0.28.0 // indirect
