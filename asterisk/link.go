package asterisk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"
)

const (
	readRoom  = 16 << 10 // bytes to read into; grows with the messages
	keepBytes = 1 << 20  // a larger buffer is given back
	byeLimit  = time.Second
)

// link is one websocket until its loss. It never comes back: the next one is another link.
type link struct {
	socket  *websocket.Conn
	raw     net.Conn // closing it ends every read and write at once
	born    time.Time
	heard   atomic.Int64 // when something last came in, in nanoseconds since born
	replies atomic.Int64 // commands that were answered
	out     chan []byte  // to the writer; unbuffered, so a payload that it took is on its way
	onSkip  func(SkipReason)

	done    chan struct{} // closed when the link is lost
	failure error         // why; read it after done
	once    sync.Once

	mu      sync.Mutex
	waiting map[string]chan Response // by request id
}

func newLink(socket *websocket.Conn, raw net.Conn, onSkip func(SkipReason)) *link {
	return &link{
		socket:  socket,
		raw:     raw,
		born:    time.Now(),
		out:     make(chan []byte),
		onSkip:  onSkip,
		done:    make(chan struct{}),
		waiting: map[string]chan Response{},
	}
}

// fail ends the link; only the first reason counts.
func (l *link) fail(why error) {
	l.once.Do(func() {
		l.failure = why
		close(l.done)
		_ = l.raw.Close()
		_ = l.socket.CloseNow()
	})
}

func (l *link) lost() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// because gives why the link was lost, the true reason of err; err itself while the link is up.
func (l *link) because(err error) error {
	if l.lost() {
		return l.failure
	}
	return err
}

// bye closes the link by the protocol, so that Asterisk logs no error; a dead Asterisk gets byeLimit at most.
func (l *link) bye() {
	impatient := time.AfterFunc(byeLimit, func() { _ = l.raw.Close() })
	defer impatient.Stop()
	_ = l.socket.Close(websocket.StatusNormalClosure, "")
}

// read passes on each message until the link fails, and returns why.
func (l *link) read(arrived func(*link, string)) error {
	var buf []byte
	for {
		_, message, err := l.socket.Reader(context.Background())
		if err != nil {
			return l.readFailure(err)
		}
		if cap(buf) == 0 || cap(buf) > keepBytes {
			buf = make([]byte, 0, readRoom)
		}
		if buf, err = l.readAll(message, buf[:0]); err != nil {
			return l.readFailure(err)
		}
		arrived(l, string(buf))
	}
}

func (l *link) readAll(message io.Reader, buf []byte) ([]byte, error) {
	for {
		buf = slices.Grow(buf, bytes.MinRead)
		n, err := message.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		l.hear()
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

func (l *link) readFailure(err error) error {
	if errors.Is(err, websocket.ErrMessageTooBig) {
		l.onSkip(SkipOverLimit)
		return lossError{LossOverLimit, fmt.Errorf("asterisk: link closed on purpose: %w", err)}
	}
	return lossError{LossClosed, fmt.Errorf("asterisk: link lost: %w", err)}
}

// write sends the payloads of commands. Its context never ends: the library closes the socket when a write's context
// ends.
func (l *link) write() {
	for {
		select {
		case payload := <-l.out:
			if err := l.socket.Write(context.Background(), websocket.MessageText, payload); err != nil {
				l.fail(lossError{LossClosed, fmt.Errorf("asterisk: link lost while sending: %w", err)})
				return
			}
		case <-l.done:
			return
		}
	}
}

func (l *link) hear() { l.heard.Store(int64(time.Since(l.born))) }

// ping checks that Asterisk is alive. A pong that stays out for stuck ends the link even when events still come in, but
// not while commands are answered: Asterisk takes them one after the other, and the ping waits its turn.
func (l *link) ping(every, stuck time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-l.done:
			return
		}
		replies := l.replies.Load()
		ctx, cancel := context.WithTimeout(context.Background(), stuck)
		err := l.socket.Ping(ctx)
		cancel()
		if err != nil && (l.lost() || l.replies.Load() == replies) {
			l.fail(lossError{LossSilent, fmt.Errorf("asterisk: pings go unanswered, so commands would too: %w", err)})
			return
		}
		l.hear()
	}
}

// watch ends a link that was silent for limit: a frozen Asterisk or a lost network closes no socket.
func (l *link) watch(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-l.done:
			return
		}
		silent := time.Since(l.born) - time.Duration(l.heard.Load())
		if silent >= limit {
			l.fail(lossError{
				LossSilent,
				fmt.Errorf("asterisk: link half open: nothing heard for %s", silent.Round(time.Millisecond)),
			})
			return
		}
		timer.Reset(limit - silent)
	}
}

// errNotSent means that the command was not sent: it may go over the next link.
var errNotSent = errors.New("the link was lost before the command was sent")

// roundTrip sends one command and waits for its reply until ctx ends.
func (l *link) roundTrip(ctx context.Context, id string, payload []byte) (Response, error) {
	reply := make(chan Response, 1)
	l.expect(id, reply)
	defer l.forget(id)
	select {
	case l.out <- payload:
	case <-l.done:
		return Response{}, errNotSent
	case <-ctx.Done():
		return Response{}, fmt.Errorf("%w: could not send: %w", ErrDown, context.Cause(ctx))
	}
	select {
	case r := <-reply:
		return r, nil
	case <-l.done:
		return l.lastWord(reply)
	case <-ctx.Done():
		return Response{}, fmt.Errorf("%w: %w", ErrUnknownOutcome, context.Cause(ctx))
	}
}

// lastWord takes a reply that came just before the link was lost.
func (l *link) lastWord(reply <-chan Response) (Response, error) {
	select {
	case r := <-reply:
		return r, nil
	default:
		return Response{}, fmt.Errorf("%w: %w", ErrUnknownOutcome, l.failure)
	}
}

func (l *link) expect(id string, reply chan Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting[id] = reply
}

func (l *link) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, id)
}

// deliver gives a reply to its waiting command; false when none waits.
func (l *link) deliver(raw string) bool {
	l.replies.Add(1)
	var id string
	var r Response
	gjson.Parse(raw).ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "request_id":
			id = value.Str
		case "status_code":
			r.Status = int(value.Int())
		case "reason_phrase":
			r.reason = value.Str
		case "message_body":
			r.Body = value.Str
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	reply, ok := l.waiting[id]
	if ok {
		delete(l.waiting, id)
		reply <- r
	}
	return ok
}
