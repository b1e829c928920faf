package disk

import "fmt"

// Trace watches another Disk, and can have its calls fail. The calls have the names that Mem gives them.
//
// Anyone may use it who may use the Disk it watches, as long as its functions allow that.
type Trace struct {
	Disk
	// Before is asked before every call; its error is the call's, which is then not made. nil: every call is made.
	Before func(call, path string) error
	// After is told of every call that was made and has the last word on its error: what it returns is the call's. nil: no news.
	After func(call, path string, err error) error
}

// watch makes a call.
func watch[T any](t *Trace, call, path string, do func() (T, error)) (result T, err error) {
	if t.Before != nil {
		if err := t.Before(call, path); err != nil {
			return result, fmt.Errorf("%s %s: %w", call, path, err)
		}
	}
	result, err = do()
	if t.After != nil {
		err = t.After(call, path, err)
	}
	return result, err
}

// nothing is the result of a call that has none but its error.
type nothing = struct{}

func (t *Trace) do(call, path string, do func() error) error {
	_, err := watch(t, call, path, func() (nothing, error) { return nothing{}, do() })
	return err
}

// open makes a call that opens a file.
func (t *Trace) open(call, path string, open func() (File, error)) (File, error) {
	f, err := watch(t, call, path, open)
	if err != nil {
		if f != nil { // it was opened, and After denies it
			_ = f.Close()
		}
		return nil, err
	}
	return &tracedFile{File: f, t: t, path: path}, nil
}

func (t *Trace) Create(path string, size int64) (File, error) {
	return t.open("create", path, func() (File, error) { return t.Disk.Create(path, size) })
}

func (t *Trace) Open(path string) (File, error) {
	return t.open("open", path, func() (File, error) { return t.Disk.Open(path) })
}

func (t *Trace) OpenReadOnly(path string) (File, error) {
	return t.open("open read-only", path, func() (File, error) { return t.Disk.OpenReadOnly(path) })
}

func (t *Trace) Rename(from, to string) error {
	return t.do("rename", from, func() error { return t.Disk.Rename(from, to) })
}

func (t *Trace) Link(from, to string) error {
	return t.do("link", from, func() error { return t.Disk.Link(from, to) })
}

func (t *Trace) Remove(path string) error {
	return t.do("remove", path, func() error { return t.Disk.Remove(path) })
}

func (t *Trace) MakeDir(path string) error {
	return t.do("mkdir", path, func() error { return t.Disk.MakeDir(path) })
}

func (t *Trace) SyncDir(path string) error {
	return t.do("sync dir", path, func() error { return t.Disk.SyncDir(path) })
}

func (t *Trace) ReadDir(path string) ([]string, error) {
	return watch(t, "read dir", path, func() ([]string, error) { return t.Disk.ReadDir(path) })
}

func (t *Trace) Dirs(path string) ([]string, error) {
	return watch(t, "read dir", path, func() ([]string, error) { return t.Disk.Dirs(path) })
}

func (t *Trace) SetTime(path string, ms int64) error {
	return t.do("set time", path, func() error { return t.Disk.SetTime(path, ms) })
}

func (t *Trace) Time(path string) (int64, error) {
	return watch(t, "time", path, func() (int64, error) { return t.Disk.Time(path) })
}

func (t *Trace) Space(dir string) (free, total int64, err error) {
	err = t.do("space", dir, func() (err error) {
		free, total, err = t.Disk.Space(dir)
		return err
	})
	return free, total, err
}

// tracedFile is an open file of a Trace.
type tracedFile struct {
	File
	t    *Trace
	path string // that it was opened by
}

func (f *tracedFile) Size() (int64, error) { return watch(f.t, "size", f.path, f.File.Size) }

func (f *tracedFile) Map(size int64, write bool) ([]byte, error) {
	return watch(f.t, "map", f.path, func() ([]byte, error) { return f.File.Map(size, write) })
}

func (f *tracedFile) Unmap(mapping []byte) error {
	return f.t.do("unmap", f.path, func() error { return f.File.Unmap(mapping) })
}

func (f *tracedFile) ReadAt(p []byte, off int64) (int, error) {
	return watch(f.t, "read", f.path, func() (int, error) { return f.File.ReadAt(p, off) })
}

func (f *tracedFile) WriteAt(p []byte, off int64) (int, error) {
	return watch(f.t, "write", f.path, func() (int, error) { return f.File.WriteAt(p, off) })
}

func (f *tracedFile) Allocate(size int64) error {
	return f.t.do("allocate", f.path, func() error { return f.File.Allocate(size) })
}

func (f *tracedFile) Truncate(size int64) error {
	return f.t.do("truncate", f.path, func() error { return f.File.Truncate(size) })
}

func (f *tracedFile) Sync() error  { return f.t.do("sync", f.path, f.File.Sync) }
func (f *tracedFile) Close() error { return f.t.do("close", f.path, f.File.Close) }
