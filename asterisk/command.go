package asterisk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// requestLimit is the longest websocket frame in bytes that Asterisk takes (AST_WEBSOCKET_MAX_RX_PAYLOAD_SIZE); it
// answers a longer one by closing the socket.
const requestLimit = 65535

// slowest is how many times Options.CommandTimeout a command may take at most, even while Asterisk answers others.
const slowest = 10

// errTimeLimit is the cause when Options.CommandTimeout ends a command.
var errTimeLimit = fmt.Errorf("the command's time limit passed: %w", context.DeadlineExceeded)

// Response is what Asterisk answered to a command.
type Response struct {
	Status int    // HTTP status, 200 to 299
	Body   string // JSON, or empty

	reason string // Asterisk's short words for the status
}

// command is one REST command. The name is for metrics and errors; path is relative to /ari.
type command struct {
	name   string
	method string
	path   string
	query  url.Values
	body   any
}

// Do sends any REST command over the websocket and waits for its reply, see Options.CommandTimeout. path is relative
// to /ari and its segments are percent-escaped by the caller; body, when not nil, is sent as JSON.
//
// A status of 400 or more is a *CommandError. Without a link the command waits for one; ErrDown means that none came in
// time and the command did not run. ErrUnknownOutcome means that it was sent and no reply came. When ctx ends first,
// the error wraps its cause too.
func (c *Conn) Do(ctx context.Context, method, path string, query url.Values, body any) (Response, error) {
	name, _, _ := strings.Cut(path, "/")
	return c.do(ctx, command{method + " " + name, method, path, query, body})
}

func (c *Conn) do(ctx context.Context, cmd command) (Response, error) {
	start := time.Now()
	r, err := c.exchange(ctx, cmd, nil)
	c.opt.Observer.CommandDone(cmd.name, r.Status, time.Since(start))
	return r, err
}

// exchange runs a command on a link that other commands cannot use yet, or, without one, on the link in use.
func (c *Conn) exchange(ctx context.Context, cmd command, only *link) (Response, error) {
	id := strconv.FormatUint(c.lastID.Add(1), 10)
	payload, err := cmd.encode(id)
	if err != nil {
		return Response{}, fmt.Errorf("asterisk: %s: %w", cmd.name, err)
	}
	ctx, cancel := c.patiently(ctx)
	defer cancel()
	r, err := c.transmit(ctx, id, payload, only)
	if err != nil {
		return Response{}, fmt.Errorf("asterisk: %s: %w", cmd.name, err)
	}
	return r, cmd.verdict(r)
}

// patiently ends ctx when Asterisk has answered no command at all for Options.CommandTimeout. It answers one after the
// other, and so is late with each when many come at once, as after a restart with a full queue: giving up and asking
// again would only add to them.
func (c *Conn) patiently(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	limit, began := c.opt.CommandTimeout, time.Since(c.born)
	var mu sync.Mutex
	mu.Lock()
	defer mu.Unlock()
	var look *time.Timer
	look = time.AfterFunc(limit, func() {
		mu.Lock()
		defer mu.Unlock()
		now := time.Since(c.born)
		silent := now - max(began, time.Duration(c.replied.Load()))
		if silent >= limit || now-began >= slowest*limit {
			end(errTimeLimit)
			return
		}
		look.Reset(limit - silent)
	})
	return ctx, func() { look.Stop(); end(nil) }
}

// transmit sends a command once, over the next link when this one is lost first.
func (c *Conn) transmit(ctx context.Context, id string, payload []byte, only *link) (Response, error) {
	if only != nil {
		return only.roundTrip(ctx, id, payload)
	}
	for {
		l, err := c.awaitLink(ctx)
		if err != nil {
			return Response{}, err
		}
		r, err := l.roundTrip(ctx, id, payload)
		if !errors.Is(err, errNotSent) {
			return r, err
		}
	}
}

// awaitLink gives the link in use, or the next one.
func (c *Conn) awaitLink(ctx context.Context) (*link, error) {
	for {
		c.mu.Lock()
		l, changed, ended := c.link, c.changed, c.ended
		c.mu.Unlock()
		if l != nil && !l.lost() {
			return l, nil
		}
		if ended {
			return nil, fmt.Errorf("%w: the connection was stopped", ErrDown)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			_, _, lastErr := c.State()
			if lastErr == nil {
				return nil, fmt.Errorf("%w: %w", ErrDown, context.Cause(ctx))
			}
			// not wrapped: it did not end this command
			return nil, fmt.Errorf("%w: %w: %s", ErrDown, context.Cause(ctx), lastErr.Error())
		}
	}
}

// verdict is nil for a command that Asterisk accepted.
func (cmd command) verdict(r Response) error {
	if r.Status >= 200 && r.Status < 300 {
		return nil
	}
	return &CommandError{
		Command: cmd.name, Method: cmd.method, Path: cmd.path, Status: r.Status, Message: wordsIn(r.Body, r.reason),
	}
}

// restRequest is the message that carries a command (Asterisk 20.14, 22.4 and newer).
type restRequest struct {
	Type        string `json:"type"`
	RequestID   string `json:"request_id"`
	Method      string `json:"method"`
	URI         string `json:"uri"`
	ContentType string `json:"content_type,omitempty"`
	MessageBody string `json:"message_body,omitempty"`
}

func (cmd command) encode(id string) ([]byte, error) {
	request := restRequest{Type: "RESTRequest", RequestID: id, Method: cmd.method, URI: cmd.path}
	if len(cmd.query) > 0 {
		request.URI += "?" + cmd.query.Encode()
	}
	if cmd.body != nil {
		body, err := json.Marshal(cmd.body)
		if err != nil {
			return nil, fmt.Errorf("encode the body: %w", err)
		}
		request.ContentType, request.MessageBody = "application/json", string(body)
	}
	payload, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode the command: %w", err)
	}
	if len(payload) > requestLimit {
		return nil, fmt.Errorf("%d bytes are more than the %d that Asterisk takes", len(payload), requestLimit)
	}
	return payload, nil
}

// pathOf joins segments, each percent-escaped. Asterisk reads a plus in a path as a space, so url.PathEscape won't do.
func pathOf(segments ...string) string {
	escaped := make([]string, len(segments))
	for i, s := range segments {
		escaped[i] = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	return strings.Join(escaped, "/")
}

// checkText refuses text that would reach Asterisk garbled: control characters split SIP headers and log lines, and its
// JSON reader refuses broken UTF-8. The error leaves the value out: it may be a number or a name.
func checkText(what, value string) error {
	if !utf8.ValidString(value) {
		return fmt.Errorf("%s is not valid UTF-8", what)
	}
	if strings.ContainsFunc(value, unicode.IsControl) {
		return fmt.Errorf("%s has a control character", what)
	}
	return nil
}

// checkID refuses an empty id: it would turn the command into one about all channels.
func checkID(what, id string) error {
	if id == "" {
		return fmt.Errorf("%s is empty", what)
	}
	return checkText(what, id)
}
