package redisstore_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		directives []string
		setting    string // of the one problem; empty for none
		grave      bool
	}{
		"as it should be":            {nil, "", false},
		"without a log":              {[]string{"appendonly no"}, "appendonly", true},
		"with a log flushed at ease": {[]string{"appendfsync everysec"}, "appendfsync", true},
		"with a log never flushed":   {[]string{"appendfsync no"}, "appendfsync", true},
		"with a pause during rewrites": {
			[]string{"no-appendfsync-on-rewrite yes"}, "no-appendfsync-on-rewrite", true,
		},
		"with a torn log read as it is": {[]string{"aof-load-truncated yes"}, "aof-load-truncated", false},
		"as a cache": {
			[]string{"maxmemory 100mb", "maxmemory-policy allkeys-lru"}, "maxmemory-policy", true,
		},
		"nearly full": {[]string{"maxmemory 1mb"}, "maxmemory", false},
		"with a log that keeps what is erased": {
			[]string{"stream-node-max-entries 100"}, "stream-node-max-entries", false,
		},
		"a replica": {[]string{"replicaof 127.0.0.1 1"}, "role", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			problems := open(t, redistest.Start(t, test.directives...).Addr).Check(t.Context())
			if test.setting == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1, "%v", problems)
			require.Equal(t, test.setting, problems[0].Setting)
			require.Equal(t, test.grave, problems[0].Grave)
			require.NotEmpty(t, problems[0].Text)
			require.NotEmpty(t, problems[0].Mend)
		})
	}
	t.Run("everything at once", func(t *testing.T) {
		server := redistest.Start(t, "appendonly no", "appendfsync everysec", "maxmemory-policy volatile-ttl")
		require.Len(t, open(t, server.Addr).Check(t.Context()), 3)
	})
}

func TestCheckWhenASnapshotFailed(t *testing.T) {
	server := redistest.Start(t, "save 3600 1")
	c, s := raw(t, server.Addr), open(t, server.Addr)
	breakSnapshots(t, server, c)
	problems := s.Check(t.Context())
	require.Len(t, problems, 1)
	require.True(t, problems[0].Grave)
	require.Contains(t, problems[0].String(), "grave: rdb_last_bgsave_status")
	require.Contains(t, problems[0].Text, "refuse notes")

	require.NoError(t, c.ConfigSet(t.Context(), "stop-writes-on-bgsave-error", "no").Err())
	problems = s.Check(t.Context())
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].String(), "warning: rdb_last_bgsave_status")
}

func TestCheckWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server.Addr)
	server.Kill()
	problems := s.Check(t.Context())
	require.Len(t, problems, 1)
	require.True(t, problems[0].Grave)
	require.Contains(t, problems[0].String(), "is Redis running")
}

func TestCheckOfSomethingThatIsNotRedis(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("SSH-2.0-OpenSSH_9.2p1 Debian\r\n"))
			_ = conn.Close()
		}
	}()
	s := redisstore.Open(redisstore.Options{Addr: listener.Addr().String()})
	problems := s.Check(t.Context())
	require.Len(t, problems, 1)
	require.Equal(t, "connection", problems[0].Setting)
	requireDown(t, s, "")
	require.NoError(t, s.Close())
	require.NoError(t, listener.Close())
	<-done
}
