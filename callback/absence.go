package callback

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

// Absent keeps that a colleague is absent until he is Present again, gives every note that he has claimed or that is
// for him in person to his team at once, and says how many. What is promised for him in person meanwhile is the team's.
// The history names who, who says that he is absent: the colleague himself, another person, or the system. The notes
// that could not be released are in the error.
func (w *Worklist) Absent(
	ctx context.Context, m call.MunicipalityID, colleague call.AgentID, who note.Actor, at time.Time,
) (int, error) {
	if err := mayTellOf(colleague, who); err != nil {
		return 0, err
	}
	if _, absent, err := w.Absence(ctx, m, colleague); err != nil && !errors.Is(err, note.ErrBroken) {
		return 0, fmt.Errorf("look whether %s is absent: %w", colleague, err)
	} else if !absent { // else it stays as it was told first
		a := staff.Absence{Colleague: colleague, Since: at.UTC().Truncate(time.Millisecond), By: who}
		if err := w.store.SetAbsent(ctx, m, a); err != nil {
			return 0, fmt.Errorf("keep that %s is absent: %w", colleague, err)
		}
	}
	return w.releaseAll(ctx, m, colleague, who, at)
}

// Present ends the absence of a colleague. What went to his team stays there.
func (w *Worklist) Present(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, who note.Actor) error {
	if err := mayTellOf(colleague, who); err != nil {
		return err
	}
	return w.store.SetPresent(ctx, m, colleague)
}

// Absence gives the absence of a colleague, and false when he is present.
func (w *Worklist) Absence(ctx context.Context, m call.MunicipalityID, colleague call.AgentID) (
	staff.Absence, bool, error,
) {
	return w.store.Absence(ctx, m, colleague)
}

// Absences gives who is absent, by colleague.
func (w *Worklist) Absences(ctx context.Context, m call.MunicipalityID) ([]staff.Absence, error) {
	return w.store.Absences(ctx, m)
}

// mayTellOf refuses a word about somebody's presence by those who cannot know.
func mayTellOf(colleague call.AgentID, who note.Actor) error {
	if !call.IsID(string(colleague)) {
		return &note.RuleError{Event: note.EventReleased, Text: "the colleague is not an id"}
	}
	return who.CheckPresence()
}

// releaseAll gives what a colleague has, and what is for him in person, to his team.
func (w *Worklist) releaseAll(
	ctx context.Context, m call.MunicipalityID, colleague call.AgentID, who note.Actor, at time.Time,
) (int, error) {
	released := 0
	for {
		before := released
		notes, err := w.store.Held(ctx, m, colleague, aRound)
		if err != nil && len(notes) == 0 {
			return released, fmt.Errorf("find the notes of %s: %w", colleague, err)
		}
		problems := []error{err}
		for _, n := range notes {
			_, err := w.advance(ctx, Step{Municipality: m, Note: n.ID, Who: who, At: at}, func(n note.Note) (
				note.Event, error,
			) {
				if n.Holder() != colleague {
					return note.Event{}, errNotHis
				}
				return note.Event{Kind: note.EventReleased, Cause: note.ReleaseAbsent}, nil
			})
			if err == nil {
				released++
			} else if !errors.Is(err, errNotHis) {
				problems = append(problems, err)
			}
		}
		if len(notes) < aRound || released == before {
			return released, errors.Join(problems...)
		}
	}
}

// errNotHis ends a release that is no longer needed.
var errNotHis = errors.New("it is not his any more")

// freed gives to their teams what is for absent colleagues in person and nobody has: promised while the store could not
// say who is absent, or made live again. What somebody claimed is his.
func (w *Worklist) freed(ctx context.Context, system Step) ([]note.Note, error) {
	absences, err := w.store.Absences(ctx, system.Municipality)
	problems := []error{err}
	var freed []note.Note
	for _, a := range absences {
		notes, err := w.store.Held(ctx, system.Municipality, a.Colleague, aRound)
		problems = append(problems, err)
		for _, n := range notes {
			if n.State != note.Open {
				continue
			}
			after, err := w.commit(ctx, system, n, func(note.Note) (note.Event, error) {
				return note.Event{Kind: note.EventReleased, Cause: note.ReleaseAbsent, Reason: a.Reason()}, nil
			})
			if kept(err, &problems) {
				freed = append(freed, after)
			}
		}
	}
	return freed, errors.Join(problems...)
}

// forWhom gives the note for its team when the colleague that it was asked for is absent, and why; else as it is. While
// the store does not answer it stays as it was asked: the next round looks again.
func (s *Service) forWhom(ctx context.Context, draft note.Note) (note.Note, string) {
	if draft.Personal == "" {
		return draft, ""
	}
	absence, absent, _ := s.store.Absence(ctx, draft.Municipality, draft.Personal)
	if !absent {
		return draft, ""
	}
	draft.Personal = ""
	return draft, absence.Reason()
}
