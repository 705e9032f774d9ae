// Package pages owns the pages on which people work callback notes in a browser: the work-list, a note, and what is
// said when something goes wrong.
package pages

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/access"
	"github.com/bereikbaar/bereikbaar/web/export"
	"github.com/bereikbaar/bereikbaar/web/live"
	"github.com/bereikbaar/bereikbaar/web/turns"
)

// Reader finds a note, see note.Reader.
type Reader interface {
	Note(ctx context.Context, m call.MunicipalityID, id note.ID) (note.Note, error)
	ByReference(ctx context.Context, m call.MunicipalityID, r note.Reference) (note.Note, error)
	Events(ctx context.Context, m call.MunicipalityID, id note.ID) ([]note.Event, error)
}

// Lists finds notes.
type Lists interface {
	listing.Finder
	// Held gives at most limit live notes that a colleague has claimed or that are for them in person.
	Held(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, limit int) ([]note.Note, error)
	// ByNumber gives at most limit notes of a number, the newest first, whatever their state.
	ByNumber(ctx context.Context, m call.MunicipalityID, n call.Number, limit int) ([]note.Note, error)
}

// Feed tells of changes, see live.Feed.
type Feed interface {
	Subscribe(m call.MunicipalityID) (changes <-chan *live.Change, cancel func())
}

// Work changes notes, see callback.Worklist.
type Work interface {
	Claim(ctx context.Context, s callback.Step) (note.Note, error)
	Renew(ctx context.Context, s callback.Step) (note.Note, error)
	Release(ctx context.Context, s callback.Step, reason string) (note.Note, error)
	Reroute(ctx context.Context, s callback.Step, to call.TeamID, reason string) (note.Note, error)
	StartAttempt(ctx context.Context, s callback.Step, in call.ID) (note.Note, error)
	EndAttempt(
		ctx context.Context, s callback.Step, line attempt.LineResult, talked time.Duration, result attempt.Result,
	) (note.Note, error)
	Raise(ctx context.Context, s callback.Step, reason string) (note.Note, error)
	Comment(ctx context.Context, s callback.Step, text string) (note.Note, error)
	Resolve(ctx context.Context, s callback.Step, as note.Outcome, reason string) (note.Note, error)
	Settle(ctx context.Context, s callback.Step, in call.ID, reason string) (note.Note, error)
	Cancel(ctx context.Context, s callback.Step, reason string) (note.Note, error)
	Reopen(ctx context.Context, s callback.Step, reason string) (note.Note, error)
	Absent(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, who note.Actor, at time.Time) (
		int, error,
	)
	Present(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, who note.Actor) error
	Absences(ctx context.Context, m call.MunicipalityID) ([]staff.Absence, error)
}

// Phone puts colleagues through to the callers of notes, see api.Phone.
type Phone interface {
	CallBack(n note.Note) error
	Check(n note.Note) error
	// CallAbout is the call that a colleague has now with the caller of a note, see api.Phone.
	CallAbout(agent call.AgentID, about note.Reference) call.ID
	// Stage says how far the call is that a colleague asked for.
	Stage(agent call.AgentID) (note.ID, Stage)
}

// Stage is how far a callback by telephone is.
type Stage string

// The stages of a callback.
const (
	StageNone    Stage = ""        // no call goes on
	StageDesk    Stage = "desk"    // the colleague's own phone rings
	StageCaller  Stage = "caller"  // the caller's phone rings
	StageTalking Stage = "talking" // the two talk
)

// Promises makes notes, see callback.Service.
type Promises interface {
	Promise(ctx context.Context, r callback.Request) (note.Note, callback.How, error)
}

// Directory is what the configuration says about teams and people.
type Directory interface {
	Teams(m call.MunicipalityID) []call.TeamID
	HasTeam(m call.MunicipalityID, team call.TeamID) bool
	// InTeam reports whether the configuration has a colleague ring for a team.
	InTeam(m call.MunicipalityID, team call.TeamID, colleague call.AgentID) bool
	TeamName(m call.MunicipalityID, team call.TeamID) string         // for people; empty when it has none
	PersonName(m call.MunicipalityID, colleague call.AgentID) string // for people; empty when it is not known
	MunicipalityName(m call.MunicipalityID) string                   // such as "Deventer"
	Language(m call.MunicipalityID) string                           // of its callers and its people, such as "nl"
	Clocks(m call.MunicipalityID) *time.Location                     // in which its people read times
	Next(n note.Note, now time.Time) time.Time                       // see api.Directory
	// Worked is the working time of the note's team between two instants, see calendar.Hours.
	Worked(n note.Note, from, to time.Time) time.Duration
	Least(m call.MunicipalityID) int // attempts before a caller may be given up
}

// People keeps who the colleagues are. Errors wrap note.ErrStoreDown or note.ErrBroken, where nothing else is said.
type People interface {
	// People gives everybody: those that can be read, also when the error wraps note.ErrBroken.
	People(ctx context.Context, m call.MunicipalityID) (map[call.AgentID]map[staff.Source]staff.Person, error)
	// Person gives what each source knows of a person; nothing when nobody knows them.
	Person(ctx context.Context, m call.MunicipalityID, id call.AgentID) (map[staff.Source]staff.Person, error)
	// Change changes what is known of a person from pages (staff.FromPage). The error is that of change, or
	// staff.ErrPhone, staff.ErrPhoneTaken or staff.ErrPhoneUnasked for a phone that change set.
	Change(ctx context.Context, m call.MunicipalityID, id call.AgentID, change func(*staff.Person) error) error
	// Forget forgets what is known of a person from pages.
	Forget(ctx context.Context, m call.MunicipalityID, id call.AgentID) error
}

// Options are the parts of the pages. All are needed but Who and Look.
type Options struct {
	Reader    Reader
	Lists     Lists
	Exports   export.Notes
	Feed      Feed
	Work      Work
	Phone     Phone
	Promises  Promises
	Directory Directory
	People    People
	// Who gives the person of a request as they are now, see signin.SignIn.Look: a stream of changes can outlive the
	// session and the rights that it began with. Nil takes them to stay.
	Who  func(r *http.Request) (signin.Guest, error)
	Look *Look // of the municipality; nil for the plain one
	// Turns bound what is worked at a time, ExportTurns exports: both shared with the API.
	Turns, ExportTurns *turns.Turns
	Log                *slog.Logger
}

// Pages serves the pages. It is safe for use by several goroutines.
type Pages struct {
	Options
	assets  *assets
	streams *streams
	told    sync.Map // by municipality: what could not be read, as it was logged last
}

// New joins the parts.
func New(o Options) *Pages {
	return &Pages{Options: o, assets: newAssets(o.Look), streams: newStreams()}
}

// visit is one request of a person, and what its page needs to know of them.
type visit struct {
	http.ResponseWriter
	*http.Request
	pages  *Pages
	who    access.Visitor
	person staff.Person
	at     time.Time // when it came, UTC
	speech

	status  int          // of the page that is sent; 0 for 200
	message *message     // on top of the page
	called  string       // attempts before the call that the message promises; empty for no such message
	follow  follow       // what the page asks for to stay up to date
	notes   []note.ID    // shown or changed, for the access log
	about   call.AgentID // the person who is shown or changed, for the same; empty for nobody
	worked  func()       // gives the turn back: a browser that reads slowly must not keep it
}

// message is what is said on top of a page.
type message struct {
	Kind string // ok, warning or error
	Text string
}

func (v *visit) m() call.MunicipalityID { return v.who.Municipality }
