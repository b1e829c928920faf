//go:build !amd64

package wire

// There are blocks on amd64 only; elsewhere all is read byte by byte.
const (
	byBlocks  = false
	blockSize = 64
)

type blocks struct{}

func (*blocks) scan([]byte, int) (end int, ok bool) { return 0, false }

func (*blocks) skip(src []byte, _, _ int) (end int) { return len(src) }
