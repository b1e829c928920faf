package disk

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// SendTo is sendfile(2). The socket's write deadline holds.
func (o *osFile) SendTo(socket syscall.RawConn, position, n int64) (sent int64, err error) {
	var trouble error
	err = socket.Write(func(fd uintptr) (done bool) {
		for sent < n {
			at := position + sent
			m, err := unix.Sendfile(int(fd), o.fd, &at, int(n-sent))
			switch {
			case err == unix.EINTR:
			case err == unix.EAGAIN:
				return false // until it takes more
			case err != nil:
				trouble = fault("sendfile", o.path, err)
				return true
			case m == 0:
				trouble = fault("sendfile", o.path, io.ErrUnexpectedEOF)
				return true
			default:
				sent += int64(m)
			}
		}
		return true
	})
	if err == nil {
		err = trouble
	}
	return sent, err
}
