package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

const deventer = call.MunicipalityID("deventer")

// boxInMemory is an outbox in the plainest code.
type boxInMemory struct {
	mu     sync.Mutex
	places map[string]string
	items  map[string]Item
	due    map[string]time.Time
	down   error
	stuck  error // of Done and Later alone
}

func newBox() *boxInMemory {
	return &boxInMemory{places: map[string]string{}, items: map[string]Item{}, due: map[string]time.Time{}}
}

func (b *boxInMemory) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = err
}

func (b *boxInMemory) Places(context.Context, call.MunicipalityID) (map[string]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.places), b.down
}

func (b *boxInMemory) Enqueue(_ context.Context, _ call.MunicipalityID, move Move, items []Item, most int) (
	[]string, error,
) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down != nil {
		return nil, b.down
	}
	if b.places[move.Place] != move.From {
		return nil, ErrMoved
	}
	b.places[move.Place] = move.To
	var full []string
	for _, i := range items {
		waiting := 0
		for _, other := range b.items {
			if other.Lane == i.Lane {
				waiting++
			}
		}
		switch _, there := b.items[i.ID]; {
		case there:
		case waiting >= most:
			full = append(full, i.ID)
		default:
			b.items[i.ID], b.due[i.ID] = i, time.Now()
		}
	}
	return full, nil
}

func (b *boxInMemory) Rows(context.Context, call.MunicipalityID) ([]Row, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := map[Lane]Row{}
	for _, i := range b.items {
		rows[i.Lane] = joined(rows[i.Lane], Row{i.Lane, 1, i.At})
	}
	return slices.Collect(maps.Values(rows)), b.down
}

func (b *boxInMemory) Lease(_ context.Context, _ call.MunicipalityID, lane Lane, hold time.Duration) (
	Leased, bool, error,
) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := ""
	for id, i := range b.items {
		if i.Lane == lane && !b.due[id].After(time.Now()) && (first == "" || b.due[id].Before(b.due[first])) {
			first = id
		}
	}
	if first == "" || b.down != nil {
		return Leased{}, false, b.down
	}
	b.due[first] = time.Now().Add(hold)
	return Leased{b.items[first], b.due[first]}, true, nil
}

func (b *boxInMemory) Done(_ context.Context, _ call.MunicipalityID, of Leased) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := errors.Join(b.down, b.stuck); err != nil {
		return err
	}
	if b.due[of.ID].Equal(of.Until) {
		delete(b.items, of.ID)
		delete(b.due, of.ID)
	}
	return nil
}

func (b *boxInMemory) Later(_ context.Context, _ call.MunicipalityID, of Leased, after time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := errors.Join(b.down, b.stuck); err != nil {
		return err
	}
	if b.due[of.ID].Equal(of.Until) {
		b.items[of.ID], b.due[of.ID] = of.Item, time.Now().Add(after)
	}
	return nil
}

func (b *boxInMemory) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.items)
}

// logOf has no clock of its own: what is there when it is first read counts as old.
type logOf struct{ *storetest.Memory }

func (l logOf) LogSince(ctx context.Context, _ time.Duration) (string, error) {
	_, place, err := l.Log(ctx, deventer, "0", 10_000)
	return place, err
}

// fakeTown is a municipality whose people are made up.
type fakeTown struct{ addresses map[call.AgentID]string }

func (f fakeTown) Contact(_ context.Context, _ call.MunicipalityID, id call.AgentID) (string, string, error) {
	return f.addresses[id], "en", nil
}

func (fakeTown) TeamName(_ call.MunicipalityID, team call.TeamID) string {
	return "Team " + string(team)
}
func (fakeTown) Language(call.MunicipalityID) string       { return "nl" }
func (fakeTown) Clocks(call.MunicipalityID) *time.Location { return amsterdam }

var amsterdam = func() *time.Location {
	l, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		panic(err)
	}
	return l
}()

// figures counts what a Meter is told.
type figures struct {
	mu     sync.Mutex
	counts map[string]int
	oldest map[Channel]time.Duration
}

func (f *figures) add(parts ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[strings.TrimSpace(fmt.Sprintln(parts...))]++
}
func (f *figures) Delivered(c Channel, k Kind)           { f.add("delivered", c, k) }
func (f *figures) Failed(c Channel, k Kind, why Failure) { f.add("failed", c, k, why) }
func (f *figures) Dropped(c Channel, k Kind, why Drop)   { f.add("dropped", c, k, why) }
func (f *figures) Waiting(c Channel, _ int, oldest time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.oldest[c] = oldest
}

func (f *figures) age(of Channel) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.oldest[of]
}

// paper is a log that is read while it is written.
type paper struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func (f *figures) count(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[what]
}

// post takes all messages, as long as it is not told otherwise.
type post struct {
	mu   sync.Mutex
	got  map[Lane][]Message
	fail map[Lane]error
	hang map[Lane]bool // until its context ends
}

func (p *post) senders(_ Rules, lane Lane) Sender { return laneOf{p, lane} }

type laneOf struct {
	p    *post
	lane Lane
}

func (l laneOf) Send(ctx context.Context, m Message) error {
	l.p.mu.Lock()
	fail, hang := l.p.fail[l.lane], l.p.hang[l.lane]
	l.p.mu.Unlock()
	if hang {
		select {
		case <-ctx.Done():
		case <-time.After(sendLimit):
		}
		return &SendError{Failure: Unreachable, Lane: true}
	}
	if fail != nil {
		return fail
	}
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	l.p.got[l.lane] = append(l.p.got[l.lane], m)
	return nil
}

func (p *post) of(lane Lane) []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got[lane])
}

func (p *post) fails(lane Lane, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail[lane] = err
}

// scene is a loop on stores in memory.
type scene struct {
	t     *testing.T
	notes *storetest.Memory
	box   *boxInMemory
	post  *post
	meter *figures
	log   *paper
	mu    sync.Mutex // of rules while a loop runs
	rules Rules
	hours map[call.TeamID]*calendar.Hours
	town  fakeTown
	made  int
}

var hook = HookLane("zaak")

// inScene runs a test in a bubble. It begins on Monday 3 January 2000, 7.00 in Deventer.
func inScene(t *testing.T, test func(s *scene)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(2*24*time.Hour + 6*time.Hour)
		hours := calendarOf(t)
		test(&scene{
			t: t, notes: storetest.NewMemory(), box: newBox(), log: &paper{},
			post:  &post{got: map[Lane][]Message{}, fail: map[Lane]error{}, hang: map[Lane]bool{}},
			meter: &figures{counts: map[string]int{}, oldest: map[Channel]time.Duration{}},
			hours: map[call.TeamID]*calendar.Hours{"burgerzaken": hours, "kcc": hours},
			town:  fakeTown{map[call.AgentID]string{"els": "els@deventer.nl"}},
			rules: Rules{
				Link: "https://bel.deventer.nl", SMTP: &SMTP{}, Hooks: map[Lane]Hook{hook: {}},
				Receivers: []Receiver{
					{
						Name: AddressName("burgerzaken", "balie@deventer.nl"), Municipality: deventer, Lane: MailLane,
						Kinds: Kinds(), Teams: []call.TeamID{"burgerzaken"}, Address: "balie@deventer.nl",
					},
					{
						Name: string(hook), Municipality: deventer, Lane: hook, Kinds: Kinds(),
						Teams: []call.TeamID{"burgerzaken", "kcc"},
					},
				},
			},
		})
	})
}

func calendarOf(t *testing.T) *calendar.Hours {
	t.Helper()
	day := calendar.Span{From: 9 * 60, To: 17 * 60}
	week := calendar.Week{}
	for d := time.Monday; d <= time.Friday; d++ {
		week[d] = []calendar.Span{day}
	}
	c, err := calendar.New(calendar.Spec{Location: amsterdam, Hours: week})
	require.NoError(t, err)
	hours, err := c.Team(calendar.TeamSpec{})
	require.NoError(t, err)
	return hours
}

// runs starts a loop; stop ends it and waits.
func (s *scene) runs() (stop func()) {
	loop := NewLoop(Options{
		Log: logOf{s.notes}, Notes: s.notes, Outbox: s.box, Town: s.town, Senders: s.post.senders, Meter: s.meter,
		Rules: func() Rules {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.rules
		},
		Municipalities: func() []call.MunicipalityID { return []call.MunicipalityID{deventer} },
		Hours: func(call.MunicipalityID) (map[call.TeamID]*calendar.Hours, call.TeamID) {
			return s.hours, "kcc"
		},
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		loop.Run(ctx)
	}()
	passes(time.Second) // it knows from where on the log is new
	return func() {
		cancel()
		<-ended
	}
}

// tells replaces the receivers.
func (s *scene) tells(receivers []Receiver) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules.Receivers = receivers
}

func passes(d time.Duration) {
	time.Sleep(d + time.Millisecond)
	synctest.Wait()
}

func (s *scene) makes(change ...func(*note.Note)) note.Note {
	s.t.Helper()
	s.made++
	n := storetest.ANote()
	n.ID, n.Key = note.ID(ulid.Make().String()), note.Key(fmt.Sprint("k", s.made))
	n.Reference, n.Separate = note.Reference(fmt.Sprint(10000004+s.made)), true
	n.Made = time.Now().UTC().Truncate(time.Millisecond)
	n.Deadline = n.Made.Add(30 * time.Hour)
	for _, c := range change {
		c(&n)
	}
	n, err := s.notes.Make(s.t.Context(), note.Made(n, note.ByCaller))
	require.NoError(s.t, err)
	return n
}

func (s *scene) does(n note.Note, kind note.EventKind, who note.Actor, change ...func(*note.Event)) note.Note {
	s.t.Helper()
	e := note.Event{
		ID: note.EventID(ulid.Make().String()), Note: n.ID, Kind: kind, Ver: n.Ver + 1,
		At: time.Now().UTC().Truncate(time.Millisecond), Who: who,
	}
	for _, c := range change {
		c(&e)
	}
	n, err := s.notes.Advance(s.t.Context(), n, e)
	require.NoError(s.t, err)
	return n
}

// quiet asserts that nothing of a caller and no address is in the log.
func (s *scene) quiet() {
	s.t.Helper()
	for _, secret := range []string{"612345678", "José", "paspoort", "dringend", "@deventer.nl"} {
		require.NotContains(s.t, s.log.String(), secret)
	}
}
