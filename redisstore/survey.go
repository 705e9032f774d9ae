package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Survey reads the indexes of a municipality's live notes and what hangs on them, so that Faults knows broken keys
// before they are needed, and forgets mended ones. It reads the oldest closed notes, and the notes that the given
// colleagues hold. The error says that Redis did not answer.
func (s *Store) Survey(ctx context.Context, m call.MunicipalityID, colleagues []call.AgentID) error {
	k := keysOf(m)
	teams, err := s.surveyCounts(ctx, m)
	if err != nil {
		return err
	}
	nothing := func([]note.Note) error { return nil }
	var looks []look
	for _, key := range append(dueKeys(k, teams), k.leases(), k.marks()) {
		looks = append(looks, look{
			key, func() error { return errors.Join(s.each(ctx, m, key, "-inf", "+inf", nothing)) },
		})
	}
	for _, colleague := range colleagues {
		looks = append(looks, look{
			k.held(colleague), func() error { return second(s.Held(ctx, m, colleague, maxList)) },
		})
	}
	looks = append(looks,
		look{k.closed(), func() error { return second(s.upTo(ctx, m, k.closed(), time.Now(), maxList)) }},
		look{k.absent(), func() error { return second(s.Absences(ctx, m)) }})
	for _, key := range s.faults.keys(k.tag + "outbox") {
		looks = append(looks, look{key, func() error { return second(s.Outbox().Rows(ctx, m)) }})
	}
	for _, key := range s.faults.keys(k.note("")) { // notes with known faults; others are met on the way
		id := note.ID(key[len(k.note("")):])
		looks = append(looks, look{key, func() error {
			_, err := s.Note(ctx, m, id)
			_, err2 := s.Events(ctx, m, id)
			return errors.Join(err, err2)
		}})
	}
	for _, l := range looks {
		if err := s.look(l); err != nil {
			return err
		}
	}
	return nil
}

// look is a key and how to read it.
type look struct {
	key  string
	read func() error
}

// look reads a key anew: a fault that is not met again was mended.
func (s *Store) look(l look) error {
	begun := time.Now()
	if err := l.read(); errors.Is(err, note.ErrStoreDown) {
		return err
	}
	s.faults.forget(l.key, begun)
	return nil
}

func (s *Store) surveyCounts(ctx context.Context, m call.MunicipalityID) ([]call.TeamID, error) {
	k, begun := keysOf(m), time.Now()
	teams, err := s.Teams(ctx, m)
	if err == nil {
		_, err = s.Counts(ctx, m, begun)
	}
	if errors.Is(err, note.ErrStoreDown) {
		return nil, err
	}
	s.faults.forget(k.teams(), begun)
	s.faults.forget(k.ledger(), begun)
	return teams, nil
}

func dueKeys(k keys, teams []call.TeamID) []string {
	due := make([]string, len(teams))
	for i, team := range teams {
		due[i] = k.due(team)
	}
	return due
}

func second[T any](_ T, err error) error { return err }
