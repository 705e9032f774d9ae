package redistest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
)

// patience is how long a busy Redis is waited for.
const patience = time.Minute

// AuditAt is Audit for whoever has no client of his own: addr is host:port, or the path of a socket.
func AuditAt(ctx context.Context, addr string, m call.MunicipalityID) (Stored, error) {
	c := Client(addr)
	defer func() { _ = c.Close() }()
	return Audit(ctx, c, m)
}

// Empty takes everything from the server, as when it comes back without its data.
func (s *Server) Empty() {
	s.tb.Helper()
	c := Client(s.Addr)
	defer func() { _ = c.Close() }()
	require.NoError(s.tb, c.FlushAll(context.Background()).Err())
}

// Do runs one command, such as one that spoils what is stored, as the operators' user.
func (s *Server) Do(command ...any) {
	s.tb.Helper()
	c := Client(s.Addr)
	defer func() { _ = c.Close() }()
	require.NoError(s.tb, c.Do(context.Background(), command...).Err())
}

// KeyOf gives the key of a pattern that is a sorted set with a member.
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

// RunID is what the server calls this run of it.
func (s *Server) RunID() string {
	s.tb.Helper()
	c := Client(s.Addr)
	defer func() { _ = c.Close() }()
	return c.InfoMap(context.Background(), "server").Val()["Server"]["run_id"]
}
