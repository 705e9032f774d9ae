package redisstore

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/staff"
)

// SetAbsent stores the absence of a colleague, see staff.Presence.
func (s *Store) SetAbsent(ctx context.Context, m call.MunicipalityID, a staff.Absence) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := s.client.HSet(ctx, keysOf(m).absent(), string(a.Colleague), staff.EncodeAbsence(a)).Err(); err != nil {
		return down("store an absence", err)
	}
	return nil
}

// SetPresent ends the absence of a colleague, see staff.Presence.
func (s *Store) SetPresent(ctx context.Context, m call.MunicipalityID, colleague call.AgentID) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := s.client.HDel(ctx, keysOf(m).absent(), string(colleague)).Err(); err != nil {
		return down("end an absence", err)
	}
	return nil
}

// Absence gives the absence of a colleague, see staff.Presence.
func (s *Store) Absence(ctx context.Context, m call.MunicipalityID, colleague call.AgentID) (
	staff.Absence, bool, error,
) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	key := keysOf(m).absent()
	stored, err := s.client.HGet(ctx, key, string(colleague)).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return staff.Absence{}, false, nil
	case err != nil:
		return staff.Absence{}, false, s.unread(key, err)
	}
	a, err := staff.DecodeAbsence(colleague, stored)
	if err != nil {
		return staff.Absence{}, false, s.broken(key, err)
	}
	return a, true, nil
}

// Absences gives the absent colleagues, see staff.Presence.
func (s *Store) Absences(ctx context.Context, m call.MunicipalityID) ([]staff.Absence, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	key := keysOf(m).absent()
	stored, err := s.client.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, s.unread(key, err)
	}
	var absences []staff.Absence
	var problems []error
	for _, colleague := range slices.Sorted(maps.Keys(stored)) {
		if !call.IsID(colleague) {
			s.faults.add(key, colleague, junkFault("a field", colleague, "no colleague"))
			continue
		}
		a, err := staff.DecodeAbsence(call.AgentID(colleague), stored[colleague])
		if err != nil {
			problems = append(problems, s.broken(key, err))
			continue
		}
		absences = append(absences, a)
	}
	return absences, incomplete(problems)
}
