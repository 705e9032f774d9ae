package ivr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bereikbaar/bereikbaar/prompts"
)

// maxLosses bounds how often a call goes on after a lost link.
const maxLosses = 20

// cleanUpLimit bounds the last commands to Asterisk when a call is over.
const cleanUpLimit = 5 * time.Second

// attendant speaks and listens on one line. A caller's call and a callback have it in common.
type attendant struct {
	line     Line
	speaker  prompts.Speaker
	sounds   Sounds
	register Register
	log      *slog.Logger // names the call, or the note of the callback, in every line
	late     time.Time    // keys before it were pressed too late, see tooLate
}

// outlast runs first. It goes on with again when the link to Asterisk was lost and is back, and after a transfer:
// people make those, and need no bound.
func (a *attendant) outlast(ctx context.Context, first, again func(context.Context) error) error {
	err := a.survive(ctx, first)
	for losses := 0; ; {
		switch {
		case errors.Is(err, ErrLinkLost) && losses < maxLosses:
			losses++
		case errors.Is(err, ErrPutThrough):
		default:
			return err
		}
		if err = a.line.Restored(ctx); err == nil {
			err = a.survive(ctx, again)
		}
	}
}

// survive turns a panic in one call into an error of that call alone.
func (a *attendant) survive(ctx context.Context, run func(context.Context) error) (err error) {
	ctx, end := a.line.Attend(ctx)
	defer end()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in a call: %v", r)
		}
	}()
	return run(ctx)
}

// release gives the line up, and reports whether that succeeded.
func (a *attendant) release(ctx context.Context, how func(context.Context) error) bool {
	err := how(ctx)
	if err != nil && !errors.Is(err, ErrHungUp) {
		a.log.Warn("could not release a line", "err", err)
	}
	return err == nil
}
