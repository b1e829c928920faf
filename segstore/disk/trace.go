package disk

import "fmt"

// Trace watches another Disk: it can have its calls fail, and remember them. The calls have the names that Mem gives them.
//
// Anyone may use it who may use the Disk it watches, as long as its functions allow that and it has no history, which one goroutine
// writes.
type Trace struct {
	Disk
	// Before is asked before every call; its error is the call's, which is then not made. nil: every call is made.
	Before func(call, path string) error
	// After is told of every call that was made and has the last word on its error: what it returns is the call's. nil: no news.
	After func(call, path string, err error) error
	// History takes down every call with what came of it. nil: nobody does.
	History *History
}

// watch makes a call.
func watch[T any](t *Trace, c Call, do func() (T, error)) (result T, err error) {
	number := t.History.begin(c)
	if t.Before != nil {
		if err := t.Before(c.Name, c.Path); err != nil {
			err = fmt.Errorf("%s %s: %w", c.Name, c.Path, err)
			t.History.end(number, err)
			return result, err
		}
	}
	result, err = do()
	if t.After != nil {
		err = t.After(c.Name, c.Path, err)
	}
	t.History.end(number, err)
	return result, err
}

// nothing is the result of a call that has none but its error.
type nothing = struct{}

func (t *Trace) do(c Call, do func() error) error {
	_, err := watch(t, c, func() (nothing, error) { return nothing{}, do() })
	return err
}

// open makes a call that opens a file.
func (t *Trace) open(c Call, open func() (File, error)) (File, error) {
	f, err := watch(t, c, open)
	if err != nil {
		if f != nil { // it was opened, and After denies it
			_ = f.Close()
		}
		return nil, err
	}
	return &tracedFile{File: f, t: t, path: c.Path}, nil
}

func (t *Trace) Create(path string, size int64) (File, error) {
	return t.open(Call{Name: "create", Path: path, Bytes: size}, func() (File, error) { return t.Disk.Create(path, size) })
}

func (t *Trace) Open(path string) (File, error) {
	return t.open(Call{Name: "open", Path: path}, func() (File, error) { return t.Disk.Open(path) })
}

func (t *Trace) OpenReadOnly(path string) (File, error) {
	return t.open(Call{Name: "open read-only", Path: path}, func() (File, error) { return t.Disk.OpenReadOnly(path) })
}

func (t *Trace) Rename(from, to string) error {
	return t.do(Call{Name: "rename", Path: from, To: to}, func() error { return t.Disk.Rename(from, to) })
}

func (t *Trace) Link(from, to string) error {
	return t.do(Call{Name: "link", Path: from, To: to}, func() error { return t.Disk.Link(from, to) })
}

func (t *Trace) Remove(path string) error {
	return t.do(Call{Name: "remove", Path: path}, func() error { return t.Disk.Remove(path) })
}

func (t *Trace) MakeDir(path string) error {
	return t.do(Call{Name: "mkdir", Path: path}, func() error { return t.Disk.MakeDir(path) })
}

func (t *Trace) SyncDir(path string) error {
	return t.do(Call{Name: "sync dir", Path: path}, func() error { return t.Disk.SyncDir(path) })
}

func (t *Trace) ReadDir(path string) ([]string, error) {
	return watch(t, Call{Name: "read dir", Path: path}, func() ([]string, error) { return t.Disk.ReadDir(path) })
}

func (t *Trace) Dirs(path string) ([]string, error) {
	return watch(t, Call{Name: "read dir", Path: path}, func() ([]string, error) { return t.Disk.Dirs(path) })
}

func (t *Trace) SetTime(path string, ms int64) error {
	return t.do(Call{Name: "set time", Path: path, At: ms}, func() error { return t.Disk.SetTime(path, ms) })
}

func (t *Trace) Time(path string) (int64, error) {
	return watch(t, Call{Name: "time", Path: path}, func() (int64, error) { return t.Disk.Time(path) })
}

func (t *Trace) Space(dir string) (free, total int64, err error) {
	err = t.do(Call{Name: "space", Path: dir}, func() (err error) {
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

func (f *tracedFile) Size() (int64, error) {
	return watch(f.t, Call{Name: "size", Path: f.path}, f.File.Size)
}

func (f *tracedFile) Map(size int64, write bool) ([]byte, error) {
	return watch(f.t, Call{Name: "map", Path: f.path, Bytes: size}, func() ([]byte, error) { return f.File.Map(size, write) })
}

func (f *tracedFile) Unmap(mapping []byte) error {
	return f.t.do(Call{Name: "unmap", Path: f.path, Bytes: int64(len(mapping))}, func() error { return f.File.Unmap(mapping) })
}

func (f *tracedFile) ReadAt(p []byte, off int64) (int, error) {
	c := Call{Name: "read", Path: f.path, At: off, Bytes: int64(len(p))}
	return watch(f.t, c, func() (int, error) { return f.File.ReadAt(p, off) })
}

func (f *tracedFile) WriteAt(p []byte, off int64) (int, error) {
	c := Call{Name: "write", Path: f.path, At: off, Bytes: int64(len(p))}
	return watch(f.t, c, func() (int, error) { return f.File.WriteAt(p, off) })
}

func (f *tracedFile) WriteZeroing(p []byte, zeros int, off int64) error {
	c := Call{Name: "write", Path: f.path, At: off, Bytes: int64(len(p) + zeros)}
	return f.t.do(c, func() error { return f.File.WriteZeroing(p, zeros, off) })
}

func (f *tracedFile) Allocate(size int64) error {
	return f.t.do(Call{Name: "allocate", Path: f.path, Bytes: size}, func() error { return f.File.Allocate(size) })
}

func (f *tracedFile) Truncate(size int64) error {
	return f.t.do(Call{Name: "truncate", Path: f.path, Bytes: size}, func() error { return f.File.Truncate(size) })
}

func (f *tracedFile) Sync() error  { return f.t.do(Call{Name: "sync", Path: f.path}, f.File.Sync) }
func (f *tracedFile) Close() error { return f.t.do(Call{Name: "close", Path: f.path}, f.File.Close) }
