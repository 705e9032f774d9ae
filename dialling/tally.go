package dialling

import (
	"context"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
)

// Day names the counts of one municipality on one day of its own calendar.
type Day struct {
	Municipality call.MunicipalityID
	Date         string // such as 2026-11-20
}

// DayOf is the day of a moment by the clocks of the municipality.
func DayOf(m call.MunicipalityID, at time.Time, clocks *time.Location) Day {
	return Day{Municipality: m, Date: calendar.DateOf(at, clocks).String()}
}

// Limit is how often something may be done in a day.
type Limit struct {
	What string // names the count, in small letters and hyphens
	Of   string // whose count it is, such as a number; empty for everybody's. It may be personal: a store hashes it
	Most int    // 0 allows none
}

// Tally counts what is done in a day, for all daemons of a municipality together. An error wraps ErrStoreDown or
// ErrBroken.
type Tally interface {
	// Count adds one to each count, and gives the zero Limit. When a count has reached its most it adds to none, and
	// gives the first that has. A once that was counted on that day adds nothing.
	Count(ctx context.Context, day Day, once string, limits []Limit) (Limit, error)
	// TakeBack undoes the Count with that once on that day, if there was one.
	TakeBack(ctx context.Context, day Day, once string) error
	// Full gives the first limit that has reached its most, and counts nothing.
	Full(ctx context.Context, day Day, limits []Limit) (Limit, error)
}

// LocalTally is a Tally in the memory of this program, which forgets a day when the next one begins. Its errors are
// nil. The zero value is ready; it is safe for use by several goroutines.
type LocalTally struct {
	mu   sync.Mutex
	days map[call.MunicipalityID]*localDay
}

type localDay struct {
	date   string
	counts map[Limit]int // by the limit without its most
	once   map[string][]Limit
}

// Count implements Tally.
func (l *LocalTally) Count(_ context.Context, day Day, once string, limits []Limit) (Limit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.day(day)
	if _, known := d.once[once]; known {
		return Limit{}, nil
	}
	if full := d.full(limits); full != (Limit{}) {
		return full, nil
	}
	d.once[once] = limits
	for _, limit := range limits {
		d.counts[limit.named()]++
	}
	return Limit{}, nil
}

// TakeBack implements Tally.
func (l *LocalTally) TakeBack(_ context.Context, day Day, once string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, ok := l.days[day.Municipality]
	if !ok || d.date != day.Date {
		return nil // forgotten, with all of that day
	}
	for _, limit := range d.once[once] {
		d.counts[limit.named()]--
	}
	delete(d.once, once)
	return nil
}

// Full implements Tally.
func (l *LocalTally) Full(_ context.Context, day Day, limits []Limit) (Limit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.day(day).full(limits), nil
}

// day is called with mu held.
func (l *LocalTally) day(day Day) *localDay {
	if d, ok := l.days[day.Municipality]; ok && d.date == day.Date {
		return d
	}
	if l.days == nil {
		l.days = make(map[call.MunicipalityID]*localDay)
	}
	d := &localDay{date: day.Date, counts: make(map[Limit]int), once: make(map[string][]Limit)}
	l.days[day.Municipality] = d
	return d
}

func (d *localDay) full(limits []Limit) Limit {
	for _, limit := range limits {
		if d.counts[limit.named()] >= limit.Most {
			return limit
		}
	}
	return Limit{}
}

func (l Limit) named() Limit { return Limit{What: l.What, Of: l.Of} }
