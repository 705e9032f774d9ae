package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Sentinel says where the sentinels are, which know the primary.
type Sentinel struct {
	Addrs    []string // "host:port" of each
	Master   string   // their name for the primary
	Username string   // empty for a sentinel's default user
	Password string
	TLS      func() (*tls.Config, error) // nil without TLS; see Options.TLS
}

const (
	// sentinelLimit is how long the sentinels may take: dialling the primary must fit into the time of a request too.
	sentinelLimit = 150 * time.Millisecond
	// primaryFresh is how long their answer is used without asking again.
	primaryFresh = time.Second
)

var (
	errNotPrimary = errors.New("it is not the primary")
	errNoSentinel = errors.New("no sentinel names the primary")
	errNoSuchName = errors.New("it knows no primary of this name")
	errSwitched   = errors.New("another Redis is the primary now")
)

// primary finds the primary, and breaks the connections to any other Redis: a former primary that was cut off goes on
// confirming changes, which are lost when it is back. It is safe for concurrent use.
type primary struct {
	name      string
	dial      dial
	sentinels []*redis.Client
	addrs     []string

	mu    sync.Mutex
	addr  string // as it was found last
	found time.Time
	open  map[*followed]struct{}
}

func followPrimary(o Sentinel, dialPrimary dial) *primary {
	p := &primary{name: o.Master, dial: dialPrimary, addrs: o.Addrs, open: make(map[*followed]struct{})}
	for _, addr := range o.Addrs {
		p.sentinels = append(p.sentinels, redis.NewClient(&redis.Options{
			Addr: addr, Username: o.Username, Password: o.Password, Dialer: dialWith(certificatesOf(o.TLS)),
			MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: dialLimit, DialerRetries: 1,
			ReadTimeout: sentinelLimit, WriteTimeout: sentinelLimit, PoolTimeout: sentinelLimit, PoolSize: 2,
			PipelinePoolSize: -1, DisableIdentity: true,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		}))
	}
	return p
}

func (p *primary) close() {
	for _, s := range p.sentinels {
		_ = s.Close()
	}
}

// connect dials the primary.
func (p *primary) connect(ctx context.Context, network, _ string) (net.Conn, error) {
	p.mu.Lock()
	addr, fresh := p.addr, time.Since(p.found) < primaryFresh
	p.mu.Unlock()
	if !fresh {
		found, err := p.find(ctx)
		switch {
		case err == nil:
			addr = found
		case addr == "":
			return nil, err
		} // else the last known one: without sentinels no other Redis can have become the primary
	}
	conn, err := p.dial(ctx, network, addr)
	if err != nil {
		p.doubt(addr)
		return nil, err
	}
	return p.follow(conn, addr)
}

// look asks the sentinels anew. When they do not answer, the connections stay.
func (p *primary) look(ctx context.Context) { _, _ = p.find(ctx) }

// find asks all sentinels at once and takes what most of them say: one that is cut off may not know of a failover. The
// first answer that most of all sentinels give ends it.
func (p *primary) find(ctx context.Context) (string, error) {
	answers, err := p.ask(ctx)
	if err != nil {
		return "", err
	}
	addr := most(answers)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addr, p.found = addr, time.Now()
	for conn := range p.open {
		if conn.addr != addr {
			delete(p.open, conn)
			go conn.Conn.Close() // an encrypted one says goodbye first, and the other side may be frozen
		}
	}
	return addr, nil
}

// ask gives the answers of the sentinels that answer in time.
func (p *primary) ask(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, sentinelLimit)
	defer cancel()
	type answer struct {
		addr string
		err  error
	}
	came := make(chan answer, len(p.sentinels))
	for i, s := range p.sentinels {
		go func() {
			addr, err := askSentinel(ctx, s, p.name)
			if err != nil {
				err = fmt.Errorf("sentinel %s: %w", p.addrs[i], err)
			}
			came <- answer{addr, err}
		}()
	}
	var said []string
	var problems []error
	for range p.sentinels {
		a := <-came
		if a.err != nil {
			problems = append(problems, a.err)
			continue
		}
		said = append(said, a.addr)
		if votes(said, a.addr) > len(p.sentinels)/2 {
			break
		}
	}
	if len(said) == 0 {
		return nil, fmt.Errorf("%w: %w", errNoSentinel, errors.Join(problems...))
	}
	return said, nil
}

func askSentinel(ctx context.Context, s *redis.Client, name string) (string, error) {
	said, err := s.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name).StringSlice()
	switch {
	case errors.Is(err, redis.Nil):
		return "", fmt.Errorf("%w, %q", errNoSuchName, name)
	case err != nil:
		return "", err
	case len(said) != 2:
		return "", fmt.Errorf("it gave %d values in place of an address", len(said))
	}
	return net.JoinHostPort(said[0], said[1]), nil
}

func votes(said []string, addr string) int {
	n := 0
	for _, s := range said {
		n += count(s == addr)
	}
	return n
}

// most gives the most frequent answer; any of them at a tie.
func most(said []string) string {
	return slices.MaxFunc(said, func(a, b string) int { return votes(said, a) - votes(said, b) })
}

// doubt has the sentinels asked again before the next connection.
func (p *primary) doubt(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.addr == addr {
		p.found = time.Time{}
	}
}

// isPrimary refuses a connection to a replica: the sentinels may not have noticed yet, or not have told it.
func (p *primary) isPrimary(ctx context.Context, conn *redis.Conn) error {
	text, err := conn.Info(ctx, "replication").Result()
	if err != nil {
		return err
	}
	if role := parseInfo(text)["role"]; role != "master" {
		p.mu.Lock()
		addr := p.addr
		p.mu.Unlock()
		p.doubt(addr)
		return fmt.Errorf("Redis at %s: %w: it is a %q", addr, errNotPrimary, role)
	}
	return nil
}

// followed is a connection that is broken when another Redis becomes the primary.
type followed struct {
	net.Conn
	addr string
	p    *primary
}

// Close implements net.Conn.
func (f *followed) Close() error {
	f.p.mu.Lock()
	delete(f.p.open, f)
	f.p.mu.Unlock()
	return f.Conn.Close()
}

// followedSocket keeps the way in which the Redis client checks an idle connection.
type followedSocket struct {
	*followed
	below syscall.Conn
}

// SyscallConn implements syscall.Conn.
func (f followedSocket) SyscallConn() (syscall.RawConn, error) { return f.below.SyscallConn() }

func (p *primary) follow(conn net.Conn, addr string) (net.Conn, error) {
	f := &followed{conn, addr, p}
	p.mu.Lock()
	current := p.addr == addr
	if current {
		p.open[f] = struct{}{}
	}
	p.mu.Unlock()
	if !current {
		go conn.Close()
		return nil, errSwitched
	}
	if below, ok := conn.(syscall.Conn); ok {
		return followedSocket{f, below}, nil
	}
	return f, nil
}
