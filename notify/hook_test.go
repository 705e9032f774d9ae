package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The example of the specification, https://github.com/standard-webhooks/standard-webhooks.
func TestTheSignatureIsThatOfStandardWebhooks(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)))
}

func TestAProgramGetsASignedMessage(t *testing.T) {
	secret := []byte("een geheim van de gemeente")
	var asked atomic.Int64
	var got http.Header
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		got = r.Header
		body, _ = io.ReadAll(r.Body)
		sum := hmac.New(sha256.New, secret) // as a receiver does
		sum.Write([]byte(got.Get("webhook-id") + "." + got.Get("webhook-timestamp") + "." + string(body)))
		want := "v1," + base64.StdEncoding.EncodeToString(sum.Sum(nil))
		if !hmac.Equal([]byte(want), []byte(got.Get("webhook-signature"))) {
			http.Error(w, "not signed by us", http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	m := Message{ID: "ntf_1", Data: []byte(`{"type":"note.new"}`)}
	require.NoError(t, Hook{server.URL, secret}.Send(t.Context(), m))
	seconds, err := strconv.ParseInt(got.Get("webhook-timestamp"), 10, 64)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), time.Unix(seconds, 0), time.Minute)
	require.Equal(t, "ntf_1", got.Get("webhook-id"))
	require.Equal(t, "ntf_1", got.Get("Idempotency-Key"))
	require.Equal(t, "application/json", got.Get("Content-Type"))
	require.Equal(t, m.Data, body)
	err = Hook{server.URL, []byte("another")}.Send(t.Context(), m)
	require.Equal(t, &SendError{Failure: SignIn, Code: http.StatusUnauthorized, Lane: true}, err)
	require.EqualValues(t, 2, asked.Load())
}

func TestWhatAnswersOfAProgramMean(t *testing.T) {
	for status, want := range map[int]*SendError{
		200: nil, 202: nil, 204: nil,
		302: {Failure: Refused, Code: 302, Lane: true},
		400: {Failure: Refused, Code: 400},
		403: {Failure: SignIn, Code: 403, Lane: true},
		404: {Failure: Refused, Code: 404, Lane: true},
		410: {Failure: Refused, Code: 410, Forever: true},
		429: {Failure: Refused, Code: 429, Lane: true},
		500: {Failure: Refused, Code: 500, Lane: true},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/hook" {
				t.Error("a redirect was followed")
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}))
		err := Hook{server.URL + "/hook", []byte("k")}.Send(t.Context(), Message{ID: "ntf_1"})
		server.Close()
		if want == nil {
			require.NoError(t, err, status)
			continue
		}
		require.Equal(t, want, err, status)
	}
}

func TestAProgramThatAnswersWithoutEndHoldsUpNobody(t *testing.T) {
	sent := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 1000 {
			n, err := io.WriteString(w, strings.Repeat("x", 64<<10))
			sent += n
			if err != nil {
				return
			}
		}
	}))
	require.NoError(t, Hook{server.URL, []byte("k")}.Send(t.Context(), Message{ID: "ntf_1"}))
	server.Close()
	require.Less(t, sent, 1000*64<<10, "it was not read to its end")
}

func TestTheErrorsOfAWebhookDoNotQuoteItsAddress(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	err := Hook{server.URL + "/hook?key=geheim", []byte("k")}.Send(t.Context(), Message{ID: "ntf_1"})
	var failed *SendError
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.Lane)
	require.Equal(t, Unreachable, failed.Failure)
	require.NotContains(t, err.Error(), "geheim")
}
