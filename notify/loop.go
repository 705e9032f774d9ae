package notify

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

const (
	// every is how often the log and the outbox are looked at.
	every = time.Second
	// atOnce bounds the events of one read, and readings the reads of one look.
	atOnce   = 100
	readings = 20
	// begins is how far before the first look the log is told: a note may be made while the daemon starts.
	begins = time.Minute
	// mostAge is when an event is too old to be told: what is told later would surprise.
	mostAge = 72 * time.Hour
	// mostListAge is the same for a day's list.
	mostListAge = 12 * time.Hour
	// mostTries bounds how often a server may refuse one message.
	mostTries = 100
	// mostWaiting bounds what waits in one lane.
	mostWaiting = 5000
	// leaseFor is how long nobody else sends an item: longer than a try takes.
	leaseFor = 2 * sendLimit
	// finish is how long a try may go on when we stop: an answer that is not heard makes a second message.
	finish = 3 * time.Second
)

// logPlace is the place that says how far the log was told.
const logPlace = "log"

// Log is where all changes of notes are written down, see note.Reader.
type Log interface {
	// LogSince is the place in the log a while ago.
	LogSince(ctx context.Context, ago time.Duration) (string, error)
	Log(ctx context.Context, m call.MunicipalityID, after string, limit int) ([]note.Event, string, error)
}

// Meter counts what is told. Its methods must not wait.
type Meter interface {
	Delivered(Channel, Kind)
	Failed(Channel, Kind, Failure)
	Dropped(Channel, Kind, Drop)
	// Waiting says how many items wait, and how long the oldest has; 0 for none.
	Waiting(of Channel, items int, oldest time.Duration)
}

// Options are the parts of a Loop.
type Options struct {
	Log     Log
	Notes   Notes
	Outbox  Outbox
	Town    Town
	Rules   func() Rules
	Senders Senders
	// Municipalities gives all that have notes.
	Municipalities func() []call.MunicipalityID
	// Hours gives the opening hours of a municipality's teams, and the team that a person's own list goes by.
	Hours  func(call.MunicipalityID) (map[call.TeamID]*calendar.Hours, call.TeamID)
	Meter  Meter
	Logger *slog.Logger
}

// Loop follows the log of notes into the outbox, and tells what is there.
type Loop struct {
	o      Options
	editor editor
	work   sync.WaitGroup

	mu    sync.Mutex
	lanes map[lanePlace]*laneState
	sent  map[string]bool   // items that were delivered and could not be removed yet
	quiet map[string]string // the last error of each kind: one is logged once
}

type lanePlace struct {
	municipality call.MunicipalityID
	lane         Lane
}

// laneState is how a lane fares.
type laneState struct {
	busy  bool
	fails int       // in a row, for which its server is to blame
	until time.Time // when it is tried again
}

// NewLoop joins the parts. Run makes it work.
func NewLoop(o Options) *Loop {
	return &Loop{
		o: o, editor: editor{o.Notes, o.Town}, lanes: map[lanePlace]*laneState{}, sent: map[string]bool{},
		quiet: map[string]string{},
	}
}

// Run works until ctx ends, and until what is being sent has ended then.
func (l *Loop) Run(ctx context.Context) {
	defer l.work.Wait()
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		l.tick(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

func (l *Loop) tick(ctx context.Context, now time.Time) {
	if len(l.o.Rules().Receivers) == 0 { // nobody is told of anything: the store is left alone
		for _, channel := range Channels() {
			l.o.Meter.Waiting(channel, 0, 0)
		}
		return
	}
	waiting := map[Channel]Row{}
	var problems []error
	for _, m := range l.o.Municipalities() {
		rows, err := l.look(ctx, m, now)
		problems = append(problems, err)
		for _, row := range rows {
			waiting[row.Lane.Channel()] = joined(waiting[row.Lane.Channel()], row)
			l.deliver(ctx, m, row)
		}
	}
	err := errors.Join(problems...)
	if ctx.Err() != nil {
		return
	}
	l.sayOnce("notifications could not be looked after", err)
	if err != nil { // half a count looks like progress
		return
	}
	for _, channel := range Channels() {
		row, age := waiting[channel], time.Duration(0)
		if row.Items > 0 {
			age = max(now.Sub(row.Oldest), 0)
		}
		l.o.Meter.Waiting(channel, row.Items, age)
	}
}

func joined(a, b Row) Row {
	switch {
	case a.Items == 0:
		return b
	case b.Items == 0:
		return a
	case b.Oldest.Before(a.Oldest):
		a.Oldest = b.Oldest
	}
	a.Items += b.Items
	return a
}

// look puts what there is to tell into the outbox, and gives what waits there.
func (l *Loop) look(ctx context.Context, m call.MunicipalityID, now time.Time) ([]Row, error) {
	var here []Receiver
	for _, to := range l.o.Rules().Receivers {
		if to.Municipality == m {
			here = append(here, to)
		}
	}
	var problems []error
	if len(here) > 0 {
		places, err := l.o.Outbox.Places(ctx, m)
		if err == nil {
			err = errors.Join(l.catchUp(ctx, m, here, places[logPlace], now), l.open(ctx, m, here, places, now))
		}
		problems = append(problems, err)
	}
	rows, err := l.o.Outbox.Rows(ctx, m)
	return rows, errors.Join(append(problems, err)...)
}

// catchUp puts the events of the log since a place into the outbox.
func (l *Loop) catchUp(
	ctx context.Context, m call.MunicipalityID, here []Receiver, place string, now time.Time,
) error {
	if place == "" {
		next, err := l.o.Log.LogSince(ctx, begins)
		if err != nil {
			return err
		}
		if err := l.enqueue(ctx, m, Move{Place: logPlace, To: next}, nil); !errors.Is(err, ErrMoved) {
			return err
		}
		return nil
	}
	for range readings {
		next, err := l.follow(ctx, m, here, place, now)
		if errors.Is(err, ErrMoved) { // the next look sees how far it is
			return nil
		}
		if err != nil || next == place {
			return err
		}
		place = next
	}
	return nil
}

// follow puts the next events of the log into the outbox, and gives the next place.
func (l *Loop) follow(
	ctx context.Context, m call.MunicipalityID, here []Receiver, place string, now time.Time,
) (string, error) {
	events, next, err := l.o.Log.Log(ctx, m, place, atOnce)
	if err != nil || next == place {
		return place, err
	}
	var items []Item
	old := 0
	for _, e := range events {
		if now.Sub(e.At) > mostAge { // notifications, or the daemon, were off: what is told so late surprises
			old++
			continue
		}
		fresh, err := l.itemsOf(ctx, m, here, e)
		if err != nil {
			return place, err
		}
		items = append(items, fresh...)
	}
	if old > 0 {
		l.o.Logger.Warn("changes of notes are too old to be told", "municipality", m, "changes", old)
	}
	return next, l.enqueue(ctx, m, Move{Place: logPlace, From: place, To: next}, items)
}

func (l *Loop) itemsOf(ctx context.Context, m call.MunicipalityID, here []Receiver, e note.Event) ([]Item, error) {
	if _, told := kindOf(e); !told {
		return nil, nil
	}
	n, err := l.o.Notes.Note(ctx, m, e.Note)
	switch {
	case errors.Is(err, note.ErrNoNote), errors.Is(err, note.ErrBroken): // others show it
		return nil, nil
	case err != nil:
		return nil, err
	}
	return itemsOf(here, e, n), nil
}

// open puts the lists of the teams that have opened into the outbox.
func (l *Loop) open(
	ctx context.Context, m call.MunicipalityID, here []Receiver, places map[string]string, now time.Time,
) error {
	hours, own := l.o.Hours(m)
	moves, items := daily(here, places, hours, own, now)
	for at, move := range moves {
		if err := l.enqueue(ctx, m, move, items[at:at+1]); err != nil && !errors.Is(err, ErrMoved) {
			return err
		}
	}
	return nil
}

func (l *Loop) enqueue(ctx context.Context, m call.MunicipalityID, move Move, items []Item) error {
	full, err := l.o.Outbox.Enqueue(ctx, m, move, items, mostWaiting)
	for _, i := range items {
		for _, id := range full {
			if i.ID == id {
				l.dropped(i, Full)
			}
		}
	}
	return err
}

// deliver empties a lane, unless that is being done or its server is given time.
func (l *Loop) deliver(ctx context.Context, m call.MunicipalityID, row Row) {
	if row.Items == 0 {
		return
	}
	place := lanePlace{m, row.Lane}
	l.mu.Lock()
	defer l.mu.Unlock()
	state := l.lanes[place]
	if state == nil {
		state = &laneState{}
		l.lanes[place] = state
	}
	if state.busy || time.Now().Before(state.until) {
		return
	}
	state.busy = true
	l.work.Go(func() {
		defer func() {
			l.mu.Lock()
			state.busy = false
			l.mu.Unlock()
		}()
		for ctx.Err() == nil && l.one(ctx, place, state) {
		}
	})
}

// one tells the next item of a lane, and reports whether to go on.
func (l *Loop) one(ctx context.Context, place lanePlace, state *laneState) bool {
	of, ok, err := l.o.Outbox.Lease(ctx, place.municipality, place.lane, leaseFor)
	if errors.Is(err, note.ErrBroken) && of.ID != "" { // the store has removed it
		l.dropped(of.Item, Unreadable)
		return true
	}
	if err != nil || !ok { // the next look says why
		return false
	}
	longer, end := outliving(ctx)
	defer end()
	err = l.tell(longer, place.municipality, of.Item)
	if longer.Err() != nil && err != nil {
		return false // we stop: the next daemon tries when the lease ends
	}
	return l.settle(context.WithoutCancel(ctx), place, state, of, err) // what was done is written down
}

// outliving gives a context that ends a moment after ctx.
func outliving(ctx context.Context) (context.Context, func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-longer.Done():
		case <-time.After(finish):
			cancel()
		}
	})
	return longer, func() {
		stop()
		cancel()
	}
}

// tell makes one try.
func (l *Loop) tell(ctx context.Context, m call.MunicipalityID, i Item) error {
	l.mu.Lock()
	sent := l.sent[i.ID]
	l.mu.Unlock()
	if sent {
		return nil
	}
	now, rules := time.Now(), l.o.Rules()
	switch {
	case now.Sub(i.At) > mostAge, i.Kind == Daily && now.Sub(i.At) > mostListAge:
		return dropError{TooOld}
	case i.Tries >= mostTries:
		return dropError{TooOften}
	}
	said, err := l.editor.message(ctx, m, rules, i, now)
	if err != nil {
		return err
	}
	sender := l.o.Senders(rules, i.Lane)
	if sender == nil {
		return dropError{NoReceiver}
	}
	if err := sender.Send(ctx, said); err != nil {
		return err
	}
	l.o.Meter.Delivered(i.Lane.Channel(), i.Kind)
	l.o.Logger.Info("a notification was delivered",
		"id", i.ID, "kind", i.Kind, "lane", i.Lane, "note", i.Note, "team", i.Team)
	l.mu.Lock()
	l.sent[i.ID] = true
	l.mu.Unlock()
	return nil
}

// settle writes down what came of a try, and reports whether the lane goes on.
func (l *Loop) settle(ctx context.Context, place lanePlace, state *laneState, of Leased, err error) bool {
	var drop dropError
	var failed *SendError
	switch {
	case err == nil:
	case errors.As(err, &drop):
		l.dropped(of.Item, drop.why)
	case errors.As(err, &failed):
		l.o.Meter.Failed(of.Lane.Channel(), of.Kind, failed.Failure)
		if failed.Forever {
			l.o.Logger.Warn("a notification was refused for good", "id", of.ID, "code", failed.Code)
			l.dropped(of.Item, Rejected)
			break
		}
		return l.putOff(ctx, place, state, of, failed)
	default: // the store is away: the lease ends by itself
		return false
	}
	if err == nil {
		l.recovered(place, state)
	}
	if l.o.Outbox.Done(ctx, place.municipality, of) != nil {
		return false
	}
	l.mu.Lock()
	delete(l.sent, of.ID)
	l.mu.Unlock()
	return true
}

// putOff tries later: the item, or all of its lane when the server is to blame.
func (l *Loop) putOff(ctx context.Context, place lanePlace, state *laneState, of Leased, why *SendError) bool {
	var after time.Duration
	if why.Lane {
		l.mu.Lock()
		state.fails++
		first := state.fails == 1
		after = pause(state.fails, lanePause, rand.Float64())
		state.until = time.Now().Add(after)
		l.mu.Unlock()
		if first {
			l.o.Logger.Warn("notifications cannot be delivered; they are tried again", "lane", place.lane, "err", why)
		}
	} else {
		of.Tries++
		after = pause(of.Tries, itemPause, rand.Float64())
		l.o.Logger.Info("a notification was refused for now", "id", of.ID, "code", why.Code, "tries", of.Tries)
	}
	return l.o.Outbox.Later(ctx, place.municipality, of, after) == nil && !why.Lane
}

func (l *Loop) recovered(place lanePlace, state *laneState) {
	l.mu.Lock()
	failed := state.fails > 0
	state.fails, state.until = 0, time.Time{}
	l.mu.Unlock()
	if failed {
		l.o.Logger.Info("notifications are delivered again", "lane", place.lane)
	}
}

// dropped counts what is never told, and logs it unless that is as it should be.
func (l *Loop) dropped(i Item, why Drop) {
	l.o.Meter.Dropped(i.Lane.Channel(), i.Kind, why)
	level := slog.LevelWarn
	if why == Gone || why == Moot || why == NoReceiver {
		level = slog.LevelDebug
	}
	l.o.Logger.Log(context.Background(), level, "a notification is not delivered",
		"why", why, "id", i.ID, "kind", i.Kind, "lane", i.Lane, "note", i.Note, "team", i.Team)
}

// sayOnce logs an error when it is another one than the last of its kind.
func (l *Loop) sayOnce(what string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != l.quiet[what] {
		l.o.Logger.Error(what, "err", err) //nolint:sloglint // one of a few fixed texts
	}
	l.quiet[what] = text
}
