package ivr

import (
	"context"
	"errors"
	"time"

	"github.com/bereikbaar/bereikbaar/callback"
)

const (
	storeLimit = 2 * time.Second // for one change of a note
	// wordPause is how long to wait before a result that could not be stored is stored again.
	wordPause = 2 * time.Second
	wordTries = 30
	// renewals is how many renewals fit in a lease.
	renewals = 3
	// renewPause is how long to wait before a claim that could not be renewed is renewed again: an outage of the store must
	// leave it as little time as can be.
	renewPause = 3 * time.Second
)

// renewal is how often the claim is renewed.
func (d *deskcall) renewal() time.Duration {
	return max(d.callbacks.Lease(d.kept.Municipality)/renewals, time.Second)
}

// keep renews the claim, for the first time after first, until it is told to stop or the note is no longer his. A call may be
// longer than a lease, and a note that is open is rung by a second colleague while the first still talks.
func (d *deskcall) keep(ctx context.Context, first time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // also while the colleague is asked what came of it
	every := d.renewal()
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
			_, err := d.callbacks.Attempts.Renew(limited, d.step())
			done()
			if ctx.Err() != nil {
				return
			}
			if err != nil && !failed {
				d.log.Warn("the claim on a note could not be renewed during its call", "err", err)
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

// notHis reports whether a change was refused because the note is not the colleague's, or not to be changed so: trying again does
// not help.
func notHis(err error) bool {
	_, illegal := errors.AsType[*callback.IllegalError](err)
	_, rule := errors.AsType[*callback.RuleError](err)
	return illegal || rule || errors.Is(err, callback.ErrNoNote)
}

// insist stores a change that nobody can be asked to repeat, also through a short outage of the store. A daemon that stops
// leaves it to the next.
func (d *deskcall) insist(ctx context.Context, change func(context.Context) error) error {
	on := context.WithoutCancel(ctx)
	var err error
	for range wordTries {
		limited, cancel := context.WithTimeout(on, storeLimit)
		err = change(limited)
		cancel()
		if !errors.Is(err, callback.ErrStoreDown) {
			return err
		}
		if errors.Is(context.Cause(ctx), ErrShutdown) {
			return ErrShutdown
		}
		<-time.After(wordPause)
	}
	return err
}
