package ivr

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
)

const (
	storeLimit = 2 * time.Second // for one change of a note
	// resultPause is the pause before a change that could not be stored is tried again.
	resultPause = 2 * time.Second
	resultTries = 30
	// renewals is how many renewals fit in a lease.
	renewals = 3
	// renewPause is the pause before a failed renewal of a claim is tried again. It is short, so that the claim
	// outlasts an outage of the store.
	renewPause = 3 * time.Second
)

// deskclaim is a colleague's claim on a note during the callback.
type deskclaim struct {
	callbacks    *Callbacks
	municipality call.MunicipalityID
	note         note.ID
	colleague    call.AgentID
	log          *slog.Logger
}

func (c *Callbacks) deskclaim(colleague call.AgentID, of deskState) deskclaim {
	return deskclaim{
		callbacks: c, municipality: of.Municipality, note: of.Note, colleague: colleague,
		log: c.Log.With("note", of.Note, "agent", colleague),
	}
}

// step is the colleague's next step with the note.
func (c deskclaim) step() callback.Step {
	return callback.Step{
		Municipality: c.municipality, Note: c.note, Who: note.ByAgent(c.colleague), At: time.Now().UTC(),
	}
}

// renewal is the time between two renewals.
func (c deskclaim) renewal() time.Duration {
	return max(c.callbacks.Lease(c.municipality)/renewals, time.Second)
}

// keep renews the claim, for the first time after first, until stop or until the colleague no longer has the note. A
// call may be longer than a lease, and a second colleague would call an open note while the first still talks.
func (c deskclaim) keep(ctx context.Context, first time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // also while the colleague is asked for the result
	every := c.renewal()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		failed := false
		for wait := first; ; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			limited, done := context.WithTimeout(ctx, storeLimit)
			_, err := c.callbacks.Attempts.Renew(limited, c.step())
			done()
			if ctx.Err() != nil {
				return
			}
			if err != nil && !failed {
				c.log.Warn("claim not renewed during its callback", "err", err)
			}
			if failed = err != nil; failed && isRefused(err) {
				return
			}
			wait = every
			if failed {
				wait = min(renewPause, every)
			}
		}
	}()
	return func() {
		cancel()
		<-stopped
	}
}

// isRefused reports whether the note refused a change, because another colleague has it or its state does not allow it:
// trying again does not help.
func isRefused(err error) bool {
	_, illegal := errors.AsType[*note.IllegalError](err)
	_, rule := errors.AsType[*note.RuleError](err)
	return illegal || rule || errors.Is(err, note.ErrNoNote)
}

// insist stores a change that nobody can repeat, also through a short outage of the store. A daemon that stops leaves
// it to the next.
func (c deskclaim) insist(ctx context.Context, change func(context.Context) error) error {
	on := context.WithoutCancel(ctx)
	var err error
	for range resultTries {
		limited, cancel := context.WithTimeout(on, storeLimit)
		err = change(limited)
		cancel()
		if !errors.Is(err, note.ErrStoreDown) {
			return err
		}
		if errors.Is(context.Cause(ctx), ErrShutdown) {
			return ErrShutdown
		}
		<-time.After(resultPause)
	}
	return err
}

// endLine records that the caller answered, and how long they talked.
func (c deskclaim) endLine(ctx context.Context, talked time.Duration) error {
	return c.insist(ctx, func(ctx context.Context) error {
		_, err := c.callbacks.Attempts.EndLine(ctx, c.step(), attempt.LineAnswered, talked)
		return err
	})
}

// unlessRefused ignores that the end of a call was refused: a colleague who transferred the caller may have given the
// result elsewhere before the call ended.
func (c deskclaim) unlessRefused(err error) error {
	if !isRefused(err) {
		return err
	}
	c.log.Info("callback already has its result; nothing added", "why", err)
	return nil
}
