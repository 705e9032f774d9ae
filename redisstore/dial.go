package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/socket"
)

// dial makes connections.
type dial func(ctx context.Context, network, addr string) (net.Conn, error)

// dialWith gives how connections are made, encrypted when there are certificates.
func dialWith(certificates *certificates) dial {
	plain := redis.NewDialer(&redis.Options{DialTimeout: dialLimit})
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		var config *tls.Config
		// read before the limit begins: loading the authorities that the machine trusts takes long the first time
		if certificates != nil {
			var err error
			if config, err = certificates.current(); err != nil {
				return nil, err
			}
		}
		ctx, cancel := context.WithTimeout(ctx, dialLimit) // the handshake included
		defer cancel()
		conn, err := plain(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		conn = socket.Direct(conn)
		if config == nil {
			return conn, nil
		}
		secured, err := secure(ctx, conn, addr, config.Clone())
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secured, nil
	}
}

// secure encrypts a connection, and owns the configuration from then on.
func secure(ctx context.Context, conn net.Conn, addr string, config *tls.Config) (net.Conn, error) {
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		config.ServerName = host
	}
	made := &secured{below: conn}
	own := config.Certificates
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if len(own) == 0 {
			made.verdict = errWantsCertificate
			return new(tls.Certificate), nil
		}
		made.verdict = errRefusesCertificate
		return &own[0], nil
	}
	made.Conn = tls.Client(conn, config)
	if err := made.Conn.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", errHandshake, err)
	}
	return made, nil
}

var (
	errHandshake          = errors.New("the connection could not be encrypted")
	errWantsCertificate   = errors.New("it asked for a client certificate, got none, and broke the connection")
	errRefusesCertificate = errors.New("it was given our client certificate and broke the connection")
)

// certificates are read from their files for each connection, so that the next one uses new ones. While files are being
// replaced or broken, the last good ones are used.
type certificates struct {
	load func() (*tls.Config, error)

	mu   sync.Mutex
	good *tls.Config
}

func certificatesOf(load func() (*tls.Config, error)) *certificates {
	if load == nil {
		return nil
	}
	return &certificates{load: load}
}

func (c *certificates) current() (*tls.Config, error) {
	fresh, err := c.load()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.good = fresh
	}
	if c.good == nil {
		return nil, err
	}
	return c.good, nil
}

// check says what is wrong with the current files; connections may still use the earlier ones.
func (c *certificates) check() []Problem {
	if c == nil {
		return nil
	}
	_, err := c.load()
	if err == nil {
		return nil
	}
	mend := "Mend the file"
	if m, ok := errors.AsType[mendable](err); ok {
		mend = m.Mend()
	}
	return []Problem{{
		Setting: "tls", Text: err.Error() + ": its earlier content is used until the daemon is restarted",
		Mend: mend,
	}}
}

// secured is an encrypted connection that the Redis client can check, as it can a plain one: otherwise each that broke
// while idle would fail a request.
type secured struct {
	*tls.Conn
	below net.Conn
	// verdict explains an end before the first reply: TLS 1.3 lets Redis look at our certificate only after the
	// handshake.
	verdict error
	heard   atomic.Bool
}

// Read implements net.Conn.
func (c *secured) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard.Store(true)
	}
	return n, c.judged(err)
}

// Write implements net.Conn.
func (c *secured) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, c.judged(err)
}

func (c *secured) judged(err error) error {
	if err == nil || c.verdict == nil || c.heard.Load() || isTimeout(err) || errors.Is(err, net.ErrClosed) {
		return err
	}
	return fmt.Errorf("%w: %w", c.verdict, err)
}

var errBroke = errors.New("the connection was closed by the other side")

// SyscallConn fails for an idle connection with something to read: its end, or the notice of it.
func (c *secured) SyscallConn() (syscall.RawConn, error) {
	below, ok := c.below.(syscall.Conn)
	if !ok {
		return nil, errBroke
	}
	raw, err := below.SyscallConn()
	if err != nil {
		return nil, err
	}
	idle := false
	err = raw.Control(func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		idle = errors.Is(err, syscall.EAGAIN)
	})
	if err == nil && !idle {
		err = errBroke
	}
	return raw, err
}
