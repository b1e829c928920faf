package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// player is a running play.
type player struct {
	t        *testing.T
	file     *os.File
	commands *io.PipeWriter
	answers  *bufio.Reader
	ended    chan error
}

func startPlayer(t *testing.T, image string) *player {
	t.Helper()
	dir := t.TempDir()
	in, commands := io.Pipe()
	answers, out := io.Pipe()
	p := &player{t: t, commands: commands, answers: bufio.NewReader(answers), ended: make(chan error, 1)}
	go func() {
		err := play(image, dir, in, out)
		out.CloseWithError(io.EOF)
		p.ended <- err
	}()
	if line, err := p.answers.ReadString('\n'); err != nil {
		t.Skipf("no file system is mounted here: %v", <-p.ended)
	} else if line != "ready\n" {
		t.Fatal(line)
	}
	var err error
	if p.file, err = os.OpenFile(filepath.Join(dir, fileName), os.O_RDWR, 0); err != nil {
		t.Fatal(errors.Join(err, p.end()))
	}
	return p
}

func (p *player) tell(line string) string {
	p.t.Helper()
	fmt.Fprintln(p.commands, line)
	answer, err := p.answers.ReadString('\n')
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(answer)
}

func (p *player) end() error {
	if p.file != nil {
		p.file.Close()
	}
	p.commands.Close()
	return <-p.ended
}

// The disk is a file that takes writes, keeps them with an fsync, and loses them with a cut.
func TestPlay(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount")
	}
	image := newImage(t, 100)
	p := startPlayer(t, image)
	if info, err := p.file.Stat(); err != nil || info.Size() != 100*sectorSize {
		t.Fatalf("%v, %v", info, err)
	}
	write := func(letter string, at int64) error {
		_, err := p.file.WriteAt(bytes.Repeat([]byte(letter), 8*sectorSize), at*sectorSize)
		return err
	}
	if err := errors.Join(write("f", 0), p.file.Sync(), write("n", 8)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100*sectorSize)
	if _, err := p.file.ReadAt(got, 0); err != nil || got[0] != 'f' || got[16*sectorSize-1] != 'n' || got[16*sectorSize] != 'o' {
		t.Fatalf("read %c %c %c, %v", got[0], got[16*sectorSize-1], got[16*sectorSize], err)
	}
	if answer := p.tell("nonsense"); !strings.HasPrefix(answer, "error") {
		t.Errorf("answered %q", answer)
	}
	if answer := p.tell("cut"); answer != "ok kept 0 of 8" {
		t.Errorf("answered %q", answer)
	}
	if err := write("x", 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("without power a write says %v", err)
	}
	if err := p.file.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("without power a sync says %v", err)
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	p = startPlayer(t, image)
	if _, err := p.file.ReadAt(got, 0); err != nil || got[8*sectorSize-1] != 'f' || got[8*sectorSize] != 'o' {
		t.Errorf("behind the cut there is %c %c, %v", got[8*sectorSize-1], got[8*sectorSize], err)
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
}
