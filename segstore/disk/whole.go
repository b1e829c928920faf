package disk

import (
	"errors"
	"fmt"
	"io/fs"
)

// TemporarySuffix is what a file's name ends in while the file is being made: worth nothing after a crash.
const TemporarySuffix = ".tmp"

// ReadWhole reads a small file of at most most bytes.
func ReadWhole(d Disk, path string, most int64) ([]byte, error) {
	f, err := d.OpenReadOnly(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, fmt.Errorf("%s has %d bytes, and should have %d at most", path, size, most)
	}
	content := make([]byte, size)
	if _, err := f.ReadAt(content, 0); err != nil && size > 0 {
		return nil, err
	}
	return content, nil
}

// WriteWhole puts a whole small file in place: after a crash it is there as it should be, or as it was before. Its name is durable
// once the directory is synced.
func WriteWhole(d Disk, path string, content []byte) error {
	return WriteWholeBy(d, path+TemporarySuffix, path, content)
}

// WriteWholeBy is WriteWhole with a name for the file while it is being written.
func WriteWholeBy(d Disk, temporary, path string, content []byte) error {
	f, err := CreateAnew(d, temporary, int64(max(len(content), 1)))
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Truncate(int64(len(content)))
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.Rename(temporary, path)
	}
	if err != nil {
		_ = RemoveIfThere(d, temporary) // its space is better used; the next start removes it else
	}
	return err
}

// CreateAnew creates a file, in place of one that a crash or an error has left.
func CreateAnew(d Disk, path string, size int64) (File, error) {
	f, err := d.Create(path, size)
	if errors.Is(err, fs.ErrExist) {
		if err := d.Remove(path); err != nil {
			return nil, err
		}
		f, err = d.Create(path, size)
	}
	return f, err
}

// RemoveIfThere removes a file, if there is one.
func RemoveIfThere(d Disk, path string) error {
	err := d.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
