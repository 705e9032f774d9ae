package callback

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// Absence is that a colleague is absent, until he is present again. It is about notes only: whose phone rings is another matter.
type Absence struct {
	Colleague call.AgentID
	Since     time.Time // UTC, whole milliseconds
	By        Actor     // who said so
}

// Presence keeps who is absent. Errors wrap ErrStoreDown or ErrBroken.
type Presence interface {
	// SetAbsent keeps an absence, in the place of the one that there is.
	SetAbsent(ctx context.Context, m call.MunicipalityID, a Absence) error
	// SetPresent ends the absence of a colleague, if he is absent.
	SetPresent(ctx context.Context, m call.MunicipalityID, colleague call.AgentID) error
	// Absence gives the absence of a colleague, and false when he is present. What is broken of others is no error.
	Absence(ctx context.Context, m call.MunicipalityID, colleague call.AgentID) (Absence, bool, error)
	// Absences gives who is absent, by colleague: those that can be read, also when the error says that others are broken.
	Absences(ctx context.Context, m call.MunicipalityID) ([]Absence, error)
}

// EncodeAbsence gives the text in which an absence is stored under its colleague.
func EncodeAbsence(a Absence) string { return a.Since.UTC().Format(storedTime) + " " + string(a.By) }

// DecodeAbsence reads it. The error wraps ErrBroken.
func DecodeAbsence(colleague call.AgentID, text string) (Absence, error) {
	since, by, _ := strings.Cut(text, " ")
	at, err := time.Parse(storedTime, since)
	if err != nil || !Actor(by).valid() {
		return Absence{}, fmt.Errorf("the absence of %s is not a time and who said it: %w", colleague, ErrBroken)
	}
	return Absence{Colleague: colleague, Since: at.UTC(), By: Actor(by)}, nil
}

// Absent keeps that a colleague is absent until he is Present again, gives every note that he has claimed or that is for him in person
// to his team at once, and says how many. What is promised for him in person meanwhile is the team's. The history names who, who says
// that he is absent: the colleague himself, another person, or the system. The notes that could not be released are in the error.
func (w *Worklist) Absent(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, who Actor, at time.Time) (int, error) {
	if err := mayTellOf(colleague, who); err != nil {
		return 0, err
	}
	if _, absent, err := w.Absence(ctx, m, colleague); err != nil && !errors.Is(err, ErrBroken) {
		return 0, fmt.Errorf("look whether %s is absent: %w", colleague, err)
	} else if !absent { // else it stays as it was told first
		a := Absence{Colleague: colleague, Since: at.UTC().Truncate(time.Millisecond), By: who}
		if err := w.store.SetAbsent(ctx, m, a); err != nil {
			return 0, fmt.Errorf("keep that %s is absent: %w", colleague, err)
		}
	}
	return w.releaseAll(ctx, m, colleague, who, at)
}

// Present ends the absence of a colleague. What went to his team stays there.
func (w *Worklist) Present(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, who Actor) error {
	if err := mayTellOf(colleague, who); err != nil {
		return err
	}
	return w.store.SetPresent(ctx, m, colleague)
}

// Absence gives the absence of a colleague, and false when he is present.
func (w *Worklist) Absence(ctx context.Context, m call.MunicipalityID, colleague call.AgentID) (Absence, bool, error) {
	return w.store.Absence(ctx, m, colleague)
}

// Absences gives who is absent, by colleague.
func (w *Worklist) Absences(ctx context.Context, m call.MunicipalityID) ([]Absence, error) {
	return w.store.Absences(ctx, m)
}

// mayTellOf refuses a word about somebody's presence by those who cannot know.
func mayTellOf(colleague call.AgentID, who Actor) error {
	if !isID(string(colleague)) {
		return &RuleError{Event: EventReleased, Text: "the colleague is not an id"}
	}
	if !who.ours() {
		return cannotTellOf(who)
	}
	return nil
}

func cannotTellOf(who Actor) *RuleError {
	return &RuleError{Event: EventReleased, Text: fmt.Sprintf("only a person of ours or the system can say that somebody is absent or present, not %q", who)}
}

// releaseAll gives what a colleague has, and what is for him in person, to his team.
func (w *Worklist) releaseAll(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, who Actor, at time.Time) (int, error) {
	released := 0
	for {
		before := released
		notes, err := w.store.Held(ctx, m, colleague, aRound)
		if err != nil && len(notes) == 0 {
			return released, fmt.Errorf("find the notes of %s: %w", colleague, err)
		}
		problems := []error{err}
		for _, n := range notes {
			_, err := w.advance(ctx, Step{Municipality: m, Note: n.ID, Who: who, At: at}, func(n Note) (Event, error) {
				if n.Holder() != colleague {
					return Event{}, errNotHis
				}
				return Event{Kind: EventReleased, Cause: ReleaseAbsent}, nil
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

// freed gives to their teams what is for absent colleagues in person and nobody has: promised while the store could not say who is
// absent, or made live again. What somebody claimed is his.
func (w *Worklist) freed(ctx context.Context, system Step) ([]Note, error) {
	absences, err := w.store.Absences(ctx, system.Municipality)
	problems := []error{err}
	var freed []Note
	for _, a := range absences {
		notes, err := w.store.Held(ctx, system.Municipality, a.Colleague, aRound)
		problems = append(problems, err)
		for _, n := range notes {
			if n.State != Open {
				continue
			}
			after, err := w.commit(ctx, system, n, func(Note) (Event, error) {
				return Event{Kind: EventReleased, Cause: ReleaseAbsent, Reason: a.reason()}, nil
			})
			if kept(err, &problems) {
				freed = append(freed, after)
			}
		}
	}
	return freed, errors.Join(problems...)
}

// reason says in a history why a note is not for its colleague.
func (a Absence) reason() string {
	return fmt.Sprintf("asked for %s in person, who is absent since %s, says %s", a.Colleague, a.Since.Format(storedTime), a.By)
}

// forWhom gives the note for its team when the colleague that it was asked for is absent, and why; else as it is. While the store does not
// answer it stays as it was asked: the next round looks again.
func (s *Service) forWhom(ctx context.Context, draft Note) (Note, string) {
	if draft.Personal == "" {
		return draft, ""
	}
	absence, absent, _ := s.store.Absence(ctx, draft.Municipality, draft.Personal)
	if !absent {
		return draft, ""
	}
	draft.Personal = ""
	return draft, absence.reason()
}
