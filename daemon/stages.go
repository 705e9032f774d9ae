package daemon

import (
	"context"
	"sync"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/web/pages"
)

// stages says how far the callbacks are that colleagues asked for, for their pages. One that was taken back after a
// restart has none: its note says the rest.
type stages struct {
	mu  sync.Mutex
	all map[call.AgentID]stage
}

type stage struct {
	note note.ID
	is   pages.Stage
}

func newStages() *stages { return &stages{all: map[call.AgentID]stage{}} }

func (s *stages) begin(agent call.AgentID, id note.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[agent] = stage{id, pages.StageDesk}
}

// end notes that a callback is over for a colleague. They may be put through for another note by then: a caller who was
// transferred talks on for long.
func (s *stages) end(agent call.AgentID, id note.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[agent].note == id {
		delete(s.all, agent)
	}
}

// reaches notes that a callback has come so far.
func (s *stages) reaches(agent call.AgentID, id note.ID, is pages.Stage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[agent].note == id {
		s.all[agent] = stage{id, is}
	}
}

func (s *stages) of(agent call.AgentID) (note.ID, pages.Stage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[agent].note, s.all[agent].is
}

// staged notes the stages of the callbacks that it rings.
type staged struct {
	stages *stages
	ivr.Exchange
}

// Dial implements ivr.Exchange.
func (s staged) Dial(ctx context.Context, out ivr.Outside) (dispatch.Leg, error) {
	s.stages.reaches(out.Agent, out.Note, pages.StageCaller)
	leg, err := s.Exchange.Dial(ctx, out)
	if err != nil { // the colleague's phone is still theirs, and says why
		s.stages.reaches(out.Agent, out.Note, pages.StageNone)
		return leg, err
	}
	s.stages.reaches(out.Agent, out.Note, pages.StageTalking)
	return leg, nil
}

// Stage implements pages.Phone.
func (d *desks) Stage(agent call.AgentID) (note.ID, pages.Stage) { return d.stages.of(agent) }
