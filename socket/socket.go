// Package socket reads and writes connections without what Go's runtime does around calls that may wait.
//
// The first such call after a rest wakes the thread that watches over them (sysmon, in Go 1.26), and that one looks
// around every 20 µs until nothing runs any more. Who gets one short message after the other, as from Asterisk, pays
// for that each time: more than a fifth of the daemon's processor time (docs/performance.md). Sockets of Go never wait
// in the kernel, so there is nothing to watch over.
package socket

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// Direct makes reads and writes of a connection cheaper; all else stays as it was. A connection that is no plain
// socket, such as one of TLS, is given back as it is.
func Direct(conn net.Conn) net.Conn {
	plain, ok := conn.(syscallConn)
	if !ok {
		return conn
	}
	raw, err := plain.SyscallConn()
	if err != nil { // it is closed already, as its first use will say
		return conn
	}
	return &direct{plain, raw}
}

type syscallConn interface {
	net.Conn
	syscall.Conn
}

// direct keeps SyscallConn: the Redis client asks by it whether an idle connection is still there.
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
		if failure == syscall.EAGAIN { // called again when there is room
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

// transfer reads into p or writes what it holds, which is something, as far as goes without waiting.
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
