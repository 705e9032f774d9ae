package daemon

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/asterisk"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

// namesFresh is how old the names on pages may be.
const namesFresh = 10 * time.Second

// people is everybody that the configuration, pages and sign-ins know.
type people struct {
	settings *Settings
	store    staff.People
	exchange exchange

	change chan struct{} // taken while what pages know of somebody is read and written
	mu     sync.Mutex
	names  map[call.MunicipalityID]named
}

// exchange knows the phones, see asterisk.Conn.
type exchange interface {
	Endpoint(ctx context.Context, name string) (asterisk.Endpoint, error)
}

// named are the names of a municipality's people. The map is never changed: who reads it needs no lock.
type named struct {
	at    time.Time
	names map[call.AgentID]string
}

func newPeople(settings *Settings, store staff.People, exchange exchange) *people {
	return &people{
		settings: settings, store: store, exchange: exchange, change: make(chan struct{}, 1),
		names: map[call.MunicipalityID]named{},
	}
}

// Person implements signin.Known. Somebody who has the id of a colleague of another municipality is nobody here.
func (p *people) Person(ctx context.Context, m call.MunicipalityID, id call.AgentID) (
	map[staff.Source]staff.Person, error,
) {
	cfg := p.settings.config()
	if cfg.Foreign(m, id) {
		return nil, nil
	}
	known, err := p.store.Person(ctx, m, id)
	if err != nil && !errors.Is(err, note.ErrBroken) {
		return nil, err
	}
	of, ok := cfg.Person(m, id)
	return staff.WithFile(known, of, ok), err
}

// People implements pages.People: also those whom only the configuration knows.
func (p *people) People(ctx context.Context, m call.MunicipalityID) (
	map[call.AgentID]map[staff.Source]staff.Person, error,
) {
	stored, err := p.store.People(ctx, m)
	if err != nil && !errors.Is(err, note.ErrBroken) {
		return nil, err
	}
	cfg, all := p.settings.config(), map[call.AgentID]map[staff.Source]staff.Person{}
	for id, known := range stored {
		if !cfg.Foreign(m, id) {
			all[id] = known
		}
	}
	for id, of := range cfg.PeopleOf(m) {
		all[id] = staff.WithFile(all[id], of, true)
	}
	return all, err
}

// Change implements pages.People.
func (p *people) Change(
	ctx context.Context, m call.MunicipalityID, id call.AgentID, change func(*staff.Person) error,
) error {
	if p.settings.config().Foreign(m, id) {
		return staff.ErrForeign
	}
	of, fresh, err := p.changed(ctx, m, id, change)
	if err != nil {
		return err
	}
	if fresh { // before the lock: Asterisk may take its time
		if err := p.asked(ctx, of.Phone); err != nil {
			return err
		}
	}
	select {
	case p.change <- struct{}{}:
		defer func() { <-p.change }()
	case <-ctx.Done():
		return ctx.Err()
	}
	asked := of.Phone
	if of, fresh, err = p.changed(ctx, m, id, change); err != nil {
		return err
	}
	if fresh {
		if of.Phone != asked {
			return staff.ErrPhoneUnasked
		}
		if err := p.free(ctx, of); err != nil {
			return err
		}
	}
	return p.store.SavePerson(ctx, staff.FromPage, of)
}

// changed is what pages would know of a person after a change. fresh says that their phone is another then.
func (p *people) changed(
	ctx context.Context, m call.MunicipalityID, id call.AgentID, change func(*staff.Person) error,
) (of staff.Person, fresh bool, err error) {
	known, err := p.store.Person(ctx, m, id)
	if err != nil {
		return of, false, err
	}
	before := known[staff.FromPage]
	of = before
	of.ID, of.Municipality, of.Roles = id, m, maps.Clone(before.Roles)
	err = change(&of)
	return of, of.Phone != "" && of.Phone != before.Phone, err
}

// Forget implements pages.People.
func (p *people) Forget(ctx context.Context, m call.MunicipalityID, id call.AgentID) error {
	return p.store.RemovePerson(ctx, staff.FromPage, m, id)
}

// name is how a person is called; empty when that is not known. The store is asked once in a while, for all, and by one
// page only: the others do with the names that were read last.
func (p *people) name(m call.MunicipalityID, id call.AgentID) string {
	if of, ok := p.settings.config().Person(m, id); ok && of.Name != "" {
		return of.Name
	}
	p.mu.Lock()
	read := p.names[m]
	stale := time.Since(read.at) > namesFresh
	if stale {
		p.names[m] = named{at: time.Now(), names: read.names}
	}
	p.mu.Unlock()
	if stale {
		if fresh := p.read(m); fresh != nil {
			read.names = fresh
			p.mu.Lock()
			p.names[m] = named{at: time.Now(), names: fresh}
			p.mu.Unlock()
		}
	}
	return read.names[id]
}

// read asks the store for all names of a municipality; nil when it does not answer soon.
func (p *people) read(m call.MunicipalityID) map[call.AgentID]string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	all, err := p.store.People(ctx, m)
	if err != nil && !errors.Is(err, note.ErrBroken) {
		return nil
	}
	names := make(map[call.AgentID]string, len(all))
	for id, known := range all {
		names[id] = staff.Merge(known).Name
	}
	return names
}

// directory is what pages ask about teams and people.
type directory struct {
	*Settings
	people *people
}

// TeamName implements pages.Directory.
func (d directory) TeamName(_ call.MunicipalityID, team call.TeamID) string {
	return d.plan().Teams[team].Name
}

// PersonName implements pages.Directory.
func (d directory) PersonName(m call.MunicipalityID, colleague call.AgentID) string {
	return d.people.name(m, colleague)
}

// MunicipalityName implements pages.Directory. Without a municipality, before somebody has signed in, it is that of the
// only one.
func (d directory) MunicipalityName(m call.MunicipalityID) string {
	if all := d.Municipalities(); m == "" && len(all) == 1 {
		m = all[0]
	}
	return d.plan().Municipalities[m].Name
}

// Worked implements pages.Directory. The time of a team that is no longer in the configuration is not counted.
func (d directory) Worked(n note.Note, from, to time.Time) time.Duration {
	team, ok := d.plan().Teams[n.Team]
	if !ok {
		return 0
	}
	return team.Hours.Worked(from, to)
}

// Least implements pages.Directory.
func (d directory) Least(m call.MunicipalityID) int { return d.Work(m).Attempts.Least }

// Municipalities lists those of the configuration, sorted.
func (s *Settings) Municipalities() []call.MunicipalityID {
	return slices.Sorted(maps.Keys(s.plan().Municipalities))
}
