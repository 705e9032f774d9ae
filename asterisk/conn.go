// Package asterisk owns the conversation with Asterisk: one websocket that carries ARI's events and its REST commands,
// and the calls and agents' phones on top of it.
package asterisk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// lateFor is how long after a new link Asterisk may still take up attempts that we gave up before.
const lateFor = 10 * time.Second

// Conn keeps one websocket to Asterisk open: it reconnects, hands events on in order, and carries commands. It is safe
// for use by many goroutines.
//
// Reading never waits for the handler: a goroutine that only reads puts what it reads on an unbounded queue, because
// Asterisk stops taking calls altogether when an application reads too slowly. Replies to commands are matched while
// reading, so a handler that waits for a command cannot hold up its own reply.
type Conn struct {
	opt     Options
	target  target
	handler func(Event)
	onUp    func(context.Context) error
	running atomic.Bool
	lastID  atomic.Uint64 // of commands
	born    time.Time
	replied atomic.Int64 // when Asterisk last answered a command, in nanoseconds since born
	inbox   *fifo[message]

	mu        sync.Mutex
	link      *link         // carries commands; nil while there is none
	changed   chan struct{} // closed when link, ended or up changes
	ended     bool          // Run has returned
	up        bool          // reconciled: everything works
	since     time.Time     // when up last changed
	lastErr   error         // why the link was lost, or could not be made
	givenUp   bool          // we gave up attempts while Asterisk was frozen; it may still take them up
	lateUntil time.Time     // until when it may
}

// message is one item for deliver: a message from Asterisk, or the news of a new link.
type message struct {
	from *link
	raw  string
	news *linkNews
}

// linkNews travels in the same queue as the events, so that onUp runs after the events of the old link and before those
// of the new one.
type linkNews struct {
	run  func() error
	done chan error
}

// New checks the options and makes a connection that Run brings to life. The error names every problem.
func New(options Options) (*Conn, error) {
	opt, to, err := options.complete()
	if err != nil {
		return nil, fmt.Errorf("asterisk: options: %w", err)
	}
	return &Conn{
		opt:     opt,
		target:  to,
		handler: func(Event) {},
		onUp:    func(context.Context) error { return nil },
		born:    time.Now(),
		inbox:   newFifo[message](),
		changed: make(chan struct{}),
		since:   time.Now(),
	}, nil
}

// Attach sets the handler of events, and what to do each time that the link is back. It must be called before Run.
//
// One goroutine calls both: handler with every event of the old link, then onUp, then handler with the events of the
// new link. So onUp can ask Asterisk for its channels (events were lost while the link was down and Asterisk repeats
// none), and a change during its questions follows as an event. The context of onUp ends with the link; after an error
// the link is made anew. Both may send commands; all later events wait with them.
func (c *Conn) Attach(handler func(Event), onUp func(context.Context) error) {
	c.handler, c.onUp = handler, onUp
}

// Run connects, and connects again whenever the link is lost, until ctx ends: then it returns nil. It returns
// ErrReplaced when another program has taken over our application. It can be called once.
func (c *Conn) Run(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return errors.New("asterisk: Run was called twice")
	}
	ctx, cancel := context.WithCancel(ctx)
	var dispatcher sync.WaitGroup
	dispatcher.Go(func() { c.deliver(ctx) })
	defer dispatcher.Wait()
	defer cancel()
	defer c.end()

	said := ""
	for failures := 0; ; failures++ {
		wasUp, err := c.serve(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if wasUp >= c.opt.BackoffMax { // links that are lost at once must not be remade at full speed
			failures = 0
		}
		c.lost(err)
		if errors.Is(err, ErrReplaced) {
			return err
		}
		wait := c.pause(err, failures)
		c.complain(&said, err, wasUp > 0, wait)
		if !sleep(ctx, wait) {
			return nil
		}
	}
}

// State tells health checks whether the link is up (and reconciled), since when, and the last error. The error stays
// after the link is back, for people to read.
func (c *Conn) State() (up bool, since time.Time, lastErr error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up, c.since, c.lastErr
}

// AwaitUp waits until the link is up and reconciled. It returns the cause of ctx, or ErrDown once Run has returned.
func (c *Conn) AwaitUp(ctx context.Context) error {
	for {
		c.mu.Lock()
		up, changed, ended := c.up, c.changed, c.ended
		c.mu.Unlock()
		switch {
		case up:
			return nil
		case ended:
			return fmt.Errorf("%w: the connection was stopped", ErrDown)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Backlog counts the events that are read and not yet handled. It should stay near 0.
func (c *Conn) Backlog() int { return c.inbox.len() }

// serve runs one link: it connects, sets the event filters, lets onUp reconcile, and returns why the link ended. wasUp
// is how long the link was up.
func (c *Conn) serve(ctx context.Context) (wasUp time.Duration, err error) {
	l, err := c.dial(ctx)
	if err != nil {
		return 0, err
	}
	life, finish := context.WithCancelCause(ctx)
	var goroutines sync.WaitGroup
	goroutines.Go(func() { l.fail(l.read(c.arrived)) })
	goroutines.Go(l.write)
	goroutines.Go(func() { l.ping(c.opt.PingEvery, stuckAfter*c.opt.ReadTimeout) })
	goroutines.Go(func() { l.watch(c.opt.ReadTimeout) })
	goroutines.Go(func() { <-l.done; finish(l.failure) })
	defer goroutines.Wait()
	defer l.fail(errStopped)

	if err := c.prepare(life, l); err != nil {
		return 0, l.because(err)
	}
	c.useLink(l)
	defer c.dropLink()
	if err := c.reconcile(life, l); err != nil {
		return 0, err
	}
	c.markUp()
	began := time.Now()
	select {
	case <-l.done:
		return time.Since(began), l.failure
	case <-ctx.Done():
		l.bye()
		return time.Since(began), nil
	}
}

// reconcile lets deliver run onUp in its place between the events.
func (c *Conn) reconcile(life context.Context, l *link) error {
	news := &linkNews{done: make(chan error, 1), run: func() error {
		if life.Err() != nil {
			return context.Cause(life)
		}
		return c.onUp(life)
	}}
	c.inbox.put(message{from: l, news: news})
	select {
	case err := <-news.done:
		if err != nil {
			return lossError{LossSetup, fmt.Errorf("asterisk: reconcile: %w", err)}
		}
		return nil
	case <-l.done:
		return l.failure
	case <-life.Done():
		return context.Cause(life)
	}
}

// arrived takes a message from the reader. It must not wait.
func (c *Conn) arrived(l *link, raw string) {
	switch {
	case messageType(raw) == RESTResponse:
		c.replied.Store(int64(time.Since(c.born)))
		if !l.deliver(raw) {
			c.opt.Observer.EventSkipped(SkipUnmatchedReply)
		}
	case len(raw) > c.opt.EventLimit:
		c.opt.Observer.EventSkipped(SkipHuge)
	default:
		c.inbox.put(message{from: l, raw: raw})
	}
}

// deliver hands on messages in order until ctx ends.
func (c *Conn) deliver(ctx context.Context) {
	for {
		m, ok := c.inbox.take(ctx)
		if !ok {
			return
		}
		if m.news != nil {
			m.news.done <- m.news.run()
		} else {
			c.hand(m)
		}
	}
}

// hand decodes one event and gives it to the handler.
func (c *Conn) hand(m message) {
	event, skip := decodeEvent(m.raw)
	switch {
	case skip == skipUnused: // a few come before the filter is set
	case skip != "":
		c.opt.Observer.EventSkipped(skip)
	case event.Type == ApplicationReplaced:
		m.from.fail(c.replaced())
	default:
		c.handler(event)
	}
}

// replaced says what took over our application: another program, or an earlier attempt of ours. A frozen Asterisk that
// recovers takes up, in any order, all the attempts that we gave up meanwhile, and the last one gets the application
// (seen on 22.10.1, each time).
func (c *Conn) replaced() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.lateUntil) {
		return lossError{
			LossOvertaken,
			errors.New(
				"asterisk: an earlier attempt of ours to connect was taken up late, and took over the application",
			),
		}
	}
	return lossError{LossReplaced, ErrReplaced}
}

// gaveUp notes an attempt that Asterisk did not answer.
func (c *Conn) gaveUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.givenUp = true
}

// gotThrough notes that Asterisk answers, and so may now take up the attempts that we gave up.
func (c *Conn) gotThrough() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.givenUp {
		c.givenUp, c.lateUntil = false, time.Now().Add(lateFor)
	}
}

// useLink lets commands use the link.
func (c *Conn) useLink(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = l
	c.signal()
}

// dropLink makes commands wait for the next link.
func (c *Conn) dropLink() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = nil
	c.setUp(false)
	c.signal()
}

func (c *Conn) markUp() {
	c.mu.Lock()
	c.setUp(true)
	c.signal()
	c.mu.Unlock()
	c.opt.Observer.LinkUp()
	c.opt.Logger.Info("linked to Asterisk", "application", c.opt.Application)
}

func (c *Conn) lost(err error) {
	c.mu.Lock()
	c.lastErr = err
	c.mu.Unlock()
	c.opt.Observer.LinkLost(lossReason(err))
}

// complain logs why there is no link: a warning the first time, debug while the reason stays the same.
func (c *Conn) complain(said *string, err error, wasUp bool, retryIn time.Duration) {
	level := slog.LevelWarn
	if !wasUp && *said == err.Error() {
		level = slog.LevelDebug
	}
	*said = err.Error()
	c.opt.Logger.Log(
		context.Background(), level, "no link to Asterisk", "err", err, "retry_in", retryIn.Round(time.Millisecond),
	)
}

func (c *Conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.setUp(false)
	c.signal()
}

// setUp is called with mu held.
func (c *Conn) setUp(up bool) {
	if c.up != up {
		c.up, c.since = up, time.Now()
	}
}

// signal wakes every goroutine that waits for a change. It is called with mu held.
func (c *Conn) signal() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// pause says how long to wait before the next attempt. After a refusal that is long: Asterisk logs every attempt as an
// attack.
func (c *Conn) pause(err error, failures int) time.Duration {
	reason := lossReason(err)
	if reason == LossRefused {
		return c.opt.RefusedRetry
	}
	if reason == LossOvertaken { // Asterisk works, and callers get the fallback until we are back
		failures = 0
	}
	return backoff(c.opt.BackoffMin, c.opt.BackoffMax, failures, rand.Float64())
}

// backoff doubles from shortest to longest with every failure; luck (0 to 1) takes up to half of it away, so that
// daemons that lost the same Asterisk do not all come back at once.
func backoff(shortest, longest time.Duration, failures int, luck float64) time.Duration {
	wait := longest
	if failures < 32 && shortest<<failures < longest && shortest<<failures > 0 {
		wait = shortest << failures
	}
	return wait - time.Duration(luck*float64(wait)/2)
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
