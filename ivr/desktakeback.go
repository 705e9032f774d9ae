package ivr

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// deskState is the part of a live callback that must outlive the daemon and is not in its note. It is kept on the
// channel of the colleague's phone.
type deskState struct {
	Municipality call.MunicipalityID `json:"municipality"`
	Note         note.ID             `json:"note"`
	Team         call.TeamID         `json:"team,omitempty"`   // of the note
	Number       string              `json:"number,omitempty"` // E.164, reserved for this callback
	Tries        int                 `json:"tries"`            // attempts that the note had before this call
	// when the caller answered, milliseconds since 1970 UTC
	Answered int64 `json:"answered,omitempty"`
}

// party is the caller to be called back.
func (s deskState) party(by call.AgentID, since time.Time) party {
	return party{s.Number, s.Municipality, s.Team, by, since}
}

func parseDeskState(s string) (deskState, error) {
	var state deskState
	if err := json.Unmarshal([]byte(s), &state); err != nil {
		return deskState{}, fmt.Errorf("state of a callback: %w", err)
	}
	return state, nil
}

func (s deskState) String() string {
	text, err := json.Marshal(s)
	if err != nil { // plain fields always marshal
		panic(err)
	}
	return string(text)
}

// remember keeps on the channel when the caller answered. Without it the next daemon reads that from the bridge, as
// long as the two talk.
func (d *deskcall) remember(ctx context.Context, answered time.Time) {
	d.kept.Answered = answered.UnixMilli()
	if err := d.line.Remember(ctx, d.kept.String()); err != nil && ctx.Err() == nil {
		d.log.Warn("answer time not kept on the channel; after a restart it is taken from the bridge", "err", err)
	}
}

// TakeBack goes on with a callback that Asterisk kept on a colleague's phone while the daemon was away. A conversation
// goes on undisturbed, and the colleague is asked for the result as in any callback. A caller whose phone only rang was
// hung up, and that attempt is over. It returns when the call is over, or as Operator.TakeBack does; free is called as
// by CallBack.
func (c *Callbacks) TakeBack(ctx context.Context, line Line, colleague call.AgentID, kept Kept, free func()) error {
	state, err := parseDeskState(kept.State)
	if err != nil {
		c.Log.Error(
			"remembered state of a callback is broken; its note gets no result", "agent", colleague, "err", err,
		)
	}
	d := c.deskcall(line, colleague, state, free)
	defer c.Engaged.Release(state.Note)
	if kept.Talk != nil {
		c.Engaged.found(state.Note, state.party(colleague, state.answered(kept.Talk.Since)))
	}
	return d.conclude(ctx, func(ctx context.Context) error {
		if kept.Talk == nil {
			return d.resume(ctx)
		}
		defer d.claim.keep(ctx, 0)()
		return d.talk(ctx, kept.Talk.Leg, state.answered(kept.Talk.Since))
	})
}

// SeeOut goes on with a callback after a restart when its colleague has transferred the caller with their phone. It
// keeps the claim as long as the caller talks, and records for how long. The colleague gives the result elsewhere.
// state is Outside.State, since is the start of the conversation. over returns when that is over, or with ErrShutdown
// when it goes on under the next daemon.
func (c *Callbacks) SeeOut(
	ctx context.Context, colleague call.AgentID, state string, since time.Time, over func() error,
) error {
	kept, err := parseDeskState(state)
	if err != nil {
		c.Log.Error(
			"remembered state of a transferred callback is broken; its note gets no result", "agent",
			colleague, "err", err,
		)
		return over()
	}
	c.Engaged.found(kept.Note, kept.party(colleague, since))
	defer c.Engaged.Release(kept.Note)
	claim := c.deskclaim(colleague, kept)
	defer claim.keep(ctx, 0)()
	if err := over(); err != nil {
		return err
	}
	return claim.unlessRefused(claim.endLine(ctx, time.Since(since)))
}

// answered is when the caller answered, or otherwise when that was not kept.
func (s deskState) answered(otherwise time.Time) time.Time {
	if s.Answered == 0 {
		return otherwise
	}
	return time.UnixMilli(s.Answered)
}

// resume goes on with a callback in which nobody talks. The note tells how far it came.
func (d *deskcall) resume(ctx context.Context) error {
	err := d.claim.insist(ctx, func(ctx context.Context) (err error) {
		d.note, err = d.callbacks.Attempts.Renew(ctx, d.claim.step())
		return err
	})
	if isRefused(err) {
		d.log.Info("callback not resumed: the colleague no longer has the note", "why", err)
		return nil
	}
	if err != nil {
		return err
	}
	if len(d.note.Attempts) <= d.kept.Tries {
		return d.run(ctx) // nobody was rung
	}
	defer d.claim.keep(ctx, d.claim.renewal())()
	a := d.note.Attempts[len(d.note.Attempts)-1]
	switch {
	case d.note.State == note.Claimed:
		return d.confirm(ctx, a.Result)
	case a.Line != attempt.LineUnknown:
		return d.askResult(ctx)
	case d.kept.Answered != 0: // one of them hung up meanwhile: they talked for this long at most
		return d.settle(ctx, attempt.LineAnswered, time.Since(time.UnixMilli(d.kept.Answered)))
	default:
		return d.settle(ctx, attempt.LineAbandoned, 0)
	}
}
