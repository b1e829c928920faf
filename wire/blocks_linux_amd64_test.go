package wire

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// What the kernel says the processor has is what is used, and a good event is read by it alone.
func TestBlocks_WhereTheProcessorCan(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	var flags []string
	for line := range strings.Lines(string(info)) {
		if name, list, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "flags" {
			flags = strings.Fields(list)
			break
		}
	}
	can := true
	for _, want := range []string{"avx2", "bmi1", "bmi2", "pclmulqdq"} {
		can = can && slices.Contains(flags, want)
	}
	if strings.Contains(os.Getenv("GODEBUG"), "cpu.") {
		t.Skip("GODEBUG says otherwise")
	}
	if byBlocks != can {
		t.Fatalf("by blocks: %v; the kernel says %v", byBlocks, can)
	}
	if !can {
		return
	}
	var b blocks
	if end, ok := b.scan(event200, 0); !ok || end != len(event200) {
		t.Fatalf("a good event: %d, %v", end, ok)
	}
}

// Nothing is read before the source and nothing after: there are no pages there.
func TestBlocks_ReadNothingBeyondTheSource(t *testing.T) {
	if !byBlocks {
		t.Skip("not on this processor")
	}
	page := os.Getpagesize()
	memory, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(memory)
	for _, beyond := range [][]byte{memory[:page], memory[2*page:]} {
		if err := syscall.Mprotect(beyond, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	inside := memory[page : 2*page]
	for size := blockSize; size <= 6*blockSize; size++ {
		text := `["` + strings.Repeat("x", size-4) + `"]`
		for _, src := range [][]byte{inside[:size], inside[page-size:]} {
			copy(src, text)
			for _, cut := range []int{size, size - 1} { // the second wants more than there is
				src := src[size-cut:]
				values := Values{Src: src}
				end, code := values.Scan(0)
				if wantEnd, wantCode := ScanValue(src, 0); end != wantEnd || code != wantCode {
					t.Fatalf("%d bytes: %d, %v, want %d, %v", len(src), end, code, wantEnd, wantCode)
				}
			}
		}
	}
}

// The one mark that decides nothing: where it were wrong, numbers would only be read more slowly.
func TestBlocks_Digits(t *testing.T) {
	if !byBlocks {
		t.Skip("not on this processor")
	}
	for c := range 256 {
		for place := range blockSize {
			src := []byte(strings.Repeat(" ", blockSize))
			src[place] = byte(c)
			want := uint64(0)
			if isDigit(byte(c)) {
				want = 1 << place
			}
			var b blocks
			markBlocks(&b, &src[0], blockSize)
			if got := b.marks[0].digits; got != want {
				t.Fatalf("%#x at %d: %x, want %x", c, place, got, want)
			}
		}
	}
}
