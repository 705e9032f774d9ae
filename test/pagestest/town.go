// Package pagestest has a municipality's pages over a store in memory, with made-up people, for tests of the pages in
// Go and in a browser.
package pagestest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/test/storetest"
	"github.com/bereikbaar/bereikbaar/web/live"
	"github.com/bereikbaar/bereikbaar/web/pages"
	"github.com/bereikbaar/bereikbaar/web/turns"
)

// The municipality and its teams.
const (
	Deventer = call.MunicipalityID("deventer")
	Permits  = call.TeamID("vergunningen")
	Centre   = call.TeamID("kcc")
	Tax      = call.TeamID("belastingen")
	Registry = call.TeamID("burgerzaken")
)

var teamNames = map[call.TeamID]string{
	Permits: "Vergunningen", Centre: "Klantcontactcentrum", Tax: "Belastingen", Registry: "Burgerzaken",
}

// People are made up.
var People = map[call.AgentID]staff.Person{
	"cem":    person("cem", "Cem Kaya", "nl", map[call.TeamID]staff.Role{Permits: staff.Agent, Registry: staff.Agent}),
	"dirkje": person("dirkje", "Dirkje de Boer", "en", map[call.TeamID]staff.Role{Permits: staff.Agent}),
	"lotte":  person("lotte", "Lotte Jansen", "nl", map[call.TeamID]staff.Role{Permits: staff.Lead}),
	"teun":   person("teun", "Teun Bakker", "nl", map[call.TeamID]staff.Role{Tax: staff.Agent}),
	"rik":    person("rik", "Rik Smit", "nl", map[call.TeamID]staff.Role{Permits: staff.Reader}),
	"ada":    person("ada", "Ada Özdemir", "nl", map[call.TeamID]staff.Role{staff.AllTeams: staff.Admin}),
	"anouk":  person("anouk", "Anouk Vermeulen", "nl", map[call.TeamID]staff.Role{staff.AllTeams: staff.Agent}),
}

func person(id call.AgentID, name, language string, roles map[call.TeamID]staff.Role) staff.Person {
	return staff.Person{
		ID: id, Municipality: Deventer, Name: name, Language: language, Roles: roles, Phone: "PJSIP/" + string(id),
		Email: string(id) + "@example.nl",
	}
}

// Town is the municipality: the store, and the parts of the pages.
type Town struct {
	*storetest.Memory
	Worklist *callback.Worklist
	Service  *callback.Service
	Clock    *time.Location
	hours    *calendar.Hours

	mu      sync.Mutex
	readers map[chan *live.Change]bool
	set     map[call.AgentID]staff.Person // what pages say of people
	stage   map[call.AgentID]stage
	talks   map[talk]call.ID
	rung    []note.ID
	silence error // why nobody can be rung
	nth     int
	door    door
}

type talk struct {
	agent call.AgentID
	about note.Reference
}

type stage struct {
	note note.ID
	is   pages.Stage
}

// New makes an empty town, which is open day and night so that times in tests do not depend on the hour.
func New() *Town {
	clock, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		panic(err) // the zones are in the program
	}
	t := &Town{
		Memory: storetest.NewMemory(), Clock: clock, hours: calendar.AlwaysOpen(clock),
		readers: map[chan *live.Change]bool{}, set: map[call.AgentID]staff.Person{}, stage: map[call.AgentID]stage{},
		talks: map[talk]call.ID{}, door: door{ended: map[call.AgentID]bool{}},
	}
	t.Worklist = callback.NewWorklist(t, t, nil)
	t.Service = callback.NewService(t, t, t, nil)
	return t
}

// Pages are the pages of the town.
func (t *Town) Pages(log *slog.Logger, change ...func(*pages.Options)) *pages.Pages {
	options := pages.Options{
		Reader: t, Lists: t, Feed: t, Work: t.Worklist, Phone: t, Promises: t.Service, Directory: t,
		People: everybody{t}, Exports: storetest.Exports{Memory: t.Memory}, Turns: turns.New(turns.AtOnce),
		ExportTurns: turns.New(turns.ExportsAtOnce), Log: log,
	}
	for _, c := range change {
		c(&options)
	}
	return pages.New(options)
}

// Person gives a person as they are now.
func (t *Town) Person(id call.AgentID) (staff.Person, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := People[id]
	if language := t.set[id].Language; language != "" {
		p.Language = language
	}
	return p, ok
}

// Make stores a note, and tells of it.
func (t *Town) Make(ctx context.Context, made note.Event) (note.Note, error) {
	n, err := t.Memory.Make(ctx, made)
	if err == nil && n.ID == made.Note {
		t.tell(note.Note{}, n, made)
	}
	return n, err
}

// Advance changes a note, and tells of it.
func (t *Town) Advance(ctx context.Context, before note.Note, e note.Event) (note.Note, error) {
	n, err := t.Memory.Advance(ctx, before, e)
	if err == nil {
		t.tell(before, n, e)
	}
	return n, err
}

func (t *Town) tell(before, after note.Note, e note.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &live.Change{Note: after.ID, Kind: e.Kind, Ver: after.Ver, Teams: []call.TeamID{after.Team}}
	if before.Team != "" && before.Team != after.Team {
		c.Teams = append(c.Teams, before.Team)
	}
	for _, who := range []call.AgentID{before.Holder(), after.Holder()} {
		if who != "" {
			c.Colleagues = append(c.Colleagues, who)
		}
	}
	for reader := range t.readers {
		select {
		case reader <- c:
		default:
			close(reader)
			delete(t.readers, reader)
		}
	}
}

// Subscribe implements pages.Feed.
func (t *Town) Subscribe(call.MunicipalityID) (<-chan *live.Change, func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := make(chan *live.Change, 64)
	t.readers[c] = true
	return c, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.readers[c] {
			delete(t.readers, c)
			close(c)
		}
	}
}

// Readers is how many follow the changes now.
func (t *Town) Readers() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.readers)
}

// Drop cuts every stream off, as a lost connection does.
func (t *Town) Drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.readers {
		delete(t.readers, c)
		close(c)
	}
}

// CallBack implements pages.Phone.
func (t *Town) CallBack(n note.Note) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.silence == nil {
		t.rung = append(t.rung, n.ID)
		t.stage[n.Colleague] = stage{n.ID, pages.StageDesk}
	}
	return t.silence
}

// Check implements pages.Phone.
func (t *Town) Check(note.Note) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.silence
}

// CallAbout implements pages.Phone.
func (t *Town) CallAbout(agent call.AgentID, about note.Reference) call.ID {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.talks[talk{agent, about}]
}

// Talks says that a person talks with the caller of a note.
func (t *Town) Talks(agent call.AgentID, n note.Note, in call.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.talks[talk{agent, n.Reference}] = in
}

// Stage implements pages.Phone.
func (t *Town) Stage(agent call.AgentID) (note.ID, pages.Stage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stage[agent].note, t.stage[agent].is
}

// SetStage says how far a call is.
func (t *Town) SetStage(agent call.AgentID, n note.ID, is pages.Stage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stage[agent] = stage{n, is}
}

// Silence makes calls fail with an error; nil lets them succeed.
func (t *Town) Silence(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.silence = why
}

// Rung lists the notes whose callers were rung.
func (t *Town) Rung() []note.ID {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.rung)
}

// Reads sets the language of a person's pages.
func (t *Town) Reads(id call.AgentID, language string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.set[id]
	of.Language = language
	t.set[id] = of
}

// everybody keeps who the colleagues are, as pages.People asks it: the made-up ones are those of the configuration.
type everybody struct{ *Town }

// People implements pages.People.
func (e everybody) People(context.Context, call.MunicipalityID) (
	map[call.AgentID]map[staff.Source]staff.Person, error,
) {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[call.AgentID]map[staff.Source]staff.Person{}
	for id := range e.set {
		all[id] = e.known(id)
	}
	for id := range People {
		all[id] = e.known(id)
	}
	return all, nil
}

// Person implements pages.People.
func (e everybody) Person(_ context.Context, _ call.MunicipalityID, id call.AgentID) (
	map[staff.Source]staff.Person, error,
) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.known(id), nil
}

func (e everybody) known(id call.AgentID) map[staff.Source]staff.Person {
	known := map[staff.Source]staff.Person{}
	if of, ok := People[id]; ok {
		of.Language = "" // everybody chooses their own, and it begins as People says
		known[staff.FromFile] = of
	}
	if of, ok := e.set[id]; ok {
		known[staff.FromPage] = of
	}
	return known
}

// Change implements pages.People. The exchange has the phones of the made-up people, and one that is nobody's.
func (e everybody) Change(
	_ context.Context, m call.MunicipalityID, id call.AgentID, change func(*staff.Person) error,
) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	of := e.set[id]
	of.ID, of.Municipality = id, m
	if err := change(&of); err != nil {
		return err
	}
	_, taken := People[call.AgentID(strings.TrimPrefix(of.Phone, "PJSIP/"))]
	switch {
	case taken:
		return staff.ErrPhoneTaken
	case of.Phone != "" && of.Phone != "PJSIP/kcc7":
		return staff.ErrPhone
	}
	e.set[id] = of
	return nil
}

// Forget implements pages.People.
func (e everybody) Forget(_ context.Context, _ call.MunicipalityID, id call.AgentID) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.set, id)
	return nil
}

// Knows implements callback.Rules.
func (t *Town) Knows(team call.TeamID) bool { return teamNames[team] != "" }

// Policy implements callback.Rules.
func (t *Town) Policy(call.MunicipalityID) dialling.Policy {
	return dialling.Policy{Countries: []string{"NL"}, Clocks: t.Clock}
}

// Term implements callback.Norm: a day.
func (t *Town) Term(_ call.TeamID, made time.Time) (callback.Term, error) {
	return callback.Term{Warn: made.Add(12 * time.Hour), Deadline: made.Add(24 * time.Hour)}, nil
}

// Work implements callback.WorkRules.
func (t *Town) Work(call.MunicipalityID) callback.Work {
	return callback.Work{
		Location: t.Clock, ContactCentre: Centre, Lease: 15 * time.Minute,
		Attempts: callback.AttemptPolicy{Least: 3, Parts: []calendar.Clock{12 * 60}},
	}
}

// Teams implements pages.Directory.
func (t *Town) Teams(call.MunicipalityID) []call.TeamID {
	return []call.TeamID{Permits, Centre, Tax, Registry}
}

// InTeam implements pages.Directory: the roles say it all.
func (t *Town) InTeam(call.MunicipalityID, call.TeamID, call.AgentID) bool { return false }

// HasTeam implements pages.Directory.
func (t *Town) HasTeam(m call.MunicipalityID, team call.TeamID) bool {
	return slices.Contains(t.Teams(m), team)
}

// TeamName implements pages.Directory.
func (t *Town) TeamName(_ call.MunicipalityID, team call.TeamID) string { return teamNames[team] }

// PersonName implements pages.Directory.
func (t *Town) PersonName(_ call.MunicipalityID, id call.AgentID) string { return People[id].Name }

// MunicipalityName implements pages.Directory.
func (t *Town) MunicipalityName(call.MunicipalityID) string { return "Deventer" }

// Language implements pages.Directory.
func (t *Town) Language(call.MunicipalityID) string { return "nl" }

// Clocks implements pages.Directory.
func (t *Town) Clocks(call.MunicipalityID) *time.Location { return t.Clock }

// Next implements pages.Directory.
func (t *Town) Next(n note.Note, now time.Time) time.Time {
	next, _ := t.Work(n.Municipality).Attempts.Suggest(n, t.hours, now)
	return next
}

// Worked implements pages.Directory.
func (t *Town) Worked(_ note.Note, from, to time.Time) time.Duration { return t.hours.Worked(from, to) }

// Least implements pages.Directory.
func (t *Town) Least(m call.MunicipalityID) int { return t.Work(m).Attempts.Least }

// Promise makes a note as it was made some time ago. change may be nil.
func (t *Town) Promise(team call.TeamID, ago time.Duration, change func(*callback.Request)) note.Note {
	t.mu.Lock()
	t.nth++
	nth := t.nth
	t.mu.Unlock()
	number, err := call.ParseNumber(fmt.Sprintf("+316123%05d", 45600+nth))
	if err != nil {
		panic(err)
	}
	r := callback.Request{
		Key: note.Key(fmt.Sprintf("pbx/%d", nth)), At: time.Now().Add(-ago), Who: note.ByCaller, Municipality: Deventer,
		Team: team, Number: number, Shown: number, Language: "nl", Subject: fmt.Sprintf("Zaak %d", nth),
		Reason: "Wanneer is het klaar?",
	}
	if change != nil {
		change(&r)
	}
	n, _, err := t.Service.Promise(context.Background(), r)
	if err != nil {
		panic(err)
	}
	return n
}

// Step is a change of a note by a colleague, now.
func (t *Town) Step(n note.Note, by call.AgentID) callback.Step {
	return callback.Step{Municipality: n.Municipality, Note: n.ID, Ver: n.Ver, Who: note.ByAgent(by), At: time.Now()}
}

// Claim gives a note to a colleague.
func (t *Town) Claim(n note.Note, by call.AgentID) note.Note {
	return must(t.Worklist.Claim(context.Background(), t.Step(n, by)))
}

// Tried adds an attempt with its outcome by the colleague who has the note.
func (t *Town) Tried(n note.Note, result attempt.Result) note.Note {
	by := n.Colleague
	n = must(t.Worklist.StartAttempt(context.Background(), t.Step(n, by), ""))
	return must(t.Worklist.EndAttempt(context.Background(), t.Step(n, by), attempt.LineUnknown, 0, result))
}

func must(n note.Note, err error) note.Note {
	if err != nil {
		panic(errors.Join(errors.New("a note of the town"), err))
	}
	return n
}
