package daemon

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/note"
)

// countedNotes counts the notes of callers on the telephone. The JSON API goes past it: notes that programs make show
// in the counts of the store.
type countedNotes struct {
	*callback.Service
	reader   note.Reader
	worklist *callback.Worklist
	metrics  *metrics.Metrics
	repeats  *repeats
}

// Promise implements ivr.Notes.
func (n countedNotes) Promise(ctx context.Context, r callback.Request) (note.Note, callback.How, error) {
	promised, how, err := n.Service.Promise(ctx, r)
	switch {
	case err != nil:
		n.metrics.Notes.Refused(r.Team, err)
	case how == callback.Merged:
		n.repeated(promised.Team, r.Call)
	case how == callback.Made:
		n.metrics.Notes.Promised(r.Team)
	}
	return promised, how, err
}

// Live implements ivr.Notes.
func (n countedNotes) Live(ctx context.Context, m call.MunicipalityID, number call.Number) ([]note.Note, error) {
	const most = 200 // of one number, a company's: the live ones are among the newest
	notes, err := n.reader.ByNumber(ctx, m, number, most)
	notes = slices.DeleteFunc(notes, func(n note.Note) bool { return !n.State.Live() })
	slices.SortStableFunc(notes, func(a, b note.Note) int { return a.Deadline.Compare(b.Deadline) })
	return notes, err
}

// Repeated implements ivr.Notes.
func (n countedNotes) Repeated(ctx context.Context, about note.Note, in call.ID) error {
	_, err := n.worklist.Merge(ctx, byCaller(about), in, "")
	if err == nil {
		n.repeated(about.Team, in)
	}
	return err
}

// Withdraw implements ivr.Notes.
func (n countedNotes) Withdraw(ctx context.Context, about note.Note, in call.ID) error {
	_, err := n.worklist.Cancel(ctx, byCaller(about), "withdrawn by the caller in call "+string(in))
	return err
}

// repeated counts a call as a repeat contact, once: after hearing of their note a caller may ask for the same again in
// that call.
func (n countedNotes) repeated(team call.TeamID, in call.ID) {
	if n.repeats.first(in) {
		n.metrics.Notes.Repeated(team)
	}
}

// repeats knows which of the calls that go on were counted as repeat contacts. It is safe for concurrent use.
type repeats struct {
	mu      sync.Mutex
	counted map[call.ID]bool
}

func newRepeats() *repeats { return &repeats{counted: map[call.ID]bool{}} }

func (r *repeats) first(in call.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.counted[in]
	r.counted[in] = true
	return !before
}

// over forgets a call.
func (r *repeats) over(in call.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.counted, in)
}

func byCaller(n note.Note) callback.Step {
	return callback.Step{Municipality: n.Municipality, Note: n.ID, Who: note.ByCaller, At: time.Now().UTC()}
}
