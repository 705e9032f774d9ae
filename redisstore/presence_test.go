package redisstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// A personal note that was made while the absence was unknown goes to the team with the next round.
func TestAnAbsenceOutlivesRedisAndIsMadeUpFor(t *testing.T) {
	server := redistest.Start(t)
	s, past := open(t, server.Addr), raw(t, server.Addr)
	late := promise(t, s, func(r *callback.Request) { r.Personal = els })
	require.NoError(
		t, s.SetAbsent(ctx, deventer, staff.Absence{Colleague: els, Since: promised, By: note.ByAgent(joost)}),
	)
	server.Kill()
	_, err := s.Absences(ctx, deventer)
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.ErrorIs(
		t, s.SetAbsent(ctx, deventer, staff.Absence{Colleague: joost, Since: promised, By: note.BySystem}),
		note.ErrStoreDown,
	)
	require.ErrorIs(t, s.SetPresent(ctx, deventer, els), note.ErrStoreDown)
	server.Restart()
	ttl, err := past.TTL(ctx, tag+"absent").Result()
	require.NoError(t, err)
	require.Negative(t, ttl, "it does not expire")
	round, err := storetest.Patiently(
		func() (callback.Round, error) { return worklist(s).RoundSince(ctx, deventer, promised, time.Time{}) },
	)
	require.NoError(t, err)
	require.Len(t, round.Freed, 1)
	require.Equal(t, late.ID, round.Freed[0].ID)
	next := promise(t, s, func(r *callback.Request) { r.Personal = els })
	require.Empty(t, next.Personal)
	claimed, err := worklist(s).Claim(ctx, callback.Step{
		Municipality: deventer, Note: next.ID, Who: note.ByAgent(els), At: promised,
	})
	require.NoError(t, err)
	require.Equal(t, els, claimed.Colleague)
	absences, err := s.Absences(ctx, deventer)
	require.NoError(t, err)
	require.Empty(t, absences)
	requireInvariants(t, past)
}

func TestAnAbsenceThatCannotBeRead(t *testing.T) {
	server := redistest.Start(t)
	s, past := open(t, server.Addr), raw(t, server.Addr)
	away := staff.Absence{Colleague: els, Since: promised, By: note.ByAgent(joost)}
	require.NoError(t, s.SetAbsent(ctx, deventer, away))
	require.NoError(t, past.HSet(ctx, tag+"absent", string(joost), "since yesterday").Err())
	got, err := s.Absences(ctx, deventer)
	require.ErrorIs(t, err, note.ErrBroken)
	require.Equal(t, []staff.Absence{away}, got, "the others can be read")
	_, _, err = worklist(s).Absence(ctx, deventer, joost)
	require.ErrorIs(t, err, note.ErrBroken)
	for colleague, want := range map[call.AgentID]staff.Absence{els: away, "piet": {}} {
		one, absent, err := worklist(s).Absence(ctx, deventer, colleague)
		require.NoError(t, err, "what is broken is another's")
		require.Equal(t, want != staff.Absence{}, absent)
		require.Equal(t, want, one)
	}
	_, err = worklist(s).Absent(ctx, deventer, joost, note.BySystem, promised)
	require.NoError(t, err, "saying it again mends it")
	_, absent, err := worklist(s).Absence(ctx, deventer, joost)
	require.NoError(t, err)
	require.True(t, absent)
	require.NoError(t, past.Del(ctx, tag+"absent").Err())
	require.NoError(t, past.Set(ctx, tag+"absent", "x", 0).Err())
	_, _, err = worklist(s).Absence(ctx, deventer, call.AgentID("piet"))
	require.ErrorIs(t, err, note.ErrBroken)
}
