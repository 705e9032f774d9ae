package ivr

import (
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Talking is a live conversation of a caller with an agent.
type Talking struct {
	Call  call.ID
	Since time.Time      // when the two were connected, UTC
	Note  note.Reference // the caller's note; empty when there is none, or the caller was not recognised
}

// Talking gives an agent's conversation with a caller, and false when there is none. It is safe for concurrent use.
func (o *Operator) Talking(agent call.AgentID) (Talking, bool) {
	o.talks.mu.Lock()
	defer o.talks.mu.Unlock()
	talking, ok := o.talks.now[agent]
	return talking, ok
}

// talks are the live conversations. The zero value is ready.
type talks struct {
	mu  sync.Mutex
	now map[call.AgentID]Talking
}

// begin publishes a conversation until end.
func (t *talks) begin(agent call.AgentID, talking Talking) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == nil {
		t.now = make(map[call.AgentID]Talking)
	}
	t.now[agent] = talking
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.now[agent] == talking { // else the agent talks with the next already
			delete(t.now, agent)
		}
	}
}
