package ivr_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

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
	endless  bool // see fakeLine.endless
	done     chan error

	losesEachCommand bool // see fakeLine.loses
}

// monday is a Monday in opening hours. synctest's clock starts elsewhere: stories wait for it first.
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
		t: t,
		phones: &fakePhones{
			answer: map[call.AgentID]time.Duration{}, fail: map[call.AgentID]error{}, vanish: map[call.AgentID]int{},
		},
		notes: &fakeNotes{}, diary: &diary{}, caller: number, done: make(chan error, 1),
	}
	team := func(id call.TeamID, members ...call.AgentID) routing.Team {
		return routing.Team{
			ID: id, Name: string(id), Municipality: "deventer", Members: members, Strategy: queue.FixedOrder,
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
			ID: "deventer", Location: amsterdam, Language: "nl", ContactCentre: "kcc",
			CallbackCountries: []string{"NL"},
		}},
		Entries: map[string]routing.Entry{"+31140570": {
			Number: "+31140570", Municipality: "deventer", Language: "nl", Welcome: prompts.Welcome,
			First: routing.Target{Menu: "main"},
		}},
		Menus: map[routing.MenuID]routing.Menu{"main": {
			ID: "main", Prompts: []prompts.ID{"menu-application", "menu-other"}, Wait: 5 * time.Second, Tries: 3,
			Repeats: 0,
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
		System:  func() string { return "test" },
		Engaged: ivr.NewEngaged(func(call.MunicipalityID) *time.Location { return amsterdam }),
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

// comesBack lets a new daemon take the call back, with the remembered state.
func (s *scene) comesBack(remembered string) {
	s.t.Helper()
	s.dispatch.Close()
	s.dispatch = dispatch.New(s.plan, s.phones, s.operator.Log)
	s.operator.Queue = s.dispatch
	s.begin(func(ctx context.Context, c call.Call) error {
		c.Dialled = "140570"
		return s.operator.TakeBack(ctx, s.line, c, ivr.Kept{State: remembered})
	})
}

// stops ends the daemon, and gives the call's remembered state.
func (s *scene) stops() (remembered string) {
	s.t.Helper()
	s.dispatch.Close()
	s.line.hangUp(ivr.ErrShutdown)
	require.ErrorIs(s.t, <-s.done, ivr.ErrShutdown)
	require.Empty(s.t, s.line.released)
	require.Empty(s.t, s.diary.contacts, "the next daemon writes the record")
	return s.line.state
}

func (s *scene) begin(run func(context.Context, call.Call) error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	s.line = &fakeLine{keys: make(chan rune, 64), hangUp: cancel, endless: s.endless, loses: s.losesEachCommand}
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
