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

// Absent keeps that a colleague is absent until Present, releases the notes that they claimed and those for them in
// person to the team at once, and says how many. New notes for them in person go to the team meanwhile. The history
// names the actor who reported the absence: the colleague, another person, or the system. The notes that could not be
// released are in the error.
func (w *Worklist) Absent(
	ctx context.Context, m call.MunicipalityID, colleague call.AgentID, who note.Actor, at time.Time,
) (int, error) {
	if err := mayTellOf(colleague, who); err != nil {
		return 0, err
	}
	if _, absent, err := w.Absence(ctx, m, colleague); err != nil && !errors.Is(err, note.ErrBroken) {
		return 0, fmt.Errorf("look whether %s is absent: %w", colleague, err)
	} else if !absent { // else the first report stands
		a := staff.Absence{Colleague: colleague, Since: at.UTC().Truncate(time.Millisecond), By: who}
		if err := w.store.SetAbsent(ctx, m, a); err != nil {
			return 0, fmt.Errorf("keep that %s is absent: %w", colleague, err)
		}
	}
	return w.releaseAll(ctx, m, colleague, who, at)
}

// Present ends the absence of a colleague. Released notes stay with the team.
func (w *Worklist) Present(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, who note.Actor) error {
	if err := mayTellOf(colleague, who); err != nil {
		return err
	}
	return w.store.SetPresent(ctx, m, colleague)
}

// Absence gives the absence of a colleague, and false when they are present.
func (w *Worklist) Absence(ctx context.Context, m call.MunicipalityID, colleague call.AgentID) (
	staff.Absence, bool, error,
) {
	return w.store.Absence(ctx, m, colleague)
}

// Absences gives the absences, by colleague.
func (w *Worklist) Absences(ctx context.Context, m call.MunicipalityID) ([]staff.Absence, error) {
	return w.store.Absences(ctx, m)
}

// mayTellOf refuses a report about a colleague's presence by an actor who cannot know.
func mayTellOf(colleague call.AgentID, who note.Actor) error {
	if !call.IsID(string(colleague)) {
		return &note.RuleError{Event: note.EventReleased, Text: "the colleague is not an id"}
	}
	return who.CheckPresence()
}

// releaseAll releases a colleague's claimed and personal notes to the team.
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
					return note.Event{}, errNotTheirs
				}
				return note.Event{Kind: note.EventReleased, Cause: note.ReleaseAbsent}, nil
			})
			if err == nil {
				released++
			} else if !errors.Is(err, errNotTheirs) {
				problems = append(problems, err)
			}
		}
		if len(notes) < aRound || released == before {
			return released, errors.Join(problems...)
		}
	}
}

// errNotTheirs ends a release that is no longer needed.
var errNotTheirs = errors.New("it is not theirs any more")

// freed releases the open personal notes of absent colleagues to the team: those promised while the store could not
// give the absences, and reopened ones. A claimed note stays with its colleague.
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

// forWhom gives the note for its team when the colleague that it is for is absent, and why; else as it is. While the
// store does not answer it stays as it is: the next round looks again.
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
