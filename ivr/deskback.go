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

// deskState is what must outlive the daemon of a callback that is being made, besides what its note says. It is kept on
// the channel of the colleague's phone.
type deskState struct {
	Municipality call.MunicipalityID `json:"municipality"`
	Note         note.ID             `json:"note"`
	Team         call.TeamID         `json:"team,omitempty"`   // that the note was with
	Number       string              `json:"number,omitempty"` // E.164, that is called, by nobody else meanwhile
	Tries        int                 `json:"tries"`            // attempts that the note had before this call
	// when the caller answered, milliseconds since 1970 UTC
	Answered int64 `json:"answered,omitempty"`
}

// party is who is called.
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

// remember keeps on the channel that the caller has answered. Without it a daemon that takes the call over still knows,
// as long as the two talk.
func (d *deskcall) remember(ctx context.Context, answered time.Time) {
	d.kept.Answered = answered.UnixMilli()
	if err := d.line.Remember(ctx, d.kept.String()); err != nil && ctx.Err() == nil {
		d.log.Warn("a callback that is taken back will not know when it was answered", "err", err)
	}
}

// TakeBack goes on with a callback that Asterisk kept on a colleague's phone while the daemon was away, from where it
// was: two who talk are left alone, and the colleague is asked what came of it as in a call that was not broken. A
// caller whose phone rang meanwhile was let go, and that attempt is over. It returns when the call is over, or as
// Operator.TakeBack does; free is told as CallBack does.
func (c *Callbacks) TakeBack(ctx context.Context, line Line, colleague call.AgentID, kept Kept, free func()) error {
	state, err := parseDeskState(kept.State)
	if err != nil {
		c.Log.Error(
			"what was remembered of a callback is broken; nothing is written of it", "agent", colleague, "err", err,
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

// SeeOut goes on with what is left of a callback once its colleague has put the caller through with his phone and a
// daemon has gone: the claim holds as long as the caller talks, and for how long he did is written. What came of it the
// colleague says elsewhere. state is what Outside.State said, since when the two began to talk. over returns when their
// conversation is over, or with ErrShutdown when it goes on under the next daemon.
func (c *Callbacks) SeeOut(
	ctx context.Context, colleague call.AgentID, state string, since time.Time, over func() error,
) error {
	kept, err := parseDeskState(state)
	if err != nil {
		c.Log.Error(
			"what was remembered of a callback that was put through is broken; nothing is written of it", "agent",
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
	return claim.unlessSaid(claim.endLine(ctx, time.Since(since)))
}

// answered is when the caller answered, and otherwise when that was not written down.
func (s deskState) answered(otherwise time.Time) time.Time {
	if s.Answered == 0 {
		return otherwise
	}
	return time.UnixMilli(s.Answered)
}

// resume goes on with a callback in which nobody talks. The note says how far it came.
func (d *deskcall) resume(ctx context.Context) error {
	err := d.claim.insist(ctx, func(ctx context.Context) (err error) {
		d.note, err = d.callbacks.Attempts.Renew(ctx, d.claim.step())
		return err
	})
	if notHis(err) {
		d.log.Info("a callback that was taken back is about a note that is no longer his", "why", err)
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
	case d.kept.Answered != 0: // one of them hung up while nobody looked: they talked for so long at most
		return d.settle(ctx, attempt.LineAnswered, time.Since(time.UnixMilli(d.kept.Answered)))
	default:
		return d.settle(ctx, attempt.LineAbandoned, 0)
	}
}
