package redisstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/staff"
)

// kept are the sources whose knowledge is kept here.
var kept = []staff.Source{staff.FromPage, staff.FromSignIn}

func personField(from staff.Source, id call.AgentID) string { return string(from) + ":" + string(id) }

// personOf reads the name of a field; false for one that this version does not write.
func personOf(field string) (staff.Source, call.AgentID, bool) {
	from, id, _ := strings.Cut(field, ":")
	return staff.Source(from), call.AgentID(id), slices.Contains(kept, staff.Source(from)) && call.IsID(id)
}

// SavePerson keeps what a source knows of a person, see staff.People.
func (s *Store) SavePerson(ctx context.Context, from staff.Source, p staff.Person) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if !slices.Contains(kept, from) || !call.IsID(string(p.ID)) || !call.IsID(string(p.Municipality)) {
		return fmt.Errorf("what %q knows of this person is not kept here: the ids or the source are wrong", from)
	}
	key := keysOf(p.Municipality).people()
	if err := s.client.HSet(ctx, key, personField(from, p.ID), staff.EncodePerson(p)).Err(); err != nil {
		return down("keep a person", err)
	}
	return nil
}

// RemovePerson forgets what a source knows of a person, see staff.People.
func (s *Store) RemovePerson(ctx context.Context, from staff.Source, m call.MunicipalityID, id call.AgentID) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := s.client.HDel(ctx, keysOf(m).people(), personField(from, id)).Err(); err != nil {
		return down("forget a person", err)
	}
	return nil
}

// Person gives what each source knows of a person, see staff.People.
func (s *Store) Person(ctx context.Context, m call.MunicipalityID, id call.AgentID) (
	map[staff.Source]staff.Person, error,
) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	key := keysOf(m).people()
	fields := make([]string, len(kept))
	for i, from := range kept {
		fields[i] = personField(from, id)
	}
	stored, err := s.client.HMGet(ctx, key, fields...).Result()
	if err != nil {
		return nil, s.unread(key, err)
	}
	known := make(map[staff.Source]staff.Person, len(kept))
	var problems []error
	for i, text := range stored {
		text, there := text.(string)
		if !there {
			continue
		}
		p, err := staff.DecodePerson(m, id, text)
		if err != nil {
			problems = append(problems, s.broken(key, fmt.Errorf("%s: %w", kept[i], err)))
			continue
		}
		known[kept[i]] = p
	}
	return known, incomplete(problems)
}

// People gives everybody that pages and sign-ins know, see staff.People.
func (s *Store) People(ctx context.Context, m call.MunicipalityID) (
	map[call.AgentID]map[staff.Source]staff.Person, error,
) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	key := keysOf(m).people()
	stored, err := s.client.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, s.unread(key, err)
	}
	people := make(map[call.AgentID]map[staff.Source]staff.Person)
	var problems []error
	for _, field := range slices.Sorted(maps.Keys(stored)) {
		from, id, ok := personOf(field)
		if !ok {
			s.faults.add(key, field, junkFault("a field", field, "no person"))
			continue
		}
		p, err := staff.DecodePerson(m, id, stored[field])
		if err != nil {
			problems = append(problems, s.broken(key, fmt.Errorf("%s: %w", from, err)))
			continue
		}
		if people[id] == nil {
			people[id] = make(map[staff.Source]staff.Person)
		}
		people[id][from] = p
	}
	return people, incomplete(problems)
}
