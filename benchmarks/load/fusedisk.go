package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// fuseDisk lies on a disk that the program fuseblk plays. A cut leaves of what was not flushed a random half, sector by sector: writes torn
// and in any order, as a power cut leaves them on a disk with a cache.
type fuseDisk struct {
	*volume
	bin, dir string    // the program, and where it shows its disk
	player   *exec.Cmd // nil: it does not run
	commands io.WriteCloser
	answers  *bufio.Reader

	unflushed, kept int64 // sectors, at all cuts
	torn            int   // cuts that kept some and lost some
}

func newFuseDisk(bin, fs, home string, seed uint64) (*fuseDisk, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	v, err := newVolume(fs, home, seed)
	if err != nil {
		return nil, err
	}
	d := &fuseDisk{volume: v, bin: bin, dir: filepath.Join(home, "fuse")}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		return nil, err
	}
	if err := d.start(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// start runs the program on the image, and mounts the file system from its disk.
func (d *fuseDisk) start() error {
	c := exec.Command(d.bin, d.image, d.dir)
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	in, err1 := c.StdinPipe()
	out, err2 := c.StdoutPipe()
	if err := errors.Join(err1, err2, c.Start()); err != nil {
		return err
	}
	d.player, d.commands, d.answers = c, in, bufio.NewReader(out)
	if answer, err := d.answers.ReadString('\n'); err != nil || answer != "ready\n" {
		return fmt.Errorf("%s shows no disk: %q, %w", d.bin, answer, err)
	}
	if err := d.mount(filepath.Join(d.dir, "disk"), true); err != nil {
		return err
	}
	// A disk that is slow to flush has more in its cache when the power is cut.
	_, err := d.command(fmt.Sprintf("delay %d", d.rng.IntN(delayMost+1)))
	return err
}

// delayMost is how long the disk may take for a write or a flush, ms.
const delayMost = 3

// command has the program do something, and returns its answer.
func (d *fuseDisk) command(text string) (string, error) {
	if _, err := fmt.Fprintln(d.commands, text); err != nil {
		return "", fmt.Errorf("fuseblk: %w", err)
	}
	answer, err := d.answers.ReadString('\n')
	answer, ok := strings.CutPrefix(strings.TrimSpace(answer), "ok")
	if err != nil || !ok {
		return "", fmt.Errorf("fuseblk: %s: %q, %w", text, answer, err)
	}
	return strings.TrimSpace(answer), nil
}

func (d *fuseDisk) cut() error {
	seed := d.rng.Int64()
	if err := d.writeBack(); err != nil {
		return err
	}
	answer, err := d.command(fmt.Sprintf("cut %d", seed))
	if err != nil {
		return err
	}
	var kept, of int64
	if _, err := fmt.Sscanf(answer, "kept %d of %d", &kept, &of); err != nil {
		return fmt.Errorf("fuseblk answered %q to a cut: %w", answer, err)
	}
	if d.kept, d.unflushed = d.kept+kept, d.unflushed+of; kept > 0 && kept < of {
		d.torn++
	}
	return nil
}

func (d *fuseDisk) restore() error {
	if err := d.close(); err != nil {
		return err
	}
	return d.start()
}

// playerMost is how long the program may take to end.
const playerMost = 10 * time.Second

func (d *fuseDisk) close() error {
	err := d.unmount()
	if d.player == nil {
		return err
	}
	d.commands.Close()
	timer := time.AfterFunc(playerMost, func() { d.player.Process.Kill() })
	err = errors.Join(err, d.player.Wait())
	timer.Stop()
	d.player = nil
	return err
}
