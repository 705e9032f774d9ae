package ivr

import (
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Talking is a conversation of a caller with an agent that goes on.
type Talking struct {
	Call  call.ID
	Since time.Time      // when the two were connected, UTC
	Note  note.Reference // the caller's note; empty when he has none, or has not been recognised
}

// Talking gives the conversation that an agent has with a caller now, and false when he has none. Any goroutine may
// ask.
func (o *Operator) Talking(agent call.AgentID) (Talking, bool) {
	o.talks.mu.Lock()
	defer o.talks.mu.Unlock()
	talking, ok := o.talks.now[agent]
	return talking, ok
}

// talks are the conversations that go on. The zero value is ready.
type talks struct {
	mu  sync.Mutex
	now map[call.AgentID]Talking
}

// begin lets a conversation be known until end.
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
		if t.now[agent] == talking { // else he talks with the next already
			delete(t.now, agent)
		}
	}
}
