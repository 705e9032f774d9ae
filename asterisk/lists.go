package asterisk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/tidwall/gjson"
)

// listLimit is how long Asterisk may take to send a list: lists are long, and slow to come, when it is busy.
const listLimit = 15 * time.Second

// list asks for a JSON array.
func list[T any](ctx context.Context, c *Conn, name, path string, read func(gjson.Result) T) ([]T, error) {
	body, err := c.fetch(ctx, name, path)
	if err != nil {
		return nil, err
	}
	var items []T
	for _, item := range gjson.Parse(body).Array() {
		items = append(items, read(item))
	}
	return items, nil
}

// fetch asks by plain HTTP for an answer that grows with the number of calls. A reply over the websocket goes whole
// onto the stack of its thread, which has room for 496 KiB: a list of a thousand channels crashes Asterisk, and every
// call with it (ast_websocket_write; seen on 22.10.1).
func (c *Conn) fetch(ctx context.Context, name, path string) (body string, err error) {
	start, status := time.Now(), 0
	defer func() { c.opt.Observer.CommandDone(name, status, time.Since(start)) }()
	ctx, cancel := context.WithTimeoutCause(ctx, listLimit, errTimeLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.target.lists+path, nil)
	if err != nil {
		return "", fmt.Errorf("asterisk: %s: %w", name, err)
	}
	request.Header = c.authorization()
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: c.opt.dialer},
		CheckRedirect: keepPassword,
	}
	answer, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("asterisk: %s: %w: %w", name, ErrDown, withoutAddress(ctx, err))
	}
	defer answer.Body.Close()
	status = answer.StatusCode
	if status < 200 || status >= 300 {
		return "", &CommandError{
			Command: name, Method: http.MethodGet, Path: path, Status: status, Message: saidIn(answer),
		}
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, c.opt.ReadLimit+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("asterisk: %s: %w: %w", name, ErrDown, withoutAddress(ctx, err))
	case int64(len(text)) > c.opt.ReadLimit:
		return "", fmt.Errorf("asterisk: %s: the answer is longer than %d bytes", name, c.opt.ReadLimit)
	case !json.Valid(text):
		return "", errUnreadable(name)
	}
	return string(text), nil
}

func errUnreadable(name string) error {
	return fmt.Errorf("asterisk: %s: the answer is not valid JSON", name)
}

// keepPassword follows no redirect: the password is for this address only.
func keepPassword(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// withoutAddress leaves out the address, which url.Error repeats, and gives the cause when the context ended.
func withoutAddress(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
