package asterisk

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func goodOptions() Options {
	return Options{URL: "http://127.0.0.1:8088/ari", Application: "bereikbaar", Username: "daemon", Password: "geheim"}
}

func TestEveryWrongOptionIsNamed(t *testing.T) {
	tests := map[string]struct {
		change func(*Options)
		want   string
	}{
		"no address":              {func(o *Options) { o.URL = "" }, "url: it names no host"},
		"address without scheme":  {func(o *Options) { o.URL = "127.0.0.1:8088/ari" }, "url: it can't be read"},
		"address of another kind": {func(o *Options) { o.URL = "ftp://pbx/ari" }, `url: it starts with "ftp"`},
		"password in the address": {
			func(o *Options) { o.URL = "http://daemon:zeergeheim@pbx/ari" }, "url: leave out user, password and query",
		},
		"password in a query": {
			func(o *Options) { o.URL = "http://pbx/ari?api_key=daemon:zeergeheim" },
			"url: leave out user, password and query",
		},
		"password in a broken one": {
			func(o *Options) { o.URL = "http://daemon:zeergeheim@pbx:x/" }, "url: it can't be read",
		},
		"no application":    {func(o *Options) { o.Application = "" }, `application ""`},
		"two applications":  {func(o *Options) { o.Application = "a,b" }, `application "a,b"`},
		"long application":  {func(o *Options) { o.Application = string(make([]byte, 61)) }, "1 to 60 letters"},
		"no user":           {func(o *Options) { o.Username = "" }, `user name ""`},
		"colon in the user": {func(o *Options) { o.Username = "a:b" }, `user name "a:b"`},
		"no password":       {func(o *Options) { o.Password = "" }, "password: it is empty"},
		"negative time limit": {
			func(o *Options) { o.CommandTimeout = -1 }, "command timeout -1ns: give a time above 0",
		},
		"pings seldom": {
			func(o *Options) { o.PingEvery = 8 * time.Second }, "read timeout 7s: give more than the ping interval 8s",
		},
		"backoff upside down": {
			func(o *Options) { o.BackoffMin = 6 * time.Second }, "shortest backoff 6s: give at most the longest, 5s",
		},
		"events longer than reads": {
			func(o *Options) { o.ReadLimit = 10 }, "event limit 1048576: give at most the read limit 10",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options := goodOptions()
			test.change(&options)
			_, err := New(options)
			require.ErrorContains(t, err, "asterisk: options: ")
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "zeergeheim")
		})
	}
}

func TestEveryWrongOptionIsNamedAtOnce(t *testing.T) {
	_, err := New(Options{PingEvery: time.Minute})
	for _, part := range []string{"url", "application", "user name", "password", "read timeout"} {
		require.ErrorContains(t, err, part)
	}
}

func TestAddressOfTheWebsocket(t *testing.T) {
	for given, want := range map[string]string{
		"http://127.0.0.1:8088/ari":        "ws://127.0.0.1:8088/ari/events",
		"http://127.0.0.1:8088/ari/":       "ws://127.0.0.1:8088/ari/events",
		"ws://pbx/asterisk/ari/events":     "ws://pbx/asterisk/ari/events",
		"https://pbx.deventer.example/ari": "wss://pbx.deventer.example/ari/events",
		"wss://pbx/ari":                    "wss://pbx/ari/events",
	} {
		options := goodOptions()
		options.URL = given
		conn, err := New(options)
		require.NoError(t, err)
		require.Equal(t, want+"?app=bereikbaar%2Cbereikbaar-phones&subscribeAll=false", conn.target.url)
	}
}

func TestDefaults(t *testing.T) {
	conn, err := New(goodOptions())
	require.NoError(t, err)
	require.Equal(t, 2*time.Second, conn.opt.CommandTimeout)
	require.Less(
		t, conn.opt.ReadTimeout+conn.opt.PingEvery, 10*time.Second, "a half-open link is noticed in less than 10 s",
	)
	up, _, lastErr := conn.State()
	require.False(t, up)
	require.NoError(t, lastErr)
}

func TestLabelsAreListed(t *testing.T) {
	require.Len(t, SkipReasons(), 6)
	require.Len(t, LossReasons(), 8)
	require.Contains(t, LossReasons(), lossReason(ErrDown), "an error without a reason has one too")
}
