// Package callback owns what is done with callback notes: the promise to a caller, the work-list of colleagues, and the
// rounds that look after leases, deadlines and retention.
package callback

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
)

const (
	// answerWithin bounds a promise: a waiting caller hears silence after half a second.
	answerWithin = 430 * time.Millisecond
	// lookWithin bounds the lookups before it: limits and absences. Storing the note must fit in what is left.
	lookWithin = 150 * time.Millisecond
	// referenceTries bounds the search for a free reference. With a million notes one in nine is taken: ten tries in a
	// row fail once in three thousand million times.
	referenceTries = 10

	firstYear = 2000 // before it the clock or the time was never set
	lastYear  = 9999 // RFC 3339 writes no more
)

// Norm gives the term within which a team must have called back (service norm: one working day).
type Norm interface {
	Term(team call.TeamID, made time.Time) (Term, error)
}

// Term has the moments of the norm's clock for a note. Times are instants in any zone.
type Term struct {
	Warn     time.Time // the warning point, before Deadline; zero for none
	Deadline time.Time // after the note is made
}

// Rules is what the configuration says about promises. It is asked for every request, so that a reload counts from the
// next request on.
type Rules interface {
	Knows(team call.TeamID) bool
	Policy(m call.MunicipalityID) dialling.Policy
}

// Request asks for a note. Every field is required unless its comment says otherwise.
type Request struct {
	Key          note.Key // see CallKey
	At           time.Time
	Who          note.Actor
	Municipality call.MunicipalityID
	Team         call.TeamID
	Number       call.Number // to call back
	// the number that the caller's line showed; zero for none. Another Number makes the note unverified
	Shown    call.Number
	Separate bool          // about something else than the caller's other notes: never a repeat contact
	Language string        // the caller's, such as "nl"
	Call     call.ID       // optional
	Name     string        // optional: of the person to ask for
	Subject  string        // optional
	Reason   string        // optional
	Personal call.AgentID  // optional: the colleague that it is for
	Window   calendar.Span // optional: when the caller would like to be called
}

// Service makes promises. It is safe for use by several goroutines when its parts are.
type Service struct {
	store  WorkStore
	steps  steps
	rules  Rules
	norm   Norm
	random io.Reader

	meanwhile dialling.LocalTally // counts while the store cannot
}

// NewService joins the parts. random is where ids and references come from; nil takes the system's.
func NewService(store WorkStore, rules Rules, norm Norm, random io.Reader) *Service {
	if random == nil {
		random = rand.Reader
	}
	return &Service{store: store, steps: steps{store: store, random: random}, rules: rules, norm: norm, random: random}
}

// How is what Promise did.
type How string

// The answers of Promise.
const (
	Made   How = "made"   // a new note
	Merged How = "merged" // a live note promised the same already: the request counts as a repeat contact of it
	Known  How = "known"  // the same request, by its key, had made the note before: nothing changed
	Reused How = "reused" // another request with the same key had made the note before: nothing was promised now
)

// Promise turns a request into a note. When it returns without an error the note is durable and may be confirmed to the
// caller. Prompts must use the returned note, which another request may have made: How tells. It takes at most half a
// second. It goes on when ctx is cancelled: a caller who confirms and hangs up has asked, and half a write helps
// nobody. The error is a *dialling.Refusal when the request is at fault; any other error means "not possible now", and
// wraps note.ErrStoreDown when that is why.
func (s *Service) Promise(ctx context.Context, r Request) (note.Note, How, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
	defer cancel()
	if err := s.check(r); err != nil {
		return note.Note{}, "", err
	}
	draft, err := s.draft(r)
	if err != nil {
		return note.Note{}, "", err
	}
	look, seen := context.WithTimeout(ctx, lookWithin)
	defer seen()
	count, full := s.within(look, r)
	if full != nil {
		if n, how, ok := s.standing(ctx, draft, r); ok {
			return n, how, nil
		}
		return note.Note{}, "", full
	}
	draft, why := s.forWhom(look, draft)
	for range referenceTries {
		if draft.Reference, err = note.NewReference(s.random); err != nil {
			return note.Note{}, "", err
		}
		made := note.Made(draft, r.Who)
		made.Reason = why
		n, err := s.store.Make(ctx, made)
		if err == nil {
			count.answeredBy(ctx, n, r.Key)
			if n.ID != draft.ID {
				return n, s.again(ctx, r, n), nil
			}
			return n, Made, nil
		}
		if open := (*note.OpenError)(nil); errors.As(err, &open) {
			n, err = s.merge(ctx, open.Note, r)
			if closed := (*note.IllegalError)(nil); errors.As(err, &closed) {
				continue // closed meanwhile: it is in nobody's way now
			}
			count.answeredBy(ctx, n, r.Key)
			return n, Merged, err
		}
		if !errors.Is(err, note.ErrReferenceTaken) {
			return note.Note{}, "", fmt.Errorf("promise a callback: %w", err)
		}
	}
	return note.Note{}, "", fmt.Errorf(
		"promise a callback: %w, %d times in a row: is the random source working?", note.ErrReferenceTaken,
		referenceTries,
	)
}

// merge counts the request as a repeat contact of the live note for the same, and gives that. A call counts once. So
// does a request without a call: its key stands for it.
func (s *Service) merge(ctx context.Context, open note.Note, r Request) (note.Note, error) {
	in := cmp.Or(r.Call, call.ID(r.Key))
	step := Step{Municipality: r.Municipality, Note: open.ID, Who: r.Who, At: r.At}
	var n note.Note
	var err error
	for range staleTries {
		events, unread := s.store.Events(ctx, open.Municipality, open.ID)
		if slices.ContainsFunc(events, func(e note.Event) bool { return e.Kind == note.EventMerged && e.Call == in }) {
			return open, nil
		}
		if step.Ver = 0; unread == nil {
			step.Ver = note.Version(events) // so that the same request from another side cannot count in between
		}
		n, err = s.steps.merge(ctx, step, in, r.Reason)
		if stale := (*note.StaleError)(nil); !errors.As(err, &stale) {
			break
		}
	}
	if err != nil {
		return note.Note{}, fmt.Errorf("promise a callback: merge the request into the note that there is: %w", err)
	}
	return n, nil
}

// draft is the note that the request asks for, without a reference.
func (s *Service) draft(r Request) (note.Note, error) {
	made := r.At.UTC().Truncate(time.Millisecond)
	term, err := s.norm.Term(r.Team, made)
	if err != nil {
		return note.Note{}, fmt.Errorf("promise a callback: the deadline of team %s: %w", r.Team, err)
	}
	if !term.Deadline.After(made) || term.Deadline.Year() > lastYear {
		return note.Note{}, fmt.Errorf(
			"promise a callback: the deadline of team %s is not a moment after the promise: check its calendar", r.Team,
		)
	}
	number, err := call.ParseNumber(r.Number.E164) // only the digits are believed
	if err != nil {
		return note.Note{}, dialling.Refuse(dialling.CodeInvalid, "the number does not exist")
	}
	id, err := ulid.New(ulid.Timestamp(made), s.random)
	if err != nil {
		return note.Note{}, fmt.Errorf("promise a callback: draw an id: %w", err)
	}
	n := note.Note{
		ID:           note.ID(id.String()),
		Municipality: r.Municipality,
		Team:         r.Team,
		Owner:        r.Team,
		Key:          r.Key,
		Call:         r.Call,
		Number:       number,
		Verified:     r.Shown.E164 == number.E164,
		Separate:     r.Separate,
		Language:     r.Language,
		Name:         strings.TrimSpace(r.Name),
		Subject:      strings.TrimSpace(r.Subject),
		Reason:       r.Reason,
		Personal:     r.Personal,
		Window:       r.Window,
		Made:         made,
		Warn:         term.Warn.UTC().Truncate(time.Millisecond),
		Deadline:     term.Deadline.UTC().Truncate(time.Millisecond),
	}
	if r.Shown.E164 != number.E164 {
		n.Shown = call.Number{E164: r.Shown.E164}
	}
	return n, nil
}

// check refuses a request that cannot become a note. Faults of the asking code come first, so that a caller is never
// blamed for them.
func (s *Service) check(r Request) error {
	switch {
	case !call.IsID(string(r.Municipality)):
		return dialling.Refuse(dialling.CodeRequest, "the municipality is missing or not an id")
	case !call.IsID(string(r.Team)):
		return dialling.Refuse(dialling.CodeRequest, "the team is missing or not an id")
	case !s.rules.Knows(r.Team):
		return dialling.Refuse(dialling.CodeTeam, "team %s is not in the configuration", r.Team)
	case !r.Key.Valid():
		return dialling.Refuse(
			dialling.CodeRequest, "the key is missing, longer than %d characters, or holds more than printable ASCII",
			note.MaxKey,
		)
	case r.At.Year() < firstYear || r.At.Year() > lastYear:
		return dialling.Refuse(dialling.CodeRequest, "the time of the request is missing or impossible")
	case !r.Who.Valid():
		return dialling.Refuse(dialling.CodeRequest, "the actor is missing")
	case !call.IsID(r.Language):
		return dialling.Refuse(dialling.CodeRequest, "the language is missing or not a code such as nl")
	case !note.IsText(string(r.Call), note.MaxKey):
		return dialling.Refuse(dialling.CodeRequest, "the call id is too long or not text")
	case !note.IsText(r.Name, note.MaxName):
		return dialling.Refuse(dialling.CodeRequest, "the name is longer than %d characters or not text", note.MaxName)
	case !note.IsText(r.Subject, note.MaxSubject):
		return dialling.Refuse(
			dialling.CodeRequest, "the subject is longer than %d characters or not text", note.MaxSubject,
		)
	case r.Personal != "" && !call.IsID(string(r.Personal)):
		return dialling.Refuse(dialling.CodeRequest, "the colleague is not an id")
	case r.Window.From < 0 || r.Window.To > calendar.EndOfDay ||
		r.Window != (calendar.Span{}) && r.Window.From >= r.Window.To:
		return dialling.Refuse(dialling.CodeRequest, "the window is not a part of a day")
	case !note.IsText(r.Reason, note.MaxReason):
		return dialling.Refuse(
			dialling.CodeRequest, "the reason is longer than %d characters or not text", note.MaxReason,
		)
	}
	return dialling.Dialable(s.rules.Policy(r.Municipality), r.Number)
}
