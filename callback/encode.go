package callback

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/bereikbaar/bereikbaar/call"
)

// encodingVersion is written with every stored note and event. A reader that meets another one refuses to guess. Adding a
// field that may be absent needs no new version; changing what a field means does.
const encodingVersion = "1"

// The names of stored fields. FieldState and FieldVer are what a store compares and sets; FieldReference is what it finds by.
const (
	FieldState     = "state"
	FieldVer       = "ver"
	FieldReference = "reference"

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
	fieldLanguage     = "language"
	fieldSubject      = "subject"
	fieldReason       = "reason"
	fieldMade         = "made"
	fieldDeadline     = "deadline"

	fieldNote  = "note"
	fieldEvent = "event"
	fieldAt    = "at"
	fieldWho   = "who"

	madePrefix = "made." // before the fields of the note that a made event carries
)

// storedTime is RFC 3339 in UTC with milliseconds: what people read in redis-cli, and never a rounding apart.
const storedTime = "2006-01-02T15:04:05.000Z07:00"

// ErrBroken is wrapped by every error about stored content that cannot be read. Nothing is lost then: what is stored stays
// as it is.
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

// EncodeNote gives the fields in which a note is stored. Empty ones are left out.
func EncodeNote(n Note) map[string]string {
	fields := encodePromise(n)
	fields[fieldVersion] = encodingVersion
	fields[FieldState] = string(n.State)
	fields[FieldVer] = strconv.FormatUint(n.Ver, 10)
	put(fields, fieldColleague, string(n.Colleague))
	return fields
}

// encodePromise gives what is known of a note when it is made.
func encodePromise(n Note) map[string]string {
	fields := make(map[string]string, 24)
	put(fields, fieldID, string(n.ID))
	put(fields, FieldReference, string(n.Reference))
	put(fields, fieldMunicipality, string(n.Municipality))
	put(fields, fieldTeam, string(n.Team))
	put(fields, fieldOwner, string(n.Owner))
	put(fields, fieldKey, string(n.Key))
	put(fields, fieldCall, string(n.Call))
	put(fields, fieldNumber, n.Number.E164)
	put(fields, fieldKind, string(n.Number.Kind))
	put(fields, fieldCountry, n.Number.Country)
	put(fields, fieldVerified, strconv.FormatBool(n.Verified))
	put(fields, fieldLanguage, n.Language)
	put(fields, fieldSubject, n.Subject)
	put(fields, fieldReason, n.Reason)
	put(fields, fieldMade, n.Made.UTC().Format(storedTime))
	put(fields, fieldDeadline, n.Deadline.UTC().Format(storedTime))
	return fields
}

func put(fields map[string]string, name, value string) {
	if value != "" {
		fields[name] = value
	}
}

// DecodeNote reads a note from its stored fields. Fields that it does not know are left alone. The error is a *FieldError.
func DecodeNote(fields map[string]string) (Note, error) {
	r := reader{fields: fields}
	r.version()
	n := r.promise()
	n.State = State(r.one(FieldState, isState, "is not a state of a note"))
	n.Ver = r.count(FieldVer)
	n.Colleague = call.AgentID(r.optional(fieldColleague))
	if r.err != nil {
		return Note{}, r.err
	}
	return n, nil
}

// EncodeEvent gives the fields in which an event is stored in a log.
func EncodeEvent(e Event) map[string]string {
	fields := make(map[string]string, 24)
	if e.Made != nil {
		for name, value := range encodePromise(*e.Made) {
			fields[madePrefix+name] = value
		}
	}
	fields[fieldVersion] = encodingVersion
	fields[fieldNote] = string(e.Note)
	fields[fieldEvent] = string(e.Kind)
	fields[FieldVer] = strconv.FormatUint(e.Ver, 10)
	fields[fieldAt] = e.At.UTC().Format(storedTime)
	fields[fieldWho] = string(e.Who)
	put(fields, fieldTeam, string(e.Team))
	put(fields, fieldReason, e.Reason)
	return fields
}

// DecodeEvent reads an event from its stored fields. The error is a *FieldError.
func DecodeEvent(fields map[string]string) (Event, error) {
	r := reader{fields: fields}
	r.version()
	e := Event{
		Note:   NoteID(r.one(fieldNote, isULID, "is not a note id (ULID)")),
		Kind:   EventKind(r.one(fieldEvent, isEvent, "is not an event in the life of a note")),
		Ver:    r.count(FieldVer),
		At:     r.time(fieldAt),
		Who:    Actor(r.one(fieldWho, func(s string) bool { return Actor(s).valid() }, "is not an actor")),
		Team:   call.TeamID(r.optional(fieldTeam)),
		Reason: r.optional(fieldReason),
	}
	if e.Kind == EventMade && r.err == nil {
		made := reader{fields: cut(fields, madePrefix), prefix: madePrefix}
		n := made.promise()
		e.Made, r.err = &n, made.err
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

// reader reads stored fields and keeps the first thing that is wrong.
type reader struct {
	fields map[string]string
	prefix string // of the names in errors
	err    error
}

func (r *reader) version() {
	r.one(fieldVersion, func(s string) bool { return s == encodingVersion },
		"is not version "+encodingVersion+", the only one that this program reads: another version of it wrote this")
}

func (r *reader) promise() Note {
	return Note{
		ID:           NoteID(r.one(fieldID, isULID, "is not a note id (ULID)")),
		Reference:    Reference(r.one(FieldReference, isReference, "is not a valid reference")),
		Municipality: call.MunicipalityID(r.required(fieldMunicipality)),
		Team:         call.TeamID(r.required(fieldTeam)),
		Owner:        call.TeamID(r.required(fieldOwner)),
		Key:          Key(r.required(fieldKey)),
		Call:         call.ID(r.optional(fieldCall)),
		Number: call.Number{
			E164:    r.one(fieldNumber, isE164, "is not a number in international form"),
			Kind:    call.Kind(r.required(fieldKind)),
			Country: r.optional(fieldCountry),
		},
		Verified: r.one(fieldVerified, isBool, "is neither true nor false") == "true",
		Language: r.required(fieldLanguage),
		Subject:  r.optional(fieldSubject),
		Reason:   r.optional(fieldReason),
		Made:     r.time(fieldMade),
		Deadline: r.time(fieldDeadline),
	}
}

func (r *reader) optional(name string) string { return r.fields[name] }

func (r *reader) required(name string) string {
	value := r.fields[name]
	if value == "" {
		r.fail(name, "is missing")
	}
	return value
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

func (r *reader) fail(name, problem string) {
	if r.err == nil {
		r.err = &FieldError{Field: r.prefix + name, Problem: problem}
	}
}

func isULID(s string) bool {
	_, err := ulid.ParseStrict(s)
	return err == nil
}

func isReference(s string) bool { return CheckReference(s) == nil && s == normalReference(s) }

func isBool(s string) bool { return s == "true" || s == "false" }

func isE164(s string) bool {
	return len(s) > 5 && len(s) <= 18 && s[0] == '+' && !strings.ContainsFunc(s[1:], notDigit)
}

func isState(s string) bool { return slices.Contains(States(), State(s)) }

func isEvent(s string) bool { return slices.Contains(EventKinds(), EventKind(s)) }
