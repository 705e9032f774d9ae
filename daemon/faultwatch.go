package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/redisstore"
)

const (
	// faultsSeenEvery is how often the daemon logs the faults that were met in Redis.
	faultsSeenEvery = 5 * time.Second
	// surveyEvery is how often it looks through the live notes in Redis: else a broken one is found when it is needed.
	surveyEvery = 5 * time.Minute
	surveyLimit = time.Minute
)

// surveyed is what is asked of Redis, see redisstore.Store.
type surveyed interface {
	Survey(ctx context.Context, m call.MunicipalityID, colleagues []call.AgentID) error
	Faults() []redisstore.Fault
}

// faultWatch logs what Redis holds under our keys that this program did not write.
type faultWatch struct {
	store surveyed
	log   *slog.Logger
	last  time.Time       // when all was looked through
	told  map[string]bool // by key: what was logged
}

func newFaultWatch(store surveyed, log *slog.Logger) *faultWatch {
	return &faultWatch{store: store, log: log, told: make(map[string]bool)}
}

// run looks until ctx ends, each time through the notes of these municipalities and colleagues.
func (w *faultWatch) run(ctx context.Context, whose func() ([]call.MunicipalityID, []call.AgentID)) {
	ticks := time.NewTicker(faultsSeenEvery)
	defer ticks.Stop()
	for {
		municipalities, colleagues := whose()
		w.look(ctx, time.Now(), municipalities, colleagues)
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// look looks through all notes when it is time, and logs the known faults. While Redis does not answer it tries again
// the next time.
func (w *faultWatch) look(
	ctx context.Context, now time.Time, municipalities []call.MunicipalityID, colleagues []call.AgentID,
) {
	if now.Sub(w.last) >= surveyEvery {
		limited, cancel := context.WithTimeout(ctx, surveyLimit)
		defer cancel()
		w.last = now
		for _, m := range municipalities {
			if err := w.store.Survey(limited, m, colleagues); err != nil {
				if limited.Err() == nil {
					w.last = time.Time{}
				}
				break
			}
		}
	}
	w.tell(w.store.Faults())
}

// tell logs each key once, until it is mended.
func (w *faultWatch) tell(found []redisstore.Fault) {
	known := make(map[string]bool, len(found))
	for _, f := range found {
		known[f.Key] = true
		if w.told[f.Key] {
			continue
		}
		level := slog.LevelWarn
		if f.Grave {
			level = slog.LevelError
		}
		w.log.Log(context.Background(), level,
			"Redis holds data that this program cannot read; it is skipped, and requests that need it are refused",
			"key", f.Key, "problem", f.Text, "faults", f.Entries, "mend", f.Mend)
	}
	for key := range w.told {
		if !known[key] {
			w.log.Info("a key in Redis is as it should be again, or was not read for an hour", "key", key)
		}
	}
	w.told = known
}

// faultCounts counts the known faults by kind of key, kinds without any included.
func faultCounts(found []redisstore.Fault) map[string]int {
	counts := make(map[string]int)
	for _, index := range redisstore.Indexes() {
		counts[index] = 0
	}
	for _, f := range found {
		if _, ours := counts[f.Index]; ours {
			counts[f.Index] += f.Entries
		}
	}
	return counts
}
