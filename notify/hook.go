package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// Hook is a program that is told by webhook, signed as Standard Webhooks has it (www.standardwebhooks.com).
type Hook struct {
	URL    string
	Secret []byte // the key of the signature, without its prefix and not encoded
}

// LogValue keeps the secret, and an address that may hold one, out of logs.
func (h Hook) LogValue() slog.Value { return slog.StringValue("a webhook") }

const (
	hookLimit = 10 * time.Second
	// mostAnswer bounds what is read of an answer, so that its connection can be used again; nothing of it counts.
	mostAnswer = 16 << 10
)

// hookClient follows no redirects: a signed message goes where the operator said, and nowhere else.
var hookClient = &http.Client{
	Timeout: hookLimit,
	Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: 30 * time.Second,
		MaxResponseHeaderBytes: mostAnswer, ForceAttemptHTTP2: true,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Send implements Sender.
func (h Hook) Send(ctx context.Context, m Message) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(m.Data))
	if err != nil {
		return &SendError{Failure: Unreachable, Lane: true, Err: errors.New("its address is not one of the web")}
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "bereikbaar")
	r.Header.Set("Idempotency-Key", m.ID)
	r.Header.Set("Webhook-Id", m.ID)
	r.Header.Set("Webhook-Timestamp", at)
	r.Header.Set("Webhook-Signature", Sign(h.Secret, m.ID, at, m.Data))
	answer, err := hookClient.Do(r)
	if err != nil {
		return &SendError{Failure: Unreachable, Lane: true, Err: withoutURL(err)}
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, mostAnswer) // it has answered already
	return judge(answer.StatusCode)
}

// judge says what an answer means. A program that is not ready, or does not know us yet, may be mended.
func judge(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return &SendError{Failure: SignIn, Code: status, Lane: true}
	case status == http.StatusGone:
		return &SendError{Failure: Refused, Code: status, Forever: true}
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusNotFound, status < 400:
		return &SendError{Failure: Refused, Code: status, Lane: true}
	}
	return &SendError{Failure: Refused, Code: status}
}

// Sign gives the signature of a webhook: over its id, its time in seconds since 1970, and its body.
func Sign(secret []byte, id, at string, body []byte) string {
	sum := hmac.New(sha256.New, secret)
	sum.Write([]byte(id + "." + at + "."))
	sum.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

// withoutURL takes the address out of an error of the client: it may hold what is secret.
func withoutURL(err error) error {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}
