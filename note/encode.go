package note

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
)

// encodingVersion is written with every stored note and event. A reader that meets another one refuses to guess. Adding
// a field that may be absent needs no new version; changing what a field means does.
const encodingVersion = "1"

// The names of the stored fields. A store compares fieldVer. fieldLease, in a note, and fieldUntil, in its event, are a
// lease's end by the store's clock, in milliseconds since 1970.
const (
	fieldState     = "state"
	fieldVer       = "ver"
	fieldReference = "reference"
	fieldLease     = "lease"
	fieldUntil     = "until"
	fieldEventID   = "event_id"

	fieldVersion      = "v"
	fieldID           = "id"
	fieldMunicipality = "municipality"
	fieldTeam         = "team"
	fieldOwner        = "owner"
	fieldColleague    = "colleague"
	fieldKey          = "key"
	fieldCall         = "call"
	fieldNumber       = "number"
	fieldKind         = "number_kind"
	fieldCountry      = "number_country"
	fieldVerified     = "verified"
	fieldShown        = "shown"
	fieldSeparate     = "separate"
	fieldLanguage     = "language"
	fieldName         = "name"
	fieldSubject      = "subject"
	fieldReason       = "reason"
	fieldMade         = "made"
	fieldDeadline     = "deadline"
	fieldPersonal     = "personal"
	fieldWindow       = "window"
	fieldWarn         = "warn"
	fieldMark         = "mark"
	fieldPriority     = "priority"
	fieldRepeats      = "repeats"
	fieldReroutes     = "reroutes"
	fieldAttempts     = "attempts" // JSON, see storedAttempt
	fieldEarlier      = "earlier"
	fieldStints       = "stints" // JSON, see storedStint
	fieldOutcome      = "outcome"
	fieldNormMet      = "norm_met"
	fieldClosed       = "closed"

	fieldNote   = "note"
	fieldEvent  = "event"
	fieldAt     = "at"
	fieldWho    = "who"
	fieldCause  = "cause"
	fieldHold   = "hold_ms"
	fieldLine   = "line"
	fieldTalked = "talked_ms"
	fieldResult = "result"

	// before the fields of the note that an event carries: as it was made, or what remains when it is purged
	basePrefix = "note."
)

// storedTime is RFC 3339 in UTC with milliseconds: readable in redis-cli, and never rounded.
const storedTime = "2006-01-02T15:04:05.000Z07:00"

// ErrBroken is wrapped by every error about stored content that cannot be read. Nothing is lost: the stored content
// stays as it is.
var ErrBroken = errors.New("stored content is broken")

// FieldError names the stored field that cannot be read. It never repeats the content, which may be personal.
type FieldError struct {
	Field   string
	Problem string
}

// Error names the field and what is wrong with it.
func (e *FieldError) Error() string { return fmt.Sprintf("field %q %s", e.Field, e.Problem) }

// Unwrap makes it an ErrBroken.
func (e *FieldError) Unwrap() error { return ErrBroken }

// DecodeNote reads a note from its stored fields. Fields that it does not know are left alone. The error is a
// *FieldError.
func DecodeNote(fields map[string]string) (Note, error) {
	r := reader{fields: fields}
	r.version()
	n := r.note()
	if r.err != nil {
		return Note{}, r.err
	}
	return n, nil
}

// note reads a note as EncodeNote writes it.
func (r *reader) note() Note {
	state := State(r.one(fieldState, isState, "is not a state of a note"))
	n := r.promise(state)
	n.State = state
	n.Ver = r.count(fieldVer)
	n.Colleague = call.AgentID(r.optional(fieldColleague))
	n.Lease = r.maybeMilli(fieldLease)
	n.Mark = Mark(r.maybe(fieldMark, isMark, "is not a mark of the norm"))
	n.Priority = r.maybeCount(fieldPriority)
	n.Repeats = r.maybeCount(fieldRepeats)
	n.Reroutes = r.maybeCount(fieldReroutes)
	n.Attempts = r.attempts()
	if n.Earlier = r.maybeCount(fieldEarlier); n.Earlier > len(n.Attempts) {
		r.fail(fieldEarlier, "is more than there are attempts")
	}
	n.Stints = r.stints()
	n.Outcome = Outcome(r.maybe(fieldOutcome, isOutcome, "is not an outcome of a note"))
	n.NormMet = r.maybe(fieldNormMet, isBool, "is neither true nor false") == "true"
	n.Closed = r.maybeTime(fieldClosed)
	return n
}

// DecodeEvent reads an event from its stored fields. The error is a *FieldError.
func DecodeEvent(fields map[string]string) (Event, error) {
	r := reader{fields: fields}
	r.version()
	e := Event{
		ID:      EventID(r.one(fieldEventID, isULID, "is not an event id (ULID)")),
		Note:    ID(r.one(fieldNote, isULID, "is not a note id (ULID)")),
		Kind:    EventKind(r.one(fieldEvent, isEvent, "is not an event in the life of a note")),
		Ver:     r.count(fieldVer),
		At:      r.time(fieldAt),
		Who:     Actor(r.one(fieldWho, func(s string) bool { return Actor(s).Valid() }, "is not an actor")),
		Reason:  r.optional(fieldReason),
		Team:    call.TeamID(r.optional(fieldTeam)),
		Owner:   call.TeamID(r.optional(fieldOwner)),
		Call:    call.ID(r.optional(fieldCall)),
		Cause:   ReleaseCause(r.maybe(fieldCause, isCause, "is not a cause of a release")),
		Hold:    r.maybeDuration(fieldHold),
		Until:   r.maybeMilli(fieldUntil),
		Line:    attempt.LineResult(r.maybe(fieldLine, isLine, "is not what a line can tell")),
		Talked:  r.maybeDuration(fieldTalked),
		Result:  attempt.Result(r.maybe(fieldResult, isResult, "is not a result of an attempt")),
		Outcome: Outcome(r.maybe(fieldOutcome, isOutcome, "is not an outcome of a note")),
		NormMet: r.maybe(fieldNormMet, isBool, "is neither true nor false") == "true",
	}
	if r.err == nil && (e.Kind == EventMade || e.Kind == EventPurged) {
		base := reader{fields: cut(fields, basePrefix), prefix: basePrefix}
		var n Note
		if e.Kind == EventMade {
			n = base.promise(Open)
		} else {
			n = base.note()
			n.State, n.Ver = None, 0 // the event has them
		}
		e.Base, r.err = &n, base.err
	}
	if r.err != nil {
		return Event{}, r.err
	}
	return e, nil
}

// cut gives the fields that begin with prefix, without it.
func cut(fields map[string]string, prefix string) map[string]string {
	inner := make(map[string]string, len(fields))
	for name, value := range fields {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			inner[rest] = value
		}
	}
	return inner
}

// reader reads stored fields and keeps the first problem.
type reader struct {
	fields map[string]string
	prefix string // of the names in errors
	err    error
}

func (r *reader) version() {
	r.one(fieldVersion, func(s string) bool { return s == encodingVersion },
		"is not version "+encodingVersion+", the only one that this program reads: another version of it wrote this")
}

// promise reads the fields of a new note. A purged note no longer has all of them.
func (r *reader) promise(state State) Note {
	n := Note{
		ID:           ID(r.one(fieldID, isULID, "is not a note id (ULID)")),
		Municipality: call.MunicipalityID(r.required(fieldMunicipality)),
		Team:         call.TeamID(r.required(fieldTeam)),
		Owner:        call.TeamID(r.required(fieldOwner)),
		Personal:     call.AgentID(r.optional(fieldPersonal)),
		Call:         call.ID(r.optional(fieldCall)),
		Verified:     r.one(fieldVerified, isBool, "is neither true nor false") == "true",
		Shown:        call.Number{E164: r.maybe(fieldShown, isE164, "is not a number in international form")},
		Separate:     r.maybe(fieldSeparate, isBool, "is neither true nor false") == "true",
		Language:     r.required(fieldLanguage),
		Name:         r.optional(fieldName),
		Subject:      r.optional(fieldSubject),
		Reason:       r.optional(fieldReason),
		Window:       r.window(),
		Made:         r.time(fieldMade),
		Warn:         r.maybeTime(fieldWarn),
		Deadline:     r.time(fieldDeadline),
	}
	if state == Purged {
		return n
	}
	n.Reference = Reference(r.one(fieldReference, isReference, "is not a valid reference"))
	n.Key = Key(r.required(fieldKey))
	n.Number = call.Number{
		E164:    r.one(fieldNumber, isE164, "is not a number in international form"),
		Kind:    call.Kind(r.required(fieldKind)),
		Country: r.optional(fieldCountry),
	}
	return n
}

func (r *reader) window() calendar.Span {
	text := r.optional(fieldWindow)
	if text == "" {
		return calendar.Span{}
	}
	span, err := calendar.ParseSpan(text)
	if err != nil {
		r.fail(fieldWindow, "is not a part of a day such as 09:00-12:00")
	}
	return span
}

func (r *reader) optional(name string) string { return r.fields[name] }

func (r *reader) required(name string) string {
	value := r.fields[name]
	if value == "" {
		r.fail(name, "is missing")
	}
	return value
}

// maybe is one for a field that may be absent.
func (r *reader) maybe(name string, ok func(string) bool, problem string) string {
	if r.fields[name] == "" {
		return ""
	}
	return r.one(name, ok, problem)
}

func (r *reader) one(name string, ok func(string) bool, problem string) string {
	value := r.required(name)
	if value != "" && !ok(value) {
		r.fail(name, problem)
	}
	return value
}

func (r *reader) count(name string) uint64 {
	n, err := strconv.ParseUint(r.required(name), 10, 63)
	if err != nil || n == 0 {
		r.fail(name, "is not a count from 1")
	}
	return n
}

func (r *reader) time(name string) time.Time {
	t, err := time.Parse(storedTime, r.required(name))
	if err != nil {
		r.fail(name, "is not a time such as "+storedTime)
	}
	return t.UTC()
}

func (r *reader) maybeTime(name string) time.Time {
	if r.fields[name] == "" {
		return time.Time{}
	}
	return r.time(name)
}

// maybeInt reads a number of milliseconds or things that may be absent, and is not negative.
func (r *reader) maybeInt(name string, most int64) int64 {
	if r.fields[name] == "" {
		return 0
	}
	n, err := strconv.ParseInt(r.fields[name], 10, 64)
	if err != nil || n < 0 || n > most {
		r.fail(name, "is not a number from 0")
		return 0
	}
	return n
}

func (r *reader) maybeCount(name string) int { return int(r.maybeInt(name, math.MaxInt32)) }

func (r *reader) maybeDuration(name string) time.Duration {
	return time.Duration(r.maybeInt(name, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

// maybeMilli reads an instant in milliseconds since 1970.
func (r *reader) maybeMilli(name string) time.Time {
	ms := r.maybeInt(name, latestMilli)
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (r *reader) fail(name, problem string) {
	if r.err == nil {
		r.err = &FieldError{Field: r.prefix + name, Problem: problem}
	}
}

// latestMilli is the last moment of the year 9999: RFC 3339 writes no more.
const latestMilli = 253402300799999

// IsID reports whether a text has the form of a note's id; the note need not exist.
func IsID(s string) bool { return isULID(s) }

func isULID(s string) bool {
	_, err := ulid.ParseStrict(s)
	return err == nil
}

func isReference(s string) bool { return CheckReference(s) == nil && s == normalReference(s) }

func isBool(s string) bool { return s == "true" || s == "false" }

func isE164(s string) bool {
	return len(s) > 5 && len(s) <= 18 && s[0] == '+' && !strings.ContainsFunc(
		s[1:], func(r rune) bool { return r < '0' || r > '9' },
	)
}

func isState(s string) bool { return slices.Contains(States(), State(s)) }

func isEvent(s string) bool { return slices.Contains(EventKinds(), EventKind(s)) }

func isMark(s string) bool { return Mark(s) == MarkedWarned || Mark(s) == MarkedOverdue }

func isOutcome(s string) bool { return slices.Contains(Outcomes(), Outcome(s)) }

func isCause(s string) bool { return slices.Contains(ReleaseCauses(), ReleaseCause(s)) }

func isLine(s string) bool { return slices.Contains(attempt.LineResults(), attempt.LineResult(s)) }

func isResult(s string) bool {
	return slices.Contains(attempt.Results(), attempt.Result(s)) || attempt.Result(s) == attempt.Untold
}
