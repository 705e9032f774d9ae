package redisstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Teams gives every team that ever had a note, in order: also those that left the configuration since.
func (s *Store) Teams(ctx context.Context, m call.MunicipalityID) ([]call.TeamID, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.teams(ctx, keysOf(m))
}

// teams skips entries that are no team's id.
func (s *Store) teams(ctx context.Context, k keys) ([]call.TeamID, error) {
	found, err := s.client.SMembers(ctx, k.teams()).Result()
	if err != nil {
		return nil, s.unread(k.teams(), err)
	}
	slices.Sort(found)
	teams := make([]call.TeamID, 0, len(found))
	for _, team := range found {
		if !call.IsID(team) {
			s.faults.add(k.teams(), team, junkFault("an entry", team, "no team"))
			continue
		}
		teams = append(teams, call.TeamID(team))
	}
	return teams, nil
}

// Counts counts per team, also for teams that are no longer in the configuration but have notes. now decides what is
// overdue. Teams whose keys cannot be read are left out and named by an *UncountedError; the others are given.
func (s *Store) Counts(
	ctx context.Context, m call.MunicipalityID, now time.Time,
) (map[call.TeamID]note.Count, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	k := keysOf(m)
	teams, err := s.teams(ctx, k)
	if err != nil {
		return nil, err
	}
	ledger, err := s.client.HGetAll(ctx, k.ledger()).Result()
	if err != nil {
		return nil, s.unread(k.ledger(), err)
	}
	live, overdue := make([]*redis.IntCmd, len(teams)), make([]*redis.IntCmd, len(teams))
	before := "(" + milli(now.UnixMilli())                         // at the deadline itself there is still time
	_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // its error is the first of live's
		for i, team := range teams {
			live[i] = p.ZCard(ctx, k.due(team))
			overdue[i] = p.ZCount(ctx, k.due(team), "-inf", before)
		}
		return nil
	})
	counts := make(map[call.TeamID]note.Count, len(teams))
	unknown := make(map[call.TeamID]error)
	for i, team := range teams {
		if err := errors.Join(live[i].Err(), overdue[i].Err()); err != nil {
			err = s.unread(k.due(team), err)
			if errors.Is(err, note.ErrStoreDown) {
				return nil, err
			}
			unknown[team] = err
		}
		counts[team] = note.Count{Live: live[i].Val(), Overdue: overdue[i].Val()}
	}
	s.addLedger(counts, unknown, k, ledger)
	return counts, uncounted(counts, unknown)
}

// uncounted leaves out the teams that could not be counted, and names them.
func uncounted(counts map[call.TeamID]note.Count, unknown map[call.TeamID]error) error {
	if len(unknown) == 0 {
		return nil
	}
	teams := slices.Sorted(maps.Keys(unknown))
	problems := make([]error, len(teams))
	for i, team := range teams {
		delete(counts, team)
		problems[i] = unknown[team]
	}
	return &note.UncountedError{Teams: teams, Err: errors.Join(problems...)}
}

func (s *Store) addLedger(
	counts map[call.TeamID]note.Count, unknown map[call.TeamID]error, k keys, ledger map[string]string,
) {
	for field, value := range ledger {
		kind, name, _ := strings.Cut(field, ":")
		team := call.TeamID(name)
		count := counts[team]
		ever := map[string]*int64{
			ledgerMade: &count.Made, ledgerResolved: &count.Resolved, ledgerCancelled: &count.Cancelled,
			ledgerReopened: &count.Reopened, ledgerPurged: &count.Purged,
		}[kind]
		switch number, err := strconv.ParseInt(value, 10, 64); {
		case !call.IsID(name):
			s.faults.add(k.ledger(), field, junkFault("a field", field, "no count of a team"))
		case ever == nil: // of a newer version
		case err != nil || number < 0:
			fault := s.broken(k.ledger(), &note.FieldError{Field: field, Problem: "is not a count"})
			unknown[team] = errors.Join(unknown[team], fault)
		default:
			*ever = number
			counts[team] = count
		}
	}
}
