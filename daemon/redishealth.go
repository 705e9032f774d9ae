package daemon

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/redisstore"
)

const (
	// storeSeenEvery is how often the daemon looks which Redis answers.
	storeSeenEvery = 5 * time.Second
	// storeCheckedEvery is how often it checks a good Redis again: settings can be changed and disks fill while it
	// runs.
	storeCheckedEvery = time.Minute
)

// watchedStore is what is asked of Redis, see redisstore.Store.
type watchedStore interface {
	Ping(ctx context.Context) error
	Identity(ctx context.Context) (string, error)
	Check(ctx context.Context) []redisstore.Problem
	Attest(ctx context.Context, p redisstore.Proof) (redisstore.Proof, error)
}

// storeWatch knows whether Redis answers, and whether it keeps what it confirms (docs/notes.md, "Redis as it must be").
// Calls go on whatever it finds: promises are in the journal too.
type storeWatch struct {
	store   watchedStore
	witness Witness
	log     *slog.Logger

	// Only the goroutine that looks uses these.
	identity string // of the Redis that was checked last; empty when none was, or it went away since
	checked  time.Time
	known    map[string]redisstore.Problem // by setting: what was logged
	untried  string                        // why the last trial failed, as it was logged; empty when it did not

	mu    sync.Mutex
	grave string         // the grave problems, for an operator; empty for none
	last  metrics.Health // what was said last
}

func newStoreWatch(store watchedStore, witness Witness, log *slog.Logger) *storeWatch {
	return &storeWatch{store: store, witness: witness, log: log, last: metrics.Health{Since: time.Now().UTC()}}
}

// run looks until ctx ends.
func (w *storeWatch) run(ctx context.Context) {
	ticks := time.NewTicker(storeSeenEvery)
	defer ticks.Stop()
	for {
		w.look(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// look checks Redis when another one answers than before, when it is time again, and as long as something grave is
// wrong.
func (w *storeWatch) look(ctx context.Context, now time.Time) {
	seen, err := w.store.Identity(ctx)
	if err != nil { // the ping of its health says so; the next Redis is checked
		w.identity = ""
		return
	}
	if seen == w.identity && w.problems() == "" && now.Sub(w.checked) < storeCheckedEvery {
		return
	}
	found := append(w.store.Check(ctx), w.attest(ctx)...)
	if ctx.Err() != nil {
		return
	}
	w.identity, w.checked = seen, now
	w.tell(found)
}

// attest has Redis confirm the next trial number, and gives the problem when it lost one that it confirmed.
func (w *storeWatch) attest(ctx context.Context) []redisstore.Problem {
	before, err := w.witness.Read()
	if err != nil {
		w.log.Warn("the test that Redis keeps confirmed data starts over", "err", err)
	}
	proof, err := w.store.Attest(ctx, before)
	if err == nil {
		err = w.witness.keep(proof)
	}
	untried := ""
	if err != nil {
		untried = err.Error()
	}
	if untried != "" && untried != w.untried {
		w.log.Warn("the test that Redis keeps confirmed data failed; it is tried again", "err", err)
	}
	w.untried = untried
	if problem, wrong := proof.Problem(); wrong {
		return []redisstore.Problem{problem}
	}
	return nil
}

// tell logs each problem once, until it is mended, and keeps the grave ones for the health page.
func (w *storeWatch) tell(found []redisstore.Problem) {
	known := make(map[string]redisstore.Problem, len(found))
	var grave []string
	for _, p := range found {
		if p.Grave {
			grave = append(grave, p.Setting+": "+p.Text)
		}
		if before, told := w.known[p.Setting]; !told || before.Grave != p.Grave {
			level := slog.LevelWarn
			if p.Grave {
				level = slog.LevelError
			}
			w.log.Log(
				context.Background(), level, "Redis is not as promises need it", "setting", p.Setting, "problem",
				p.Text, "mend", p.Mend,
			)
		}
		known[p.Setting] = p
	}
	for setting := range w.known {
		if _, still := known[setting]; !still {
			w.log.Info("a problem with Redis is solved", "setting", setting)
		}
	}
	w.known = known
	w.mu.Lock()
	defer w.mu.Unlock()
	w.grave = strings.Join(grave, "; ")
}

func (w *storeWatch) problems() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.grave
}

// health says how Redis stands, and since when.
func (w *storeWatch) health(ctx context.Context) metrics.Health {
	err := w.store.Ping(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := metrics.Health{Up: err == nil, Degraded: err == nil && w.grave != "", Detail: w.grave, Since: w.last.Since}
	if err != nil {
		now.Detail = err.Error()
	}
	if now.Up != w.last.Up || now.Degraded != w.last.Degraded {
		now.Since = time.Now().UTC()
	}
	w.last = now
	return now
}
