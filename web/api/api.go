// Package api owns the JSON API on callback notes: its operations, its tokens, and its description in OpenAPI.
package api

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/export"
	"github.com/bereikbaar/bereikbaar/web/turns"
)

// Reader finds notes, see note.Reader and listing.Finder.
type Reader interface {
	Note(ctx context.Context, m call.MunicipalityID, id note.ID) (note.Note, error)
	ByReference(ctx context.Context, m call.MunicipalityID, r note.Reference) (note.Note, error)
	Due(ctx context.Context, m call.MunicipalityID, team call.TeamID, limit int) ([]note.Note, error)
	Held(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, limit int) ([]note.Note, error)
	Events(ctx context.Context, m call.MunicipalityID, id note.ID) ([]note.Event, error)
	ByNumber(ctx context.Context, m call.MunicipalityID, n call.Number, limit int) ([]note.Note, error)
	ByName(ctx context.Context, m call.MunicipalityID, name string, limit int) ([]note.Note, error)
}

// Work changes notes, see callback.Worklist.
type Work interface {
	Claims
	Presence
	Attempts
	Remarks
	Ends
}

// Claims gives notes to colleagues and teams.
type Claims interface {
	Claim(ctx context.Context, s callback.Step) (note.Note, error)
	Renew(ctx context.Context, s callback.Step) (note.Note, error)
	Release(ctx context.Context, s callback.Step, reason string) (note.Note, error)
	Reroute(ctx context.Context, s callback.Step, to call.TeamID, reason string) (note.Note, error)
}

// Presence marks colleagues absent and present.
type Presence interface {
	Absent(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, who note.Actor, at time.Time) (
		int, error,
	)
	Present(ctx context.Context, m call.MunicipalityID, colleague call.AgentID, who note.Actor) error
	Absence(ctx context.Context, m call.MunicipalityID, colleague call.AgentID) (staff.Absence, bool, error)
}

// Attempts records tries to reach the caller.
type Attempts interface {
	StartAttempt(ctx context.Context, s callback.Step, in call.ID) (note.Note, error)
	EndAttempt(
		ctx context.Context, s callback.Step, line attempt.LineResult, talked time.Duration, result attempt.Result,
	) (note.Note, error)
}

// Remarks changes a note without moving it.
type Remarks interface {
	Raise(ctx context.Context, s callback.Step, reason string) (note.Note, error)
	Comment(ctx context.Context, s callback.Step, text string) (note.Note, error)
}

// Ends closes notes, and makes them live again.
type Ends interface {
	Resolve(ctx context.Context, s callback.Step, as note.Outcome, reason string) (note.Note, error)
	Settle(ctx context.Context, s callback.Step, in call.ID, reason string) (note.Note, error)
	Cancel(ctx context.Context, s callback.Step, reason string) (note.Note, error)
	Reopen(ctx context.Context, s callback.Step, reason string) (note.Note, error)
	Erase(ctx context.Context, m call.MunicipalityID, number call.Number, who note.Actor, now time.Time) (int, error)
}

// Phone puts colleagues through to the callers of notes.
type Phone interface {
	// CallBack begins to ring the colleague with the claim, and then the note's caller. It returns at once: the note
	// shows the result. A *dialling.Error says why nobody will be rung.
	CallBack(n note.Note) error
	// Check gives a *dialling.Error when the caller must not be rung now from any phone: they are on the telephone with
	// us.
	Check(n note.Note) error
	// Talking gives the conversation that a colleague has with a caller now, and false when there is none.
	Talking(agent call.AgentID) (Talking, bool)
	// CallAbout is the call that a colleague has now with the caller of a note; empty without a call, or when it is
	// about another matter.
	CallAbout(agent call.AgentID, about note.Reference) call.ID
}

// Talking is a conversation that is not over.
type Talking struct {
	Call  call.ID        `json:"id"`
	Since time.Time      `json:"since"`          // UTC
	Note  note.Reference `json:"note,omitempty"` // the caller's; empty when they were not recognised
}

// Promises makes notes, see callback.Service.
type Promises interface {
	Promise(ctx context.Context, r callback.Request) (note.Note, callback.How, error)
}

// Exports gives notes in batches.
type Exports interface {
	export.Notes
	Teams(ctx context.Context, m call.MunicipalityID) ([]call.TeamID, error) // that ever had a note
}

// Directory is what the configuration says about teams and colleagues.
type Directory interface {
	Teams(m call.MunicipalityID) []call.TeamID // of the municipality
	HasTeam(m call.MunicipalityID, team call.TeamID) bool
	InTeam(m call.MunicipalityID, team call.TeamID, colleague call.AgentID) bool
	Language(m call.MunicipalityID) string       // of its callers, such as "nl"
	Languages() []string                         // that can be spoken, such as "nl"
	Clocks(m call.MunicipalityID) *time.Location // in which its people read times
	// when the caller is best tried next, see callback.AttemptPolicy; zero for no moment
	Next(n note.Note, now time.Time) time.Time
}

// Options are the parts of the API. All are needed.
type Options struct {
	Reader    Reader
	Work      Work
	Phone     Phone
	Promises  Promises
	Exports   Exports
	Directory Directory
	Tokens    *Tokens
	// Turns bound what is worked at a time, ExportTurns exports: both shared with the pages.
	Turns, ExportTurns *turns.Turns
	Meter              Meter
	Log                *slog.Logger // and access log
}

const (
	// answerLimit bounds an answer from when the request was read: a body that came slowly takes nothing from it.
	answerLimit = 10 * time.Second
)

// API serves callback notes to programs that show them to people. It is safe for use by several goroutines.
type API struct {
	Options
	wrong *httpserver.Attempts // tokens
	told  sync.Map             // by municipality: what could not be read, as it was logged last
}

// New joins the parts.
func New(o Options) *API {
	return &API{Options: o, wrong: httpserver.NewAttempts()}
}
