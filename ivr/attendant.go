package ivr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bereikbaar/bereikbaar/prompts"
)

// maxLosses bounds how often a call goes on after a lost link, however that comes.
const maxLosses = 20

// cleanUpLimit bounds what is still said to Asterisk when a call is over.
const cleanUpLimit = 5 * time.Second

// attendant speaks and listens on one line: what a caller's call and a callback have in common.
type attendant struct {
	line     Line
	speaker  prompts.Speaker
	sounds   Sounds
	register Register
	log      *slog.Logger // names the call, or the note that is called back about, in every line
	late     time.Time    // until when keys count as pressed too late, see tooLate
}

// outlast runs what is done with a call. It goes on with again when the link to Asterisk was lost and is back, and when
// somebody else was put through: people do that, and need no bound.
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

// release gives the line up, and reports whether that was done.
func (a *attendant) release(ctx context.Context, how func(context.Context) error) bool {
	err := how(ctx)
	if err != nil && !errors.Is(err, ErrHungUp) {
		a.log.Warn("could not release a line", "err", err)
	}
	return err == nil
}
