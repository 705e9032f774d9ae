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

// events streams the changes that concern a person (server-sent events). Streams are outside sessions: they must not
// keep somebody signed in.
func (p *Pages) events(w http.ResponseWriter, r *http.Request) {
	who, ok := access.From(r.Context())
	if !ok || !who.Highest().AtLeast(staff.Reader) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	leave, ok := p.streams.enter(string(who.Municipality) + "/" + who.Name)
	if !ok {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	defer leave()
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // a writer that knows no deadline, as in a test, needs none
	changes, cancel := p.Feed.Subscribe(who.Municipality)
	defer cancel()
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx hands each event on at once
	send := func(text string) error {
		_ = control.SetWriteDeadline(time.Now().Add(writeWithin))
		if _, err := fmt.Fprint(w, text); err != nil {
			return err
		}
		return control.Flush()
	}
	ready, err := json.Marshal(map[string]string{"who": string(who.Agent)})
	if err != nil || send("event: ready\ndata: "+string(ready)+"\n\n") != nil {
		return
	}
	over := time.After(streamFor)
	if last := access.SessionOf(r.Context()).Last; !last.IsZero() {
		over = time.After(min(streamFor, time.Until(last)))
	}
	ticks := time.NewTicker(beat)
	defer ticks.Stop()
	for {
		text := ": here\n\n"
		select {
		case <-r.Context().Done():
			return
		case <-over:
			return
		case <-ticks.C:
			if who, ok = p.still(r, who); !ok {
				return
			}
		case c, ok := <-changes:
			if !ok { // some were lost: the browser comes again, and looks anew
				return
			}
			if !concerns(c, who) {
				continue
			}
			data, err := json.Marshal(told{c.Note, c.Kind, c.Ver})
			if err != nil {
				return
			}
			text = fmt.Sprintf("event: note\ndata: %s\n\n", data)
		}
		if send(text) != nil {
			return
		}
	}
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
