package ivr

import (
	"context"
	"log/slog"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/routing"
)

// Operator answers calls. Its fields are set once, before the first call; it is safe for concurrent use.
type Operator struct {
	Plan     func() *routing.Plan // the plan of the moment; a call keeps the one it began with
	Queue    Queue
	Notes    Notes
	Sounds   Sounds
	Register Register
	System   func() string // Asterisk's own name, part of a note's idempotency key
	Engaged  *Engaged      // hears of every caller
	Log      *slog.Logger

	talks talks
}

// Take handles a new call from ring to end and registers its contact record. It returns when the call is over, or when
// ctx ends with ErrShutdown: then the call stays with Asterisk, and the daemon that takes it back registers it.
func (o *Operator) Take(ctx context.Context, line Line, incoming call.Call) error {
	c := o.newSession(line, incoming)
	return c.run(ctx, c.begin)
}
