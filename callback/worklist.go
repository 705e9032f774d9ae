package callback

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

// aRound is how many notes one round takes of a kind: the rest waits for the next, a second later.
const aRound = 200

// Work is how a municipality works its notes.
type Work struct {
	Location      *time.Location // of its clocks
	ContactCentre call.TeamID    // owns a note that two teams called "not ours"
	Lease         time.Duration  // how long a claim holds unless it is renewed
	Attempts      AttemptPolicy
	Retention     time.Duration // from the closing of a note until its purge; 0 keeps it for ever
}

// WorkRules is what the configuration says about working notes. It is asked for every change, so that a reload counts
// from the next one on.
type WorkRules interface {
	Knows(team call.TeamID) bool
	Work(m call.MunicipalityID) Work
}

// Notes keeps notes and finds them.
type Notes interface {
	note.Store
	note.Reader
}

// WorkStore keeps notes, counts what is done in a day, and knows which colleagues are absent.
type WorkStore interface {
	Notes
	dialling.Tally
	staff.Presence
}

// Joined is a WorkStore put together from its parts, such as a keeper's notes with the rest of a store.
type Joined struct {
	Notes
	dialling.Tally
	staff.Presence
}

// Worklist changes notes as the people who work them ask, and as time passes. It is safe for use by several goroutines
// when its parts are. Its methods give the note as it is after the change. Errors, besides those of Store.Advance:
// ErrNoNote, *IllegalError and *RuleError when the change is at fault; nothing was changed then.
type Worklist struct {
	steps
	rules WorkRules
}

// NewWorklist joins the parts. random is where event ids come from; nil takes the system's.
func NewWorklist(store WorkStore, rules WorkRules, random io.Reader) *Worklist {
	if random == nil {
		random = rand.Reader
	}
	clocks := func(m call.MunicipalityID) *time.Location { return rules.Work(m).Location }
	return &Worklist{steps: steps{store: store, random: random, clocks: clocks}, rules: rules}
}

// Claim gives the note to the colleague who asks, for as long as the lease runs, and ends their absence.
func (w *Worklist) Claim(ctx context.Context, s Step) (note.Note, error) {
	if colleague, ok := s.Who.Agent(); ok {
		if err := w.store.SetPresent(ctx, s.Municipality, colleague); err != nil {
			return note.Note{}, err
		}
	}
	return w.advance(ctx, s, func(note.Note) (note.Event, error) {
		return note.Event{Kind: note.EventClaimed, Hold: w.rules.Work(s.Municipality).Lease}, nil
	})
}

// Renew makes the lease of the note's colleague run anew.
func (w *Worklist) Renew(ctx context.Context, s Step) (note.Note, error) {
	return w.advance(ctx, s, func(note.Note) (note.Event, error) {
		return note.Event{Kind: note.EventRenewed, Hold: w.rules.Work(s.Municipality).Lease}, nil
	})
}

// Release gives the note back to its team; a personal note that nobody claimed, to the team as a whole.
func (w *Worklist) Release(ctx context.Context, s Step, reason string) (note.Note, error) {
	return w.advance(ctx, s, func(note.Note) (note.Event, error) {
		return note.Event{Kind: note.EventReleased, Cause: note.ReleaseByHand, Reason: reason}, nil
	})
}

// StartAttempt writes the attempt before the caller is called: a call cannot be undone. in is the call, empty when the
// colleague dials it themselves.
func (w *Worklist) StartAttempt(ctx context.Context, s Step, in call.ID) (note.Note, error) {
	return w.advance(
		ctx, s,
		func(note.Note) (note.Event, error) { return note.Event{Kind: note.EventAttemptStarted, Call: in}, nil },
	)
}

// EndLine writes the line's result of the attempt, as soon as the call is over: the colleague may report theirs later.
func (w *Worklist) EndLine(ctx context.Context, s Step, line attempt.LineResult, talked time.Duration) (
	note.Note, error,
) {
	return w.advance(ctx, s, func(note.Note) (note.Event, error) {
		return note.Event{
			Kind: note.EventAttemptDialled, Line: line, Talked: max(talked, 0).Truncate(time.Millisecond),
		}, nil
	})
}

// EndAttempt writes the result of the attempt: the line's, if it was dialled here, and the colleague's.
func (w *Worklist) EndAttempt(
	ctx context.Context, s Step, line attempt.LineResult, talked time.Duration, result attempt.Result,
) (note.Note, error) {
	if err := note.CheckResult(result); err != nil {
		return note.Note{}, err
	}
	return w.advance(ctx, s, func(note.Note) (note.Event, error) {
		return note.Event{
			Kind: note.EventAttemptEnded, Line: line, Talked: max(talked, 0).Truncate(time.Millisecond), Result: result,
		}, nil
	})
}

// Reroute sends the note to the team whose it is ("no wrong door"). The deadline stays. When a second team says "not
// ours" since the contact centre last had the note, it goes to the contact centre, which answers for it from then on,
// whatever team was named: read where it went. The contact centre itself sends it where it wants.
func (w *Worklist) Reroute(ctx context.Context, s Step, to call.TeamID, reason string) (note.Note, error) {
	if !w.rules.Knows(to) {
		return note.Note{}, &note.RuleError{
			Event: note.EventRerouted, Text: fmt.Sprintf("team %q is not in the configuration", to),
		}
	}
	return w.advance(ctx, s, func(n note.Note) (note.Event, error) {
		e := note.Event{Kind: note.EventRerouted, Team: to, Reason: reason}
		centre := w.rules.Work(s.Municipality).ContactCentre
		switch {
		case centre == "" || n.Reroutes == 0:
			return e, nil
		case n.Team == centre: // it was named first, and decides where the note goes
		case notOurs(n.Stints, centre) > 0:
			e.Team = centre
		default:
			return e, nil
		}
		if n.Owner != centre {
			e.Owner = centre
		}
		return e, nil
	})
}

// notOurs counts the teams that passed a note on since the contact centre last had it.
func notOurs(stints []note.Stint, centre call.TeamID) int {
	said := 0
	for i := 1; i < len(stints); i++ {
		switch before, after := stints[i-1].Team, stints[i].Team; {
		case after == centre:
			said = 0
		case before != centre && before != after: // a reopened note goes on where it was
			said++
		}
	}
	return said
}

// Raise raises the priority by one.
func (w *Worklist) Raise(ctx context.Context, s Step, reason string) (note.Note, error) {
	return w.advance(
		ctx, s, func(note.Note) (note.Event, error) { return note.Event{Kind: note.EventRaised, Reason: reason}, nil },
	)
}

// Merge counts that the caller asked again for the same, in a call, and raises the priority.
func (w *Worklist) Merge(ctx context.Context, s Step, in call.ID, reason string) (note.Note, error) {
	return w.merge(ctx, s, in, reason)
}

// Comment adds a comment for the next colleague.
func (w *Worklist) Comment(ctx context.Context, s Step, text string) (note.Note, error) {
	return w.advance(
		ctx, s, func(note.Note) (note.Event, error) { return note.Event{Kind: note.EventCommented, Reason: text}, nil },
	)
}

// Resolve closes the note. Unreached needs the attempt policy to be met.
func (w *Worklist) Resolve(ctx context.Context, s Step, as note.Outcome, reason string) (note.Note, error) {
	return w.advance(ctx, s, func(n note.Note) (note.Event, error) {
		e := note.Event{Kind: note.EventResolved, Outcome: as, Reason: reason, NormMet: n.InTime(s.At)}
		if as != note.Unreached {
			return e, nil
		}
		work := w.rules.Work(s.Municipality)
		met, left, ok := work.Attempts.Met(n.Tries(), work.Location)
		if !ok {
			return note.Event{}, &note.RuleError{Event: note.EventResolved, Text: fmt.Sprintf(
				"the caller was not tried often enough to give up: %d more, each in another part of the day", left)}
		}
		e.NormMet = n.InTime(met) // domain.md: outside the norm unless the policy was met before the deadline
		return e, nil
	})
}

// Settle closes the note because a call of the caller settled it: in, empty when it is not known.
func (w *Worklist) Settle(ctx context.Context, s Step, in call.ID, reason string) (note.Note, error) {
	return w.advance(ctx, s, func(n note.Note) (note.Event, error) {
		return note.Event{
			Kind: note.EventResolved, Outcome: note.Settled, Call: in, Reason: reason, NormMet: n.InTime(s.At),
		}, nil
	})
}

// Cancel closes the note because the caller no longer needs it.
func (w *Worklist) Cancel(ctx context.Context, s Step, reason string) (note.Note, error) {
	return w.advance(
		ctx, s,
		func(note.Note) (note.Event, error) { return note.Event{Kind: note.EventCancelled, Reason: reason}, nil },
	)
}

// Reopen makes a closed note live again. Its deadline stays as it was. It is refused when the caller has asked again
// meanwhile and has a live note for the same: they would be rung twice.
func (w *Worklist) Reopen(ctx context.Context, s Step, reason string) (note.Note, error) {
	return w.advance(ctx, s, func(n note.Note) (note.Event, error) {
		notes, err := w.store.ByNumber(ctx, n.Municipality, n.Number, aRound)
		if err != nil && !errors.Is(err, note.ErrBroken) {
			return note.Event{}, err
		}
		for _, other := range notes {
			if other.ID != n.ID && other.State.Live() && other.SameAs(n) {
				return note.Event{}, &note.RuleError{Event: note.EventReopened, Text: fmt.Sprintf(
					"the caller has a live note for the same, %s: go on with that one", other.Reference)}
			}
		}
		return note.Event{Kind: note.EventReopened, Reason: reason}, nil
	})
}
