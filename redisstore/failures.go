package redisstore

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// failures is told of every failed command. It is a hook of the client, because one error of our methods may stand for
// many commands.
type failures struct{ failed func() }

// DialHook implements redis.Hook. A connection that cannot be made fails the command that wanted it.
func (f failures) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (f failures) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if isFailure(err) {
			f.failed()
		}
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (f failures) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for _, cmd := range cmds {
			if isFailure(cmd.Err()) {
				f.failed()
			}
		}
		return err
	}
}

// isFailure reports whether Redis refused or did not answer. No failures are a missing key, a script that has to be
// sent first, and a client of the API that hung up.
func isFailure(err error) bool {
	return err != nil && !errors.Is(err, redis.Nil) && !redis.HasErrorPrefix(err, "NOSCRIPT") && !errors.Is(
		err, context.Canceled,
	)
}
