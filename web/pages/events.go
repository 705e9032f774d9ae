package pages

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/web/access"
	"github.com/bereikbaar/bereikbaar/web/live"
)

const (
	// beat is how often a quiet stream says that it is there: proxies and browsers give up silent ones.
	beat = 20 * time.Second
	// writeWithin bounds a write to a browser that does not read.
	writeWithin = 10 * time.Second
	// streamFor bounds a stream: the browser comes again.
	streamFor = 10 * time.Minute
	// streamsOfOne bounds the streams of one person: as many tabs as anybody uses.
	streamsOfOne = 20
)

// streams counts the streams of each person.
type streams struct {
	mu sync.Mutex
	of map[string]int // by municipality and person
}

func newStreams() *streams { return &streams{of: map[string]int{}} }

// enter counts one more, and reports false when a person has too many. leave must be called when it is over.
func (s *streams) enter(name string) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[name] >= streamsOfOne {
		return nil, false
	}
	s.of[name]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.of[name]--; s.of[name] == 0 {
			delete(s.of, name)
		}
	}, true
}

// told is a change as a page hears of it: the page then asks for what it shows, with the rights of the moment.
type told struct {
	Note note.ID        `json:"note"`
	Kind note.EventKind `json:"kind"`
	Ver  uint64         `json:"ver"`
}

// stream is what an open page holds in memory all day, so its parts are functions of their own: what they need while
// they work is not kept on the stack of a page that waits.
type stream struct {
	pages   *Pages
	writer  http.ResponseWriter
	control *http.ResponseController
	request *http.Request
	who     access.Visitor
	changes <-chan *live.Change
}

// events streams the changes that concern a person (server-sent events). Streams are outside sessions: they must not
// keep somebody signed in.
func (p *Pages) events(w http.ResponseWriter, r *http.Request) {
	s, leave := p.follower(w, r)
	if s == nil {
		return
	}
	defer leave()
	if s.begin() {
		s.follow()
	}
}

// follower lets somebody follow the changes, or answers why not and gives nil. leave must be called when it is over.
func (p *Pages) follower(w http.ResponseWriter, r *http.Request) (s *stream, leave func()) {
	who, ok := access.From(r.Context())
	if !ok || !who.Highest().AtLeast(staff.Reader) {
		w.WriteHeader(http.StatusForbidden)
		return nil, nil
	}
	left, ok := p.streams.enter(string(who.Municipality) + "/" + who.Name)
	if !ok {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
		return nil, nil
	}
	changes, cancel := p.Feed.Subscribe(who.Municipality)
	s = &stream{
		pages: p, writer: w, control: http.NewResponseController(w), request: r, who: who, changes: changes,
	}
	return s, func() {
		cancel()
		left()
	}
}

// begin sends the headers, and who follows. Like the others it reports whether the browser is still there.
func (s *stream) begin() bool {
	_ = s.control.SetReadDeadline(time.Time{}) // a writer that knows no deadline, as in a test, needs none
	header := s.writer.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx hands each event on at once
	ready, err := json.Marshal(map[string]string{"who": string(s.who.Agent)})
	return err == nil && s.send("event: ready\ndata: "+string(ready)+"\n\n")
}

// follow tells of changes until the browser goes, or has to come again.
func (s *stream) follow() {
	over := time.NewTimer(s.lasts())
	defer over.Stop()
	ticks := time.NewTicker(beat)
	defer ticks.Stop()
	for goesOn := true; goesOn; {
		select {
		case <-s.request.Context().Done():
			return
		case <-over.C:
			return
		case <-ticks.C:
			goesOn = s.here()
		case c, ok := <-s.changes:
			goesOn = ok && s.tell(c) // some were lost: the browser comes again, and looks anew
		}
	}
}

// lasts is how long the stream may last: no longer than the session.
func (s *stream) lasts() time.Duration {
	if last := access.SessionOf(s.request.Context()).Last; !last.IsZero() {
		return min(streamFor, time.Until(last))
	}
	return streamFor
}

// here says that the stream is there, when its person may still follow it.
func (s *stream) here() bool {
	who, ok := s.pages.still(s.request, s.who)
	s.who = who
	return ok && s.send(": here\n\n")
}

// tell tells of a change that concerns the person.
func (s *stream) tell(c *live.Change) bool {
	if !concerns(c, s.who) {
		return true
	}
	data, err := json.Marshal(told{c.Note, c.Kind, c.Ver})
	return err == nil && s.send(fmt.Sprintf("event: note\ndata: %s\n\n", data))
}

func (s *stream) send(text string) bool {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeWithin))
	if _, err := fmt.Fprint(s.writer, text); err != nil {
		return false
	}
	return s.control.Flush() == nil
}

// still gives the visitor with the rights of the moment, and false when they may follow nothing any more: they signed
// out, or lost their roles. While that cannot be looked up the stream stays: whoever reads a page is asked again.
func (p *Pages) still(r *http.Request, who access.Visitor) (access.Visitor, bool) {
	if p.Who == nil {
		return who, true
	}
	guest, err := p.Who(r)
	if errors.Is(err, note.ErrStoreDown) {
		return who, true
	}
	now := guest.Visitor()
	return now, err == nil && now.Name == who.Name && now.Municipality == who.Municipality &&
		now.Highest().AtLeast(staff.Reader)
}

// concerns reports whether somebody may know of a change.
func concerns(c *live.Change, who access.Visitor) bool {
	return slices.ContainsFunc(c.Teams, who.Sees) || who.Agent != "" && slices.Contains(c.Colleagues, who.Agent)
}
