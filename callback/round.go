package callback

import (
	"context"
	"errors"
	"time"

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

// kept reports whether a change was stored. A change that came first is no problem: the next round sees the result.
func kept(err error, problems *[]error) bool {
	var stale *note.StaleError
	var held *note.HeldError
	if err != nil && !errors.As(err, &stale) && !errors.As(err, &held) {
		*problems = append(*problems, err)
	}
	return err == nil
}
