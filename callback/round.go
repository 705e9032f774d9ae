package callback

import (
	"context"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Round is what one round did.
type Round struct {
	Lapsed  []note.Note // claims whose lease had run out: open again
	Warned  []note.Note // the warning point had passed
	Overdue []note.Note // the deadline had passed
	Freed   []note.Note // personal notes of absent colleagues: the team's now
	Purged  int         // closed notes whose personal content was removed
}

// renewFirst is how long the store must have answered before claims lapse: while it was away nobody could renew, and by
// then a colleague with the shortest lease that can be configured has renewed it.
const renewFirst = time.Minute

// RoundSince does what the passing of time asks of a municipality's notes: claims lapse, warnings and overdue notes are
// raised, notes for absent colleagues go to the team, old notes are purged. A round makes up for those that were
// missed. It takes a bounded number of each kind, so make rounds often. Notes that could not be changed are in the
// error; the others were. answers is when the store began to answer again, zero when it was not away: until a minute
// after it no claim lapses, so that its colleague can renew it.
func (w *Worklist) RoundSince(ctx context.Context, m call.MunicipalityID, now, answers time.Time) (Round, error) {
	var r Round
	var problems []error
	system := Step{Municipality: m, Who: note.BySystem, At: now}
	if now.Sub(answers) >= renewFirst {
		r.Lapsed = w.lapse(ctx, system, &problems)
	}

	marked, err := w.store.Marked(ctx, m, now, aRound)
	problems = append(problems, err)
	for _, n := range marked {
		kind, _, _ := n.NextMark()
		after, err := w.commit(
			ctx, system, n, func(note.Note) (note.Event, error) { return note.Event{Kind: kind}, nil },
		)
		switch {
		case !kept(err, &problems):
		case kind == note.EventWarned:
			r.Warned = append(r.Warned, after)
		default:
			r.Overdue = append(r.Overdue, after)
		}
	}

	r.Freed, err = w.freed(ctx, system)
	problems = append(problems, err)

	if keep := w.rules.Work(m).Retention; keep > 0 {
		old, err := w.store.ClosedBefore(ctx, m, now.Add(-keep), aRound)
		problems = append(problems, err)
		for _, n := range old {
			err := w.purge(ctx, n, now, note.BySystem, "retention")
			if kept(err, &problems) {
				r.Purged++
			}
		}
	}
	return r, errors.Join(problems...)
}

// lapse opens the notes whose claim has run out.
func (w *Worklist) lapse(ctx context.Context, s Step, problems *[]error) []note.Note {
	var done []note.Note
	lapsed, err := w.store.Lapsed(ctx, s.Municipality, aRound)
	*problems = append(*problems, err)
	for _, n := range lapsed {
		after, err := w.commit(ctx, s, n, func(note.Note) (note.Event, error) {
			return note.Event{Kind: note.EventReleased, Cause: note.ReleaseLapsed}, nil
		})
		if kept(err, problems) {
			done = append(done, after)
		}
	}
	return done
}

// kept reports whether a change was stored. A change that came first is no problem: the next round sees the result.
func kept(err error, problems *[]error) bool {
	var stale *note.StaleError
	var held *note.HeldError
	if err != nil && !errors.As(err, &stale) && !errors.As(err, &held) {
		*problems = append(*problems, err)
	}
	return err == nil
}

// Erase removes what is personal from every note of a number, on the request of the person (AVG, article 17): those to
// ring it back, and those that were asked for from it. Live notes are cancelled first: nobody can be called back then.
// It says how many were erased; the others are in the error.
func (w *Worklist) Erase(
	ctx context.Context, m call.MunicipalityID, number call.Number, who note.Actor, now time.Time,
) (int, error) {
	erased := 0
	for {
		before := erased
		notes, err := w.store.ByNumber(ctx, m, number, aRound)
		problems := []error{err}
		for _, n := range notes {
			if n.State.Live() {
				n, err = w.advance(ctx, Step{Municipality: m, Note: n.ID, Who: who, At: now}, func(note.Note) (
					note.Event, error,
				) {
					return note.Event{Kind: note.EventCancelled, Reason: "erased on request"}, nil
				})
				if err != nil {
					problems = append(problems, err)
					continue
				}
			}
			if err = w.purge(ctx, n, now, who, "erased on request"); err != nil {
				problems = append(problems, err)
				continue
			}
			erased++
		}
		if len(notes) < aRound || erased == before { // the others are still in the list
			return erased, errors.Join(problems...)
		}
	}
}

func (w *Worklist) purge(ctx context.Context, n note.Note, at time.Time, who note.Actor, why string) error {
	at = at.UTC().Truncate(time.Millisecond)
	id, err := ulid.New(ulid.Timestamp(at), w.random)
	if err != nil {
		return err
	}
	_, err = w.store.Advance(ctx, n, note.Remains(n, note.EventID(id.String()), at, who, why))
	return err
}
