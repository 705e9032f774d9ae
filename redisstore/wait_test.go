package redisstore_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/redistest"
)

const patience = 10 * time.Second

// await asks again until it is so, and fails the test after patience.
func await(tb testing.TB, what string, so func() bool) {
	tb.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for !so() {
		select {
		case <-tick.C:
		case <-limit:
			tb.Fatalf("not after %s: %s", patience, what)
		}
	}
}

func infoOf(tb testing.TB, c *redis.Client, field string) string {
	tb.Helper()
	info, err := c.Info(tb.Context()).Result()
	require.NoError(tb, err)
	_, after, _ := strings.Cut(info, "\r\n"+field+":")
	value, _, _ := strings.Cut(after, "\r\n")
	return value
}

func awaitInfo(tb testing.TB, c *redis.Client, field string, so func(int64) bool) {
	tb.Helper()
	await(tb, field, func() bool {
		n, err := strconv.ParseInt(infoOf(tb, c, field), 10, 64)
		return err == nil && so(n)
	})
}

// awaitLoading waits until the server listens and says that it is loading.
func awaitLoading(tb testing.TB, server *redistest.Server) {
	tb.Helper()
	await(tb, "redis-server says that it is loading", func() bool {
		conn, err := net.Dial("unix", server.Addr)
		if err != nil {
			return false
		}
		defer conn.Close()
		reply := make([]byte, 64)
		for _, asked := range []string{"AUTH " + redistest.Operator + " " + redistest.OperatorPassword, "PING"} {
			if _, err := conn.Write([]byte(asked + "\r\n")); err != nil {
				return false
			}
			n, err := conn.Read(reply)
			if err == nil && strings.HasPrefix(string(reply[:n]), "-LOADING") {
				return true
			}
		}
		return false
	})
}

// breakSnapshots makes the next snapshot fail, by a directory where its file should go.
func breakSnapshots(tb testing.TB, server *redistest.Server, c *redis.Client) {
	tb.Helper()
	require.NoError(tb, os.MkdirAll(filepath.Join(server.Dir(), "dump.rdb", "x"), 0o700))
	require.NoError(tb, c.BgSave(tb.Context()).Err())
	await(tb, "a snapshot fails", func() bool { return infoOf(tb, c, "rdb_last_bgsave_status") == "err" })
}
