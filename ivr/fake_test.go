package ivr_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/prompts"
)

// spokenFor is how long one part of an utterance takes on the fake line.
const spokenFor = time.Second

// fakeLine is a caller's line without Asterisk: a playback takes time, and the story presses keys and hangs up.
type fakeLine struct {
	keys   chan rune
	hangUp context.CancelCauseFunc

	mu        sync.Mutex
	heard     []string // utterances that began, as text
	musics    int
	music     bool
	state     string
	talking   string
	released  string // "hung up" or "handed over"
	cut       int    // playbacks stopped early
	failPlays error
	endless   bool          // no playback reports its end
	transfers bool          // a hang-up during the talk is a transfer: the other side talks on
	loses     bool          // loses the link with each command, and has it back at once
	away      chan struct{} // while the link is lost; closed when it is back

	again context.CancelCauseFunc // see putsThrough
}

func (l *fakeLine) Answer(context.Context) error { return l.reached() }
func (l *fakeLine) Keys() <-chan rune            { return l.keys }

// reached is the result of every command, by the state of the link.
func (l *fakeLine) reached() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away != nil || l.loses {
		return ivr.ErrLinkLost
	}
	return nil
}

// losesLink lets every command fail until back is called.
func (l *fakeLine) losesLink() (back func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = make(chan struct{})
	return func() {
		l.mu.Lock()
		close(l.away)
		l.away = nil
		l.mu.Unlock()
		synctest.Wait()
	}
}

func (l *fakeLine) Attend(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, again := context.WithCancelCause(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.again = again
	return ctx, func() { again(nil) }
}

// putsThrough lets the person on the line transfer another one to it.
func (l *fakeLine) putsThrough() {
	l.mu.Lock()
	l.again(ivr.ErrPutThrough)
	l.mu.Unlock()
	synctest.Wait()
}

func (l *fakeLine) Restored(ctx context.Context) error {
	l.mu.Lock()
	away := l.away
	l.mu.Unlock()
	if away == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-away:
		return nil
	}
}

func (l *fakeLine) Play(_ context.Context, media []string) (ivr.Playback, error) {
	if err := l.reached(); err != nil {
		return nil, err
	}
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
	if err := l.reached(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.music {
		l.musics++
	}
	l.music = true
	return nil
}

func (l *fakeLine) Talk(ctx context.Context, leg dispatch.Leg) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ivr.ErrNotConnected, context.Cause(ctx))
	case <-leg.Gone():
		return fmt.Errorf("%w: %w", ivr.ErrNotConnected, ivr.ErrPhoneGone)
	default:
	}
	l.mu.Lock()
	l.music = false
	l.talking = leg.ID()
	l.mu.Unlock()
	select {
	case <-ctx.Done():
		l.mu.Lock()
		transfers := l.transfers
		l.mu.Unlock()
		if transfers {
			<-leg.Gone()
		}
		return context.Cause(ctx)
	case <-leg.Gone():
		return nil
	}
}

func (l *fakeLine) Remember(_ context.Context, state string) error {
	if err := l.reached(); err != nil {
		return err
	}
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

// talkingTo is the phone that the line was connected with last.
func (l *fakeLine) talkingTo() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.talking
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

// fakePhones answers, or does not, as the story has it per agent.
type fakePhones struct {
	mu     sync.Mutex
	answer map[call.AgentID]time.Duration // after ringing this long; missing: never answers
	fail   map[call.AgentID]error
	vanish map[call.AgentID]int // how often the phone answers and hangs up at once
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
	vanishes := p.vanish[inv.Agent.ID] > 0
	if vanishes {
		p.vanish[inv.Agent.ID]--
	}
	p.mu.Unlock()
	if vanishes {
		return leg, leg.HangUp(ctx)
	}
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
	told atomic.Int32 // how often it was hung up
}

func (l *fakeLeg) ID() string            { return l.id }
func (l *fakeLeg) Gone() <-chan struct{} { return l.gone }
func (l *fakeLeg) HangUp(context.Context) error {
	l.told.Add(1)
	l.once.Do(func() { close(l.gone) })
	return nil
}

// fakeNotes makes notes, unless it is down.
type fakeNotes struct {
	mu   sync.Mutex
	down bool
	full error // the error of every request
	slow time.Duration
	made []callback.Request
	due  time.Time // of the note that is promised; a day later when zero
	note note.Note // that was made

	stands *note.Note // that is the answer to every request; nil for none

	live                []note.Note
	deaf                bool // Live never answers
	repeated, withdrawn []note.ID
}

// set changes the notes.
func (n *fakeNotes) set(change func(*fakeNotes)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n)
}

func (n *fakeNotes) Promise(ctx context.Context, r callback.Request) (note.Note, callback.How, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	<-time.After(n.slow)
	if n.down {
		return note.Note{}, "", note.ErrStoreDown
	}
	if n.full != nil {
		return note.Note{}, "", n.full
	}
	if err := ctx.Err(); err != nil {
		return note.Note{}, "", err
	}
	if n.stands != nil {
		return *n.stands, callback.Merged, nil
	}
	if n.note.Key == r.Key { // the same request of this call
		return n.note, callback.Known, nil
	}
	n.made = append(n.made, r)
	due := n.due
	if due.IsZero() {
		due = r.At.Add(24 * time.Hour)
	}
	n.note = note.Note{
		ID: "note-1", Reference: "12345678", Municipality: r.Municipality, Team: r.Team, State: note.Open, Key: r.Key,
		Number: r.Number, Deadline: due,
	}
	return n.note, callback.Made, nil
}

func (n *fakeNotes) Live(ctx context.Context, _ call.MunicipalityID, _ call.Number) ([]note.Note, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.deaf {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if n.down {
		return nil, note.ErrStoreDown
	}
	return n.live, nil
}

func (n *fakeNotes) Repeated(_ context.Context, about note.Note, _ call.ID) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		return note.ErrStoreDown
	}
	n.repeated = append(n.repeated, about.ID)
	return nil
}

func (n *fakeNotes) Withdraw(_ context.Context, about note.Note, _ call.ID) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		return note.ErrStoreDown
	}
	n.withdrawn = append(n.withdrawn, about.ID)
	return nil
}

// spokenText gives every utterance as text, so that stories show the caller's side.
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
