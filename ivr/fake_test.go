package ivr_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

// spokenFor is how long one part of an utterance takes on the fake line.
const spokenFor = time.Second

// fakeLine is a caller's line without Asterisk: what is played takes time, and the story presses keys and hangs up.
type fakeLine struct {
	keys   chan rune
	hangUp context.CancelCauseFunc

	mu        sync.Mutex
	heard     []string // what was begun to be spoken, as text
	musics    int
	music     bool
	state     string
	talking   string
	released  string // "hung up" or "handed over"
	cut       int    // playbacks stopped early
	failPlays error
	endless   bool // the end of what is played is never told
}

func (l *fakeLine) Answer(context.Context) error { return nil }
func (l *fakeLine) Keys() <-chan rune            { return l.keys }

func (l *fakeLine) Play(_ context.Context, media []string) (ivr.Playback, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failPlays != nil {
		return nil, l.failPlays
	}
	l.music = false
	l.heard = append(l.heard, strings.Join(media, " "))
	p := &fakePlayback{line: l, done: make(chan struct{})}
	takes := time.Duration(len(media)) * spokenFor
	if l.endless {
		takes = 24 * time.Hour
	}
	p.timer = time.AfterFunc(takes, func() { close(p.done) })
	return p, nil
}

func (l *fakeLine) Music(context.Context, string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.music {
		l.musics++
	}
	l.music = true
	return nil
}

func (l *fakeLine) Talk(ctx context.Context, leg dispatch.Leg) error {
	l.mu.Lock()
	l.talking = leg.ID()
	l.mu.Unlock()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-leg.Gone():
		return nil
	}
}

func (l *fakeLine) Remember(_ context.Context, state string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = state
	return nil
}

func (l *fakeLine) HandOver(context.Context) error { return l.release("handed over") }
func (l *fakeLine) HangUp(context.Context) error   { return l.release("hung up") }

func (l *fakeLine) release(how string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released = how
	return nil
}

func (l *fakeLine) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.heard, " | ")
}

// cuts counts the playbacks that were stopped early.
func (l *fakeLine) cuts() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut
}

type fakePlayback struct {
	line  *fakeLine
	timer *time.Timer
	done  chan struct{}
}

func (p *fakePlayback) Done() <-chan struct{} { return p.done }

func (p *fakePlayback) Stop(context.Context) error {
	if p.timer.Stop() {
		p.line.mu.Lock()
		p.line.cut++
		p.line.mu.Unlock()
		close(p.done)
	}
	return nil
}

// fakePhones answers, or does not, as the story says per agent.
type fakePhones struct {
	mu     sync.Mutex
	answer map[call.AgentID]time.Duration // after ringing so long; not there: never answers
	fail   map[call.AgentID]error
	legs   []*fakeLeg
	rung   []call.AgentID
}

func (p *fakePhones) answers(agent call.AgentID, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer[agent] = after
}

func (p *fakePhones) Ring(ctx context.Context, inv dispatch.Invitation) (dispatch.Leg, error) {
	p.mu.Lock()
	p.rung = append(p.rung, inv.Agent.ID)
	after, answers := p.answer[inv.Agent.ID]
	err := p.fail[inv.Agent.ID]
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if !answers {
		after = inv.For
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(after):
	}
	if !answers {
		return nil, dispatch.ErrNoAnswer
	}
	leg := &fakeLeg{id: string(inv.Agent.ID), gone: make(chan struct{})}
	p.mu.Lock()
	p.legs = append(p.legs, leg)
	p.mu.Unlock()
	return leg, nil
}

// rings are the agents whose phones were rung, in order.
func (p *fakePhones) rings() []call.AgentID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.rung)
}

type fakeLeg struct {
	id   string
	once sync.Once
	gone chan struct{}
}

func (l *fakeLeg) ID() string            { return l.id }
func (l *fakeLeg) Gone() <-chan struct{} { return l.gone }
func (l *fakeLeg) HangUp(context.Context) error {
	l.once.Do(func() { close(l.gone) })
	return nil
}

// fakeNotes makes notes, unless it is down.
type fakeNotes struct {
	mu   sync.Mutex
	down bool
	slow time.Duration
	made []callback.Request
	due  time.Time // of the note that is promised; a day later when zero

	live                []callback.Note
	deaf                bool // Live answers to nobody
	repeated, withdrawn []callback.NoteID
}

func (n *fakeNotes) Promise(ctx context.Context, r callback.Request) (callback.Note, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	<-time.After(n.slow)
	if n.down {
		return callback.Note{}, callback.ErrStoreDown
	}
	if err := ctx.Err(); err != nil {
		return callback.Note{}, err
	}
	n.made = append(n.made, r)
	due := n.due
	if due.IsZero() {
		due = r.At.Add(24 * time.Hour)
	}
	return callback.Note{ID: "note-1", Reference: "12345678", Deadline: due}, nil
}

func (n *fakeNotes) Live(ctx context.Context, _ call.MunicipalityID, _ call.Number) ([]callback.Note, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.deaf {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if n.down {
		return nil, callback.ErrStoreDown
	}
	return n.live, nil
}

func (n *fakeNotes) Repeated(_ context.Context, about callback.Note, _ call.ID) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.repeated = append(n.repeated, about.ID)
	return nil
}

func (n *fakeNotes) Withdraw(_ context.Context, about callback.Note, _ call.ID) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		return callback.ErrStoreDown
	}
	n.withdrawn = append(n.withdrawn, about.ID)
	return nil
}

// spokenText gives every utterance as text, so that stories read what a caller hears.
type spokenText struct{ manifest *prompts.Manifest }

func (s spokenText) Media(u prompts.Utterance) ([]string, []prompts.ID) {
	if u.Empty() {
		return nil, nil
	}
	return []string{s.manifest.Text(u)}, nil
}

// diary keeps the contact records.
type diary struct {
	mu       sync.Mutex
	contacts []call.Contact
}

func (d *diary) Contact(c call.Contact) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.contacts = append(d.contacts, c)
}
func (d *diary) PromptMissing(prompts.Language, prompts.ID) {}

// scene is one caller at a municipality with a contact centre and one department.
type scene struct {
	t        *testing.T
	plan     *routing.Plan
	phones   *fakePhones
	notes    *fakeNotes
	diary    *diary
	line     *fakeLine
	dispatch *dispatch.Dispatcher
	operator *ivr.Operator
	caller   call.Number
	endless  bool // the end of what is played on his line is never told
	done     chan error
}

// monday is a Monday in opening hours, where synctest's clock does not stand: stories wait for it first.
var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func texts() prompts.Extra {
	return prompts.Extra{"nl": {
		"menu-application": "Belt u over een aanvraag? Toets 1.",
		"menu-other":       "Heeft u een andere vraag? Toets 2, of blijf aan de lijn.",
		"raalte":           "Voor Raalte belt u 14 0572.",
	}}
}

func newScene(t *testing.T) *scene {
	t.Helper()
	manifest, err := prompts.NewManifest(texts())
	require.NoError(t, err)
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	week := calendar.Week{}
	for day := time.Monday; day <= time.Friday; day++ {
		week[day] = []calendar.Span{{From: 9 * 60, To: 17 * 60}}
	}
	town, err := calendar.New(calendar.Spec{Location: amsterdam, Hours: week})
	require.NoError(t, err)
	hours, err := town.Team(calendar.TeamSpec{})
	require.NoError(t, err)
	number, err := call.ParseNumber("0612345678")
	require.NoError(t, err)
	s := &scene{
		t: t, phones: &fakePhones{answer: map[call.AgentID]time.Duration{}, fail: map[call.AgentID]error{}},
		notes: &fakeNotes{}, diary: &diary{}, caller: number, done: make(chan error, 1),
	}
	team := func(id call.TeamID, members ...call.AgentID) routing.Team {
		return routing.Team{
			ID: id, Name: string(id), Municipality: "deventer", Members: members, Strategy: routing.FixedOrder,
			RingTime: 20 * time.Second, Retry: 5 * time.Second, Hours: hours, Music: "default",
			Greeting: prompts.SearchingAgent,
			Callback: routing.CallbackOffer{Enabled: true, Key: '1'},
		}
	}
	kcc, permits := team("kcc", "kcc1", "kcc2"), team("permits", "verg1", "verg2")
	permits.Overflow = "kcc"
	kcc.Announce = 30 * time.Second
	s.plan = &routing.Plan{
		Municipalities: map[call.MunicipalityID]routing.Municipality{"deventer": {
			ID: "deventer", Location: amsterdam, Language: "nl", Hours: hours, Contact: "kcc", CallbackCountries: []string{"NL"},
		}},
		Entries: map[string]routing.Entry{"+31140570": {
			Number: "+31140570", Municipality: "deventer", Language: "nl", Welcome: prompts.Welcome,
			First: routing.Target{Menu: "main"},
		}},
		Menus: map[routing.MenuID]routing.Menu{"main": {
			ID: "main", Prompts: []prompts.ID{"menu-application", "menu-other"}, Wait: 5 * time.Second, Tries: 3, Repeats: 0,
			Options: map[rune]routing.Target{
				'1': {Team: "permits"}, '2': {Team: "kcc"}, '3': {Refer: "raalte"},
			},
			StayOnLine: routing.Target{Team: "kcc"},
		}},
		Teams: map[call.TeamID]routing.Team{"kcc": kcc, "permits": permits},
		Agents: map[call.AgentID]routing.Agent{
			"kcc1": {ID: "kcc1", Endpoint: "PJSIP/kcc1"}, "kcc2": {ID: "kcc2", Endpoint: "PJSIP/kcc2"},
			"verg1": {ID: "verg1", Endpoint: "PJSIP/verg1"}, "verg2": {ID: "verg2", Endpoint: "PJSIP/verg2"},
		},
		Unknown: routing.Entry{Municipality: "deventer", Language: "nl", First: routing.Target{Team: "kcc"}},
	}
	quiet := slog.New(slog.DiscardHandler)
	s.dispatch = dispatch.New(s.plan, s.phones, quiet)
	s.operator = &ivr.Operator{
		Plan: func() *routing.Plan { return s.plan }, Queue: s.dispatch, Notes: s.notes,
		Sounds: spokenText{manifest}, Register: s.diary, Log: quiet,
		System: func() string { return "test" },
	}
	return s
}

// story runs f in a bubble whose clock stands on monday.
func story(t *testing.T, f func(t *testing.T, s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(monday))
		s := newScene(t)
		defer s.end()
		f(t, s)
	})
}

// end lets a story that failed halfway end too.
func (s *scene) end() {
	s.dispatch.Close()
	if s.line != nil {
		s.line.hangUp(ivr.ErrHungUp)
	}
	synctest.Wait()
}

// rings lets a caller ring the number.
func (s *scene) rings(dialled string) {
	s.begin(func(ctx context.Context, c call.Call) error {
		c.Dialled = dialled
		return s.operator.Take(ctx, s.line, c)
	})
}

func (s *scene) begin(run func(context.Context, call.Call) error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	s.line = &fakeLine{keys: make(chan rune, 64), hangUp: cancel, endless: s.endless}
	c := call.Call{ID: "call-1", Caller: s.caller, Arrived: time.Now().UTC()}
	go func() {
		defer cancel(errors.New("the call is over"))
		s.done <- run(ctx, c)
	}()
	synctest.Wait()
}

// after lets time pass.
func (s *scene) after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (s *scene) presses(keys string) {
	for _, key := range keys {
		s.line.keys <- key
		synctest.Wait()
	}
}

// answers presses a key once the question can have been understood.
func (s *scene) answers(key string) {
	s.after(time.Second)
	s.presses(key)
}

func (s *scene) hangsUp() {
	s.line.hangUp(ivr.ErrHungUp)
	synctest.Wait()
}

// contact waits for the end of the call and gives its record.
func (s *scene) contact() call.Contact {
	s.t.Helper()
	select {
	case err := <-s.done:
		require.NoError(s.t, err)
	case <-time.After(time.Hour):
		require.Fail(s.t, "the call does not end")
	}
	require.Len(s.t, s.diary.contacts, 1, "every call ends in exactly one contact record")
	synctest.Wait()
	return s.diary.contacts[0]
}

// agentHangsUp ends the newest conversation from the agent's side.
func (s *scene) agentHangsUp() {
	s.t.Helper()
	require.NotEmpty(s.t, s.phones.legs)
	require.NoError(s.t, s.phones.legs[len(s.phones.legs)-1].HangUp(context.Background()))
	synctest.Wait()
}
