// Command fuseblk plays a disk with a volatile write cache, whose power can be cut and which can be told to fail. It shows an image as the
// file disk of a FUSE file system; a loop device with direct I/O makes a block device of that, on which a real file system lives.
//
//	fuseblk IMAGE DIRECTORY
//
// It says "ready" when the file is there, and then takes commands, one a line, and answers each with a line, "ok …" or "error …":
//
//	cut [SEED]         end the power: of the sectors not flushed a random half is kept, without SEED none; every request fails from then on
//	eio-write OFF LEN  writes that touch these bytes fail
//	eio-read OFF LEN   reads that touch these bytes fail
//	delay MS           each write and flush takes so long
//	clear              end what the last three began
//
// It ends when its input does, and takes nothing of what was not flushed to the image then.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: fuseblk IMAGE DIRECTORY")
		os.Exit(2)
	}
	if err := play(os.Args[1], os.Args[2], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fuseblk:", err)
		os.Exit(1)
	}
}

func play(image, dir string, in io.Reader, out io.Writer) error {
	d, err := openDisk(image)
	if err != nil {
		return err
	}
	defer d.image.Close()
	if err := mount(dir, d); err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if answer, err := d.command(strings.Fields(lines.Text())); err != nil {
			fmt.Fprintln(out, "error", err)
		} else {
			fmt.Fprintln(out, strings.TrimSpace("ok "+answer))
		}
	}
	// Whoever still has the file open is served no more, and need not be waited for.
	return syscall.Unmount(dir, syscall.MNT_DETACH)
}

// command carries out one command.
func (d *disk) command(words []string) (answer string, err error) {
	if len(words) == 0 {
		return "", fmt.Errorf("no command")
	}
	var numbers []int64
	for _, w := range words[1:] {
		n, err := strconv.ParseInt(w, 10, 64)
		if err != nil || n < 0 {
			return "", fmt.Errorf("%q is not a number from 0 on", w)
		}
		numbers = append(numbers, n)
	}
	switch name := words[0]; {
	case name == "cut" && len(numbers) <= 1:
		kept, of, err := d.cut(uint64(append(numbers, 0)[0]), len(numbers) == 1)
		return fmt.Sprintf("kept %d of %d", kept, of), err
	case name == "eio-write" && len(numbers) == 2, name == "eio-read" && len(numbers) == 2:
		d.fail(name == "eio-write", extent{numbers[0], numbers[0] + numbers[1]})
	case name == "delay" && len(numbers) == 1:
		d.slow(time.Duration(numbers[0]) * time.Millisecond)
	case name == "clear" && len(numbers) == 0:
		d.clear()
	default:
		return "", fmt.Errorf("%q is no command: cut [SEED], eio-write OFF LEN, eio-read OFF LEN, delay MS, clear", strings.Join(words, " "))
	}
	return "", nil
}
