package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Sessions keeps the sessions of people who are signed in, see signin.Sessions. A key is the hash of a token. Sessions
// end by themselves. How long they have is told to Redis as a length, so that its clock need not agree with ours.
type Sessions struct{ s *Store }

// Sessions are those in this Redis.
func (s *Store) Sessions() *Sessions { return &Sessions{s} }

// mostSession bounds what a session holds, in bytes.
const mostSession = 64 << 10

// FindCtx gives a session, false when there is none.
func (n *Sessions) FindCtx(ctx context.Context, hash string) ([]byte, bool, error) {
	ctx, cancel := n.s.bounded(ctx)
	defer cancel()
	data, err := n.s.client.Get(ctx, sessionKey(hash)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, n.s.unread(sessionKey(hash), err)
	}
	return data, true, nil
}

// CommitCtx keeps a session until a time.
func (n *Sessions) CommitCtx(ctx context.Context, hash string, data []byte, end time.Time) error {
	ctx, cancel := n.s.bounded(ctx)
	defer cancel()
	left := time.Until(end)
	if left <= 0 {
		return n.DeleteCtx(ctx, hash)
	}
	if len(data) > mostSession {
		return errors.New("a session is too large")
	}
	if err := n.s.client.Set(ctx, sessionKey(hash), data, left).Err(); err != nil {
		return down("keep a session", err)
	}
	return nil
}

// DeleteCtx ends a session, if there is one.
func (n *Sessions) DeleteCtx(ctx context.Context, hash string) error {
	ctx, cancel := n.s.bounded(ctx)
	defer cancel()
	if err := n.s.client.Del(ctx, sessionKey(hash)).Err(); err != nil {
		return down("end a session", err)
	}
	return nil
}

// Peek gives a session and how long it has.
func (n *Sessions) Peek(ctx context.Context, hash string) ([]byte, time.Duration, bool, error) {
	ctx, cancel := n.s.bounded(ctx)
	defer cancel()
	var data *redis.StringCmd
	var left *redis.DurationCmd
	_, _ = n.s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // the errors are of data and left
		data, left = p.Get(ctx, sessionKey(hash)), p.PTTL(ctx, sessionKey(hash))
		return nil
	})
	switch err := errors.Join(data.Err(), left.Err()); {
	case errors.Is(data.Err(), redis.Nil):
		return nil, 0, false, nil
	case err != nil:
		return nil, 0, false, n.s.unread(sessionKey(hash), err)
	}
	raw, _ := data.Bytes() // it has no error
	return raw, left.Val(), true, nil
}

// Touch lets a session that is still there end in a while from now.
func (n *Sessions) Touch(ctx context.Context, hash string, left time.Duration) error {
	ctx, cancel := n.s.bounded(ctx)
	defer cancel()
	if err := n.s.client.PExpire(ctx, sessionKey(hash), left).Err(); err != nil {
		return down("extend a session", err)
	}
	return nil
}

// Amend replaces the data of a session that is still there, and leaves its end.
func (n *Sessions) Amend(ctx context.Context, hash string, data []byte) error {
	ctx, cancel := n.s.bounded(ctx)
	defer cancel()
	if len(data) > mostSession {
		return errors.New("a session is too large")
	}
	err := n.s.client.SetArgs(ctx, sessionKey(hash), data, redis.SetArgs{Mode: "XX", KeepTTL: true}).Err()
	if err != nil && !errors.Is(err, redis.Nil) {
		return down("change a session", err)
	}
	return nil
}

// Find is FindCtx without a context.
func (n *Sessions) Find(hash string) ([]byte, bool, error) {
	return n.FindCtx(context.Background(), hash)
}

// Commit is CommitCtx without a context.
func (n *Sessions) Commit(hash string, data []byte, end time.Time) error {
	return n.CommitCtx(context.Background(), hash, data, end)
}

// Delete is DeleteCtx without a context.
func (n *Sessions) Delete(hash string) error { return n.DeleteCtx(context.Background(), hash) }
