// Package socket reads and writes connections without the work of Go's runtime around calls that may wait.
//
// The first such call after a rest wakes the thread that watches over them (sysmon, in Go 1.26), and it looks around
// every 20 µs until nothing runs any more. Short messages one after the other, as from Asterisk, cost that each time:
// more than a fifth of the daemon's processor time (docs/performance.md). Sockets of Go never wait in the kernel, so
// there is nothing to watch over.
package socket

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// Direct makes reads and writes of a connection cheaper; all else stays as it was. A connection that is no plain
// socket, such as TLS, comes back unchanged.
func Direct(conn net.Conn) net.Conn {
	plain, ok := conn.(syscallConn)
	if !ok {
		return conn
	}
	raw, err := plain.SyscallConn()
	if err != nil { // closed already; its first use will say so
		return conn
	}
	return &direct{plain, raw}
}

type syscallConn interface {
	net.Conn
	syscall.Conn
}

// direct keeps SyscallConn: with it the Redis client checks whether an idle connection is still open.
type direct struct {
	syscallConn
	raw syscall.RawConn
}

// Read implements net.Conn.
func (c *direct) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	var failure syscall.Errno
	err = c.raw.Read(func(fd uintptr) (done bool) {
		n, failure = transfer(syscall.SYS_READ, fd, p)
		return failure != syscall.EAGAIN
	})
	switch {
	case err != nil: // closed, or the deadline passed
		return 0, err
	case failure != 0:
		return 0, c.failed("read", failure)
	case n == 0:
		return 0, io.EOF
	default:
		return n, nil
	}
}

// Write implements net.Conn.
func (c *direct) Write(p []byte) (n int, err error) {
	var failure syscall.Errno
	err = c.raw.Write(func(fd uintptr) (done bool) {
		for n < len(p) && failure == 0 {
			var written int
			written, failure = transfer(syscall.SYS_WRITE, fd, p[n:])
			n += written
		}
		if failure == syscall.EAGAIN { // the runtime calls again when there is room
			failure = 0
			return false
		}
		return true
	})
	if err == nil && failure != 0 {
		err = c.failed("write", failure)
	}
	return n, err
}

// transfer reads into p, or writes it, as far as goes without waiting. p is not empty.
func transfer(call, fd uintptr, p []byte) (n int, failure syscall.Errno) {
	for {
		moved, _, errno := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch errno {
		case 0:
			return int(moved), 0
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

func (c *direct) failed(what string, errno syscall.Errno) error {
	local, remote := c.LocalAddr(), c.RemoteAddr()
	return &net.OpError{
		Op: what, Net: remote.Network(), Source: local, Addr: remote, Err: os.NewSyscallError(what, errno),
	}
}
