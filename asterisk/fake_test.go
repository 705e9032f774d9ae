package asterisk

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

const fakePassword = "geheim-4711"

// fakeAsterisk speaks ARI over an in-memory network, so that tests can run in a synctest bubble. Like Asterisk it
// handles the commands of one websocket one after the other.
type fakeAsterisk struct {
	t     *testing.T
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once

	mu       sync.Mutex
	password string
	away     bool                                  // refuses TCP connections
	deaf     bool                                  // takes TCP connections, and says nothing
	status   int                                   // answers the upgrade with this, when not 0
	reply    func(fakeRequest) (int, string, bool) // false: never answer
	requests []fakeRequest                         // commands, in order
	dials    []time.Time                           // attempts to connect, in order
	links    []*fakeLink                           // websockets, in order
}

type fakeLink struct {
	socket *websocket.Conn
	query  string
	conn   *fakeNetConn
	lost   chan struct{} // closed when the socket is
	ended  error
}

// freeze makes the link half open: our messages arrive nowhere, pings included.
func (l *fakeLink) freeze() { close(l.conn.frozen) }

// stall makes the link take no more: our messages are stuck on our side.
func (l *fakeLink) stall() { close(l.conn.stalled) }

// fakeNetConn is Asterisk's side of a TCP connection. When frozen it is like a peer that has vanished: the network
// still takes our messages. When stalled the network is full too.
type fakeNetConn struct {
	net.Conn
	frozen, stalled, closed chan struct{}
	closing                 sync.Once
}

func newFakeNetConn(c net.Conn) *fakeNetConn {
	return &fakeNetConn{Conn: c, frozen: make(chan struct{}), stalled: make(chan struct{}), closed: make(chan struct{})}
}

func (c *fakeNetConn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func (c *fakeNetConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		select {
		case <-c.stalled:
			<-c.closed
			return 0, net.ErrClosed
		case <-c.frozen:
			if err != nil {
				return 0, err
			}
		default:
			return n, err
		}
	}
}

type connKey struct{}

type fakeRequest struct {
	Type        string `json:"type"`
	ID          string `json:"request_id"`
	Method      string `json:"method"`
	URI         string `json:"uri"`
	ContentType string `json:"content_type"`
	Body        string `json:"message_body"`
}

func (r fakeRequest) String() string {
	if r.Body == "" {
		return r.Method + " " + r.URI
	}
	return r.Method + " " + r.URI + " " + r.Body
}

func newFakeAsterisk(t *testing.T) *fakeAsterisk {
	f := &fakeAsterisk{t: t, conns: make(chan net.Conn), done: make(chan struct{}), password: fakePassword}
	server := &http.Server{Handler: f, ConnContext: func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(f) })
	t.Cleanup(func() {
		_ = f.Close()
		_ = server.Close()
		f.mu.Lock()
		for _, l := range f.links {
			_ = l.socket.CloseNow()
		}
		f.mu.Unlock()
		serving.Wait()
	})
	return f
}

// Accept, Close and Addr make it a net.Listener.
func (f *fakeAsterisk) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.done:
		return nil, net.ErrClosed
	}
}

func (f *fakeAsterisk) Close() error {
	f.once.Do(func() { close(f.done) })
	return nil
}

func (f *fakeAsterisk) Addr() net.Addr { return &net.IPAddr{} }

func (f *fakeAsterisk) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	f.mu.Lock()
	f.dials = append(f.dials, time.Now())
	away, deaf := f.away, f.deaf
	f.mu.Unlock()
	if away {
		return nil, fmt.Errorf("connection refused")
	}
	client, server := net.Pipe()
	if deaf {
		return client, nil
	}
	select {
	case f.conns <- newFakeNetConn(server):
		return client, nil
	case <-f.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ServeHTTP checks the password and handles one websocket.
func (f *fakeAsterisk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	status, want := f.status, f.password
	f.mu.Unlock()
	if _, password, _ := r.BasicAuth(); password != want {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"message":"Authentication required"}`))
		return
	}
	if status != 0 {
		http.Error(w, "<html><body><p>Stasis app registration failed</p></body></html>", status)
		return
	}
	if r.Header.Get("Upgrade") == "" {
		f.tell(w, r)
		return
	}
	socket, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	socket.SetReadLimit(requestLimit)
	conn, _ := r.Context().Value(connKey{}).(*fakeNetConn)
	l := &fakeLink{socket: socket, query: r.URL.Query().Encode(), conn: conn, lost: make(chan struct{})}
	f.mu.Lock()
	f.links = append(f.links, l)
	f.mu.Unlock()
	l.ended = f.serve(l)
	close(l.lost)
	_ = socket.CloseNow()
}

// tell answers over plain HTTP as over the websocket; the request has no id then.
func (f *fakeAsterisk) tell(w http.ResponseWriter, r *http.Request) {
	status, body, ok := f.handle(fakeRequest{Method: r.Method, URI: strings.TrimPrefix(r.URL.RequestURI(), "/ari/")})
	if !ok {
		<-r.Context().Done()
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func (f *fakeAsterisk) handle(request fakeRequest) (status int, body string, answered bool) {
	f.mu.Lock()
	f.requests = append(f.requests, request)
	reply := f.reply
	f.mu.Unlock()
	if reply == nil {
		return http.StatusOK, "{}", true
	}
	return reply(request)
}

func (f *fakeAsterisk) serve(l *fakeLink) error {
	for {
		_, message, err := l.socket.Read(context.Background())
		if err != nil {
			return err
		}
		var request fakeRequest
		if err := json.Unmarshal(message, &request); err != nil {
			return err
		}
		if status, body, ok := f.handle(request); ok {
			l.answer(request.ID, status, body)
		}
	}
}

func (l *fakeLink) answer(id string, status int, body string) {
	message, _ := json.Marshal(map[string]any{
		"type": "RESTResponse", "request_id": id, "status_code": status, "reason_phrase": http.StatusText(status),
		"message_body": body,
	})
	_ = l.socket.Write(context.Background(), websocket.MessageText, message)
}

func (l *fakeLink) send(messages ...string) {
	for _, m := range messages {
		if l.socket.Write(context.Background(), websocket.MessageText, []byte(m)) != nil {
			return
		}
	}
}

func (f *fakeAsterisk) set(change func(*fakeAsterisk)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// answering sets how commands that are not about the event filter are answered.
func (f *fakeAsterisk) answering(reply func(fakeRequest) (int, string, bool)) {
	f.set(func(f *fakeAsterisk) {
		f.reply = func(r fakeRequest) (int, string, bool) {
			if r.Method == http.MethodPut {
				return http.StatusOK, "{}", true
			}
			return reply(r)
		}
	})
}

// link is the newest websocket.
func (f *fakeAsterisk) link() *fakeLink {
	f.mu.Lock()
	defer f.mu.Unlock()
	require.NotEmpty(f.t, f.links, "nobody connected")
	return f.links[len(f.links)-1]
}

func (f *fakeAsterisk) linkCount() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.links)
}

// commands are those that came, without the event filters.
func (f *fakeAsterisk) commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []string
	for _, r := range f.requests {
		if r.Method != http.MethodPut {
			list = append(list, r.String())
		}
	}
	return list
}

func (f *fakeAsterisk) attempts() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.dials)
}

// witness records the events and metrics of a connection.
type witness struct {
	mu       sync.Mutex
	events   []Event
	ups      int
	skipped  map[SkipReason]int
	linkUps  int
	losses   map[LossReason]int
	commands []string
}

func newWitness() *witness {
	return &witness{skipped: map[SkipReason]int{}, losses: map[LossReason]int{}}
}

func (w *witness) locked(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *witness) handle(e Event) { w.locked(func() { w.events = append(w.events, e) }) }
func (w *witness) onUp(context.Context) error {
	w.locked(func() { w.ups++ })
	return nil
}
func (w *witness) EventSkipped(r SkipReason) { w.locked(func() { w.skipped[r]++ }) }
func (w *witness) LinkUp()                   { w.locked(func() { w.linkUps++ }) }
func (w *witness) LinkLost(r LossReason)     { w.locked(func() { w.losses[r]++ }) }
func (w *witness) CommandDone(command string, status int, _ time.Duration) {
	w.locked(func() { w.commands = append(w.commands, fmt.Sprintf("%s %d", command, status)) })
}

func (w *witness) seen() (ids []string) {
	w.locked(func() {
		for _, e := range w.events {
			ids = append(ids, e.ChannelID)
		}
	})
	return ids
}

func (w *witness) lostFor(r LossReason) (n int) {
	w.locked(func() { n = w.losses[r] })
	return n
}

func (w *witness) skippedFor(r SkipReason) (n int) {
	w.locked(func() { n = w.skipped[r] })
	return n
}

// testConn is a connection that runs, with the end of its Run.
type testConn struct {
	*Conn
	*witness
	stop func()
	end  chan error // what Run returned
}

func fakeOptions(f *fakeAsterisk) Options {
	return Options{
		URL: "http://asterisk.test/ari", Application: "balie", Username: "daemon", Password: fakePassword,
		dialer: f.dial,
	}
}

// connect runs a connection to the fake. change may alter its options, and attach its handlers.
func connect(t *testing.T, f *fakeAsterisk, change ...func(*Options)) *testConn {
	w := newWitness()
	options := fakeOptions(f)
	options.Observer = w
	for _, c := range change {
		c(&options)
	}
	conn, err := New(options)
	require.NoError(t, err)
	conn.Attach(w.handle, w.onUp)
	return run(t, conn, w)
}

func run(t *testing.T, conn *Conn, w *witness) *testConn {
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error, 1)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		end <- conn.Run(ctx)
	}()
	stop := func() {
		cancel()
		<-finished
	}
	t.Cleanup(stop)
	return &testConn{conn, w, stop, end}
}

// connected runs a test in a bubble, with a connection that is up.
func connected(t *testing.T, test func(t *testing.T, f *fakeAsterisk, c *testConn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeAsterisk(t)
		c := connect(t, f)
		require.NoError(t, c.AwaitUp(t.Context()))
		test(t, f, c)
	})
}
