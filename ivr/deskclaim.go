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
	// wordPause is how long to wait before a result that could not be stored is stored again.
	wordPause = 2 * time.Second
	wordTries = 30
	// renewals is how many renewals fit in a lease.
	renewals = 3
	// renewPause is how long to wait before a claim that could not be renewed is renewed again: an outage of the store
	// must leave it as little time as can be.
	renewPause = 3 * time.Second
)

// deskclaim is the claim of a colleague on a note while the caller is rung for it or talks.
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

// step is the colleague's next one with the note.
func (c deskclaim) step() callback.Step {
	return callback.Step{
		Municipality: c.municipality, Note: c.note, Who: note.ByAgent(c.colleague), At: time.Now().UTC(),
	}
}

// renewal is how often the claim is renewed.
func (c deskclaim) renewal() time.Duration {
	return max(c.callbacks.Lease(c.municipality)/renewals, time.Second)
}

// keep renews the claim, for the first time after first, until it is told to stop or the note is no longer his. A call
// may be longer than a lease, and a note that is open is rung by a second colleague while the first still talks.
func (c deskclaim) keep(ctx context.Context, first time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // also while the colleague is asked what came of it
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
				c.log.Warn("the claim on a note could not be renewed during its call", "err", err)
			}
			if failed = err != nil; failed && notHis(err) {
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

// notHis reports whether a change was refused because the note is not the colleague's, or not to be changed so: trying
// again does not help.
func notHis(err error) bool {
	_, illegal := errors.AsType[*note.IllegalError](err)
	_, rule := errors.AsType[*note.RuleError](err)
	return illegal || rule || errors.Is(err, note.ErrNoNote)
}

// insist stores a change that nobody can be asked to repeat, also through a short outage of the store. A daemon that
// stops leaves it to the next.
func (c deskclaim) insist(ctx context.Context, change func(context.Context) error) error {
	on := context.WithoutCancel(ctx)
	var err error
	for range wordTries {
		limited, cancel := context.WithTimeout(on, storeLimit)
		err = change(limited)
		cancel()
		if !errors.Is(err, note.ErrStoreDown) {
			return err
		}
		if errors.Is(context.Cause(ctx), ErrShutdown) {
			return ErrShutdown
		}
		<-time.After(wordPause)
	}
	return err
}

// endLine writes that the caller answered, and how long he talked.
func (c deskclaim) endLine(ctx context.Context, talked time.Duration) error {
	return c.insist(ctx, func(ctx context.Context) error {
		_, err := c.callbacks.Attempts.EndLine(ctx, c.step(), attempt.LineAnswered, talked)
		return err
	})
}

// unlessSaid makes nothing of it that the end of a call is refused: a colleague who put the caller through may have
// said elsewhere what came of it before the two hung up.
func (c deskclaim) unlessSaid(err error) error {
	if !notHis(err) {
		return err
	}
	c.log.Info("nothing is added to a callback that was dealt with already", "why", err)
	return nil
}
