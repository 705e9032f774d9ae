package redistest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
)

// patience bounds the wait for a busy Redis.
const patience = time.Minute

// AuditAt is Audit without a client: addr is host:port, or the path of a socket.
func AuditAt(ctx context.Context, addr string, m call.MunicipalityID) (Stored, error) {
	c := Client(addr)
	defer func() { _ = c.Close() }()
	return Audit(ctx, c, m)
}

// Empty removes all data from the server, as when it comes back without it.
func (s *Server) Empty() {
	s.tb.Helper()
	c := Client(s.Addr)
	defer func() { _ = c.Close() }()
	require.NoError(s.tb, c.FlushAll(context.Background()).Err())
}

// Do runs one command as the operators' user, such as one that spoils the data.
func (s *Server) Do(command ...any) {
	s.tb.Helper()
	c := Client(s.Addr)
	defer func() { _ = c.Close() }()
	require.NoError(s.tb, c.Do(context.Background(), command...).Err())
}

// KeyOf gives the key of a pattern whose sorted set has a member.
func (s *Server) KeyOf(member, pattern string) string {
	s.tb.Helper()
	c := Client(s.Addr)
	defer func() { _ = c.Close() }()
	keys, err := c.Keys(context.Background(), pattern).Result()
	require.NoError(s.tb, err)
	for _, key := range keys {
		if c.ZScore(context.Background(), key, member).Err() == nil {
			return key
		}
	}
	s.tb.Fatalf("no key of %s has the member", pattern)
	return ""
}

// RunID is the server's name for its current run.
func (s *Server) RunID() string {
	s.tb.Helper()
	c := Client(s.Addr)
	defer func() { _ = c.Close() }()
	return c.InfoMap(context.Background(), "server").Val()["Server"]["run_id"]
}
