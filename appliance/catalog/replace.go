package catalog

import (
	"fmt"
	"os"
	"path/filepath"
)

// SyncError says that a change is in place but that the directory could not be synced: a power cut might take it back.
type SyncError struct {
	Path string
	Err  error
}

func (e *SyncError) Error() string {
	return fmt.Sprintf("changed %s, but a power cut might undo it: %v", e.Path, e.Err)
}

func (e *SyncError) Unwrap() error { return e.Err }

// replace puts data in path's place so that a crash at any point leaves the old file or the new one, whole. Its order is the
// whole point: the new bytes are durable before the name points to them, and the name is durable before anyone is told.
func replace(path string, data []byte) error {
	tmp := path + ".tmp"
	if err := writeSynced(tmp, data); err != nil {
		os.Remove(tmp)
		return fmt.Errorf("cannot write the catalog: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Remove(tmp)
		return fmt.Errorf("cannot replace the catalog: %w", err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return &SyncError{Path: path, Err: err}
	}
	return nil
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
