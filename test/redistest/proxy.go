package redistest

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
)

const largest = 64 << 10 // of a request or reply

// Proxy stands between a client and a Server, on its own socket, and spoils chosen requests.
type Proxy struct {
	// Addr is the path of its socket.
	Addr string

	mu     sync.Mutex
	server string
	faults []fault
	done   sync.WaitGroup
	open   map[net.Conn]struct{}
}

// fault spoils one request.
type fault struct {
	command string        // the beginning of the request, in lower case
	answer  string        // instead of the server's; empty lets the request through
	delay   time.Duration // before the reply is passed on
	hold    bool          // the reply is never sent; the connection stays open, otherwise it is closed
}

// NewProxy puts a proxy before the server, until the test ends.
func NewProxy(tb Owner, s *Server) *Proxy {
	tb.Helper()
	dir, err := os.MkdirTemp("", "proxy")
	require.NoError(tb, err)
	p := &Proxy{Addr: filepath.Join(dir, "s"), server: s.Addr, open: make(map[net.Conn]struct{})}
	listener, err := net.Listen("unix", p.Addr)
	require.NoError(tb, err)
	p.done.Go(func() { p.accept(listener) })
	tb.Cleanup(func() {
		_ = listener.Close()
		p.CloseAll()
		p.done.Wait()
		if err := os.RemoveAll(dir); err != nil {
			tb.Errorf("remove the socket of the proxy: %v", err)
		}
	})
	return p
}

// LoseReply lets the next request that begins with the command reach the server, and closes the connection instead of
// passing the reply on.
func (p *Proxy) LoseReply(command string) { p.add(fault{command: command}) }

// HoldReply does the same but leaves the connection open: the client waits for a reply that never comes.
func (p *Proxy) HoldReply(command string) { p.add(fault{command: command, hold: true}) }

// Answer answers the next request that begins with the command with an error such as "LOADING Redis is loading"; the
// server does not get it.
func (p *Proxy) Answer(command, problem string) {
	p.add(fault{command: command, answer: "-" + problem + "\r\n"})
}

// Slow delays the reply to the next request that begins with the command, like a slow disk.
func (p *Proxy) Slow(command string, delay time.Duration) {
	p.add(fault{command: command, delay: delay})
}

// Lead directs new connections to another server, as a failover does, and breaks the existing ones.
func (p *Proxy) Lead(s *Server) {
	p.mu.Lock()
	p.server = s.Addr
	p.mu.Unlock()
	p.CloseAll()
}

// Forget drops the pending faults.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// CloseAll breaks every connection, as a restart does.
func (p *Proxy) CloseAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
}

// Pending is the number of faults that have not happened yet.
func (p *Proxy) Pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.faults)
}

func (p *Proxy) add(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, f)
}

// next takes the first fault if it matches this request.
func (p *Proxy) next(request []byte) (fault, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// *N, $length, the command
	lines := bytes.SplitN(request, []byte("\r\n"), 4)
	if len(p.faults) == 0 || len(lines) < 3 || !strings.EqualFold(string(lines[2]), p.faults[0].command) {
		return fault{}, false
	}
	f := p.faults[0]
	p.faults = p.faults[1:]
	return f, true
}

func (p *Proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		p.done.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) track(c net.Conn) (untrack func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = struct{}{}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, c)
		_ = c.Close()
	}
}

func (p *Proxy) leads() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.server
}

// serve passes requests and replies. One read counts as one request: this holds for a client that waits for each reply
// and for requests that fit the buffer.
func (p *Proxy) serve(client net.Conn) {
	defer p.track(client)()
	server, err := net.Dial("unix", p.leads())
	if err != nil {
		return // like a server that is away
	}
	defer p.track(server)()
	buffer := make([]byte, largest)
	for p.exchange(client, server, buffer) {
	}
}

// exchange passes one request and its reply, and reports whether the connection is still good.
func (p *Proxy) exchange(client, server net.Conn, buffer []byte) bool {
	n, err := client.Read(buffer)
	if err != nil {
		return false
	}
	f, spoil := p.next(buffer[:n])
	if spoil && f.answer != "" {
		_, err := client.Write([]byte(f.answer))
		return err == nil
	}
	if _, err := server.Write(buffer[:n]); err != nil {
		return false
	}
	if n, err = server.Read(buffer); err != nil {
		return false
	}
	if spoil && f.delay > 0 {
		<-time.After(f.delay)
	} else if spoil {
		if f.hold {
			_, _ = io.Copy(io.Discard, client) // until the client gives up
		}
		return false
	}
	_, err = client.Write(buffer[:n])
	return err == nil
}
