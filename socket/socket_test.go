package socket

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"
)

// pair makes the two ends of a connection, both direct.
func pair(t testing.TB, network, address string) (near, far net.Conn) {
	t.Helper()
	listener, err := net.Listen(network, address)
	require.NoError(t, err)
	defer listener.Close()
	dialled, err := net.Dial(network, listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { dialled.Close() })
	accepted, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { accepted.Close() })
	near, far = Direct(dialled), Direct(accepted)
	require.IsType(t, (*direct)(nil), near)
	require.IsType(t, (*direct)(nil), far)
	return near, far
}

func TestADirectConnectionIsLikeAnyOther(t *testing.T) {
	for network, address := range map[string]string{
		"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "socket"),
	} {
		t.Run(network, func(t *testing.T) {
			nettest.TestConn(t, func() (near, far net.Conn, stop func(), err error) {
				near, far = pair(t, network, address)
				return near, far, func() { near.Close(); far.Close() }, nil
			})
		})
	}
}

func TestAWriteLargerThanTheBufferArrivesWhole(t *testing.T) {
	near, far := pair(t, "tcp", "127.0.0.1:0")
	require.NoError(t, near.(*direct).syscallConn.(*net.TCPConn).SetWriteBuffer(4<<10))
	sent := bytes.Repeat([]byte("0570 "), 1<<20)
	var writing sync.WaitGroup
	writing.Go(func() {
		n, err := near.Write(sent)
		if n != len(sent) || err != nil {
			t.Errorf("%d of %d bytes written: %v", n, len(sent), err)
		}
		near.Close()
	})
	got, err := io.ReadAll(far)
	require.NoError(t, err)
	require.True(t, bytes.Equal(sent, got))
	writing.Wait()
}

func TestTheEndOfAConnection(t *testing.T) {
	t.Run("the other side closes it", func(t *testing.T) {
		near, far := pair(t, "tcp", "127.0.0.1:0")
		require.NoError(t, far.Close())
		_, err := near.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
	})
	t.Run("the other side breaks it off", func(t *testing.T) {
		near, far := pair(t, "tcp", "127.0.0.1:0")
		require.NoError(t, far.(*direct).syscallConn.(*net.TCPConn).SetLinger(0))
		require.NoError(t, far.Close())
		_, err := near.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.ErrorContains(t, err, "read tcp 127.0.0.1:")
		_, err = near.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.EPIPE)
	})
	t.Run("this side closes it while it reads", func(t *testing.T) {
		near, _ := pair(t, "tcp", "127.0.0.1:0")
		failed := make(chan error)
		go func() {
			_, err := near.Read(make([]byte, 1))
			failed <- err
		}()
		require.NoError(t, near.Close())
		require.ErrorIs(t, <-failed, net.ErrClosed)
	})
}

// With it the Redis client checks whether an idle connection is still open.
func TestADirectConnectionShowsItsSocket(t *testing.T) {
	near, _ := pair(t, "tcp", "127.0.0.1:0")
	_, ok := near.(syscall.Conn)
	require.True(t, ok)
}

func TestAConnectionThatIsNoPlainSocketStaysAsItIs(t *testing.T) {
	pipe, other := net.Pipe()
	defer other.Close()
	secure := tls.Client(pipe, &tls.Config{MinVersion: tls.VersionTLS13})
	for name, conn := range map[string]net.Conn{"a pipe in memory": pipe, "TLS": secure} {
		t.Run(name, func(t *testing.T) { require.Same(t, conn, Direct(conn)) })
	}
	closed, err := net.Dial("udp", "127.0.0.1:9")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	_, err = Direct(closed).Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
}
