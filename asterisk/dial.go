package asterisk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"sync/atomic"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"

	"github.com/bereikbaar/bereikbaar/socket"
)

// dial makes a link. The password goes into a header; Asterisk checks it again for every command.
func (c *Conn) dial(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.ReadTimeout)
	defer cancel()
	var raw atomic.Pointer[net.Conn] // the transport dials in a goroutine of its own, and goes on when ctx ends
	transport := &http.Transport{    // its own: no proxies, no idle connections
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := c.opt.dialer(ctx, network, address)
			if err != nil {
				return nil, err
			}
			conn = socket.Direct(conn)
			raw.Store(&conn)
			return conn, nil
		},
	}
	ws, answer, err := websocket.Dial(ctx, c.target.url, &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     transport,
			CheckRedirect: keepPassword,
		},
		HTTPHeader: c.authorization(),
	})
	if err != nil {
		if answer == nil && raw.Load() != nil {
			c.gaveUp()
		}
		return nil, c.dialFailure(answer, err)
	}
	c.gotThrough()
	ws.SetReadLimit(c.opt.ReadLimit)
	return newLink(ws, *raw.Load(), c.opt.Observer.EventSkipped), nil
}

func (c *Conn) authorization() http.Header {
	request := http.Request{Header: http.Header{}}
	request.SetBasicAuth(c.opt.Username, c.opt.Password)
	return request.Header
}

// dialFailure says what is wrong and how to mend it.
func (c *Conn) dialFailure(answer *http.Response, err error) error {
	if answer == nil {
		if e, ok := errors.AsType[*url.Error](err); ok { // it repeats the whole address
			err = e.Err
		}
		return lossError{
			LossUnreachable,
			fmt.Errorf(
				"asterisk: connect to %s: %w: is Asterisk running, and does http.conf listen there?", c.target.shown,
				err,
			),
		}
	}
	status, said := answer.StatusCode, saidIn(answer)
	switch status {
	case http.StatusUnauthorized:
		return lossError{LossRefused, fmt.Errorf(
			"asterisk: %s refuses user %q (401 %s): give the daemon the password that the user has in ari.conf",
			c.target.shown, c.opt.Username, said,
		)}
	case http.StatusForbidden:
		return lossError{LossRefused, fmt.Errorf(
			"asterisk: %s refuses user %q (403 %s): allow this address in the user's acl in ari.conf",
			c.target.shown, c.opt.Username, said,
		)}
	case http.StatusNotFound:
		return lossError{LossUnreachable, fmt.Errorf(
			"asterisk: %s has no ARI there (404 %s): set enabled=yes in ari.conf and check the prefix in http.conf",
			c.target.shown, said,
		)}
	case http.StatusServiceUnavailable:
		return lossError{LossUnreachable, fmt.Errorf("asterisk: %s is still starting (503 %s)", c.target.shown, said)}
	default:
		return lossError{
			LossUnreachable,
			fmt.Errorf(
				"asterisk: %s makes no websocket (%d %s): is this Asterisk's HTTP port? %w", c.target.shown, status,
				said, err,
			),
		}
	}
}

var paragraph = regexp.MustCompile(`<p>([^<]{1,200})</p>`)

// saidIn finds the reason in Asterisk's answer, which is JSON or HTML depending on the part that refuses.
func saidIn(answer *http.Response) string {
	if answer.Body == nil {
		return "without a reason"
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err != nil {
		return "without a reason"
	}
	if m := paragraph.FindSubmatch(body); m != nil {
		return string(m[1])
	}
	return wordsIn(string(body), "without a reason")
}

// wordsIn finds Asterisk's own words in the body of a refusal: under "message", or under "error" when something ran out
// or could not be made.
func wordsIn(body, otherwise string) string {
	for _, name := range []string{"message", "error"} {
		if words := gjson.Get(body, name).Str; words != "" {
			return words
		}
	}
	return otherwise
}

// prepare sets the event filters before anything else is done on a link. They are the application's, and outlive the
// link in Asterisk, so they are set anew each time: those of an older version may still be in effect. Replies to
// commands and ApplicationReplaced are filtered like the rest, and the link itself needs them.
func (c *Conn) prepare(ctx context.Context, l *link) error {
	for _, set := range []filter{
		{application: c.opt.Application, Disallowed: typesOf(disallowedEvents), Allowed: typesOf(nil)},
		{
			application: c.target.watch, Disallowed: typesOf(nil),
			Allowed: typesOf([]EventType{ApplicationReplaced, EndpointStateChange}),
		},
	} {
		if _, err := c.exchange(ctx, set.command(), l); err != nil {
			return setupFailure(err)
		}
	}
	return nil
}

// setupFailure recognises a user that may connect and read only.
func setupFailure(err error) error {
	if e, ok := errors.AsType[*CommandError](
		err,
	); ok && (e.Status == http.StatusForbidden || e.Status == http.StatusUnauthorized) {
		return lossError{LossRefused, fmt.Errorf("%w: the user must not be read_only in ari.conf", err)}
	}
	return lossError{LossSetup, err}
}

// filter is the body of PUT applications/NAME/eventFilter.
type filter struct {
	application string
	Allowed     []eventName `json:"allowed"`
	Disallowed  []eventName `json:"disallowed"`
}

type eventName struct {
	Type EventType `json:"type"`
}

func (f filter) command() command {
	return command{"set filter", http.MethodPut, pathOf("applications", f.application, "eventFilter"), nil, f}
}

// typesOf never gives nil: Asterisk takes null for "leave as it is".
func typesOf(list []EventType) []eventName {
	names := make([]eventName, 0, len(list))
	for _, t := range list {
		names = append(names, eventName{t})
	}
	return names
}
