// Package live tells open pages of changes of notes, whoever made them: a colleague, a caller, a program, the command
// line, or time.
package live

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

const (
	// every is how often the log is read while somebody follows it: a change shows well within a second.
	every = 250 * time.Millisecond
	// atOnce bounds the events of one read.
	atOnce = 1000
	// waiting bounds the changes that one follower has not taken yet. Their places, a pointer each, are in memory as
	// long as somebody follows.
	waiting = 256
	// overlap is how far before its beginning a follower's stream reaches: a page was made a moment before it follows.
	overlap = 2 * time.Second
	// remembered bounds the notes of which is known who had them.
	remembered = 100_000
)

// Change says that a note is another than before. It names whom it concerns, and nothing that the caller told.
// All who follow share it: nobody changes it.
type Change struct {
	Note       note.ID
	Kind       note.EventKind
	Ver        uint64
	Teams      []call.TeamID  // that had it before, as far as is known, and that have it now
	Colleagues []call.AgentID // the same
}

// Log is where all changes are written down, see note.Reader.
type Log interface {
	// LogSince is the place in the log a while ago.
	LogSince(ctx context.Context, ago time.Duration) (string, error)
	Log(ctx context.Context, m call.MunicipalityID, after string, limit int) ([]note.Event, string, error)
	Note(ctx context.Context, m call.MunicipalityID, id note.ID) (note.Note, error)
}

// Feed follows the log for all who have a page open. It is safe for use by several goroutines.
type Feed struct {
	log  Log
	told *slog.Logger

	mu        sync.Mutex
	followers map[call.MunicipalityID][]*follower
	followed  map[call.MunicipalityID]bool // whose log is read now
	closed    bool
	work      sync.WaitGroup
	end       context.CancelFunc
	life      context.Context //nolint:containedctx // the feed's own: it outlives each follower
}

// follower is one who follows a municipality's notes.
type follower struct{ changes chan *Change }

// NewFeed makes a feed. Close ends it.
func NewFeed(from Log, log *slog.Logger) *Feed {
	f := &Feed{
		log: from, told: log, followers: map[call.MunicipalityID][]*follower{},
		followed: map[call.MunicipalityID]bool{},
	}
	f.life, f.end = context.WithCancel(context.Background())
	return f
}

// Close ends all following, and waits until it has ended.
func (f *Feed) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.end()
	f.work.Wait()
}

// Subscribe gives the changes of a municipality's notes from now on, and perhaps a few from a moment before, until
// cancel is called. The channel is closed when some were lost (the reader was too slow, or the log could not be read):
// the reader then looks anew, and subscribes again.
func (f *Feed) Subscribe(m call.MunicipalityID) (changes <-chan *Change, cancel func()) {
	one := &follower{make(chan *Change, waiting)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		close(one.changes)
		return one.changes, func() {}
	}
	f.followers[m] = append(f.followers[m], one)
	if !f.followed[m] {
		f.followed[m] = true
		f.work.Go(func() { f.follow(f.life, m) })
	}
	return one.changes, func() { f.leave(m, one) }
}

func (f *Feed) leave(m call.MunicipalityID, one *follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followers[m] = slices.DeleteFunc(f.followers[m], func(other *follower) bool { return other == one })
}

// follow reads the log of a municipality as long as somebody follows it.
func (f *Feed) follow(ctx context.Context, m call.MunicipalityID) {
	known := holders{}
	place, broken := "", false
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		changes, next, err := f.read(ctx, m, place, known)
		switch {
		case ctx.Err() != nil:
			f.drop(m)
			return
		case err != nil && !broken:
			f.told.Warn("changes of notes cannot be followed now; open pages show old ones", "err", err)
		case err == nil && broken:
			f.told.Info("changes of notes are followed again")
			f.drop(m) // something may have been missed: each looks anew
			return
		}
		broken = err != nil
		if err == nil {
			place = next
		}
		if !f.tell(m, changes) {
			return
		}
		if len(changes) == atOnce { // there is more
			continue
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
		}
	}
}

// read gives the changes since a place, and the next place.
func (f *Feed) read(ctx context.Context, m call.MunicipalityID, place string, known holders) (
	[]*Change, string, error,
) {
	if place == "" {
		next, err := f.log.LogSince(ctx, overlap)
		return nil, next, err
	}
	events, next, err := f.log.Log(ctx, m, place, atOnce)
	if err != nil {
		return nil, place, err
	}
	changes := make([]*Change, 0, len(events))
	notes := map[note.ID]note.Note{}
	for _, e := range events {
		n, read := notes[e.Note]
		if !read {
			n, err = f.log.Note(ctx, m, e.Note)
			switch {
			case errors.Is(err, note.ErrStoreDown): // told without its teams it would reach nobody
				return nil, place, err
			case err != nil: // of a broken or purged note the event alone is told
				n = note.Note{}
			}
			notes[e.Note] = n
		}
		changes = append(changes, known.change(e, n))
	}
	return changes, next, nil
}

// tell hands changes to all who follow, and reports whether anybody does.
func (f *Feed) tell(m call.MunicipalityID, changes []*Change) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followers[m] = slices.DeleteFunc(f.followers[m], func(one *follower) bool {
		for _, c := range changes {
			select {
			case one.changes <- c:
			default:
				close(one.changes)
				return true
			}
		}
		return false
	})
	if len(f.followers[m]) == 0 {
		delete(f.followers, m)
		delete(f.followed, m)
		return false
	}
	return true
}

// drop lets everybody look anew.
func (f *Feed) drop(m call.MunicipalityID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.followers[m] {
		close(one.changes)
	}
	delete(f.followers, m)
	delete(f.followed, m)
}

// holders is who had each note when it was last told of.
type holders map[note.ID]holder

type holder struct {
	team      call.TeamID
	colleague call.AgentID
}

// change is what an event is told as. n is the note as it is now, zero when it cannot be read.
func (h holders) change(e note.Event, n note.Note) *Change {
	c := &Change{Note: e.Note, Kind: e.Kind, Ver: e.Ver}
	add := func(one holder) {
		if one.team != "" && !slices.Contains(c.Teams, one.team) {
			c.Teams = append(c.Teams, one.team)
		}
		if one.colleague != "" && !slices.Contains(c.Colleagues, one.colleague) {
			c.Colleagues = append(c.Colleagues, one.colleague)
		}
	}
	add(h[e.Note])
	if len(n.Stints) > 1 { // it may have been another team's before
		add(holder{team: n.Stints[len(n.Stints)-2].Team})
	}
	if agent, ok := e.Who.Agent(); ok {
		add(holder{colleague: agent})
	}
	if n.ID == "" {
		delete(h, e.Note)
		return c
	}
	now := holder{n.Team, n.Holder()}
	add(now)
	if !n.State.Live() {
		delete(h, e.Note)
		return c
	}
	if len(h) >= remembered {
		clear(h)
	}
	h[e.Note] = now
	return c
}
