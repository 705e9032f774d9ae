package callback_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// Attempts before a reopening were about the matter that was closed then.
func TestAReopenedNoteIsTriedAnew(t *testing.T) {
	f := storetest.NewFloor()
	n := f.Promise(t, wall(t, "2026-11-23 08:30"))
	ctx, at := t.Context(), wall(t, "2026-11-23 09:30")
	do := func(change func(s callback.Step) (note.Note, error)) {
		t.Helper()
		after, err := change(callback.Step{Municipality: storetest.Town, Note: n.ID, Who: storetest.Els, At: at})
		require.NoError(t, err)
		n = after
	}
	try := func(result attempt.Result) {
		t.Helper()
		do(func(s callback.Step) (note.Note, error) { return f.List.StartAttempt(ctx, s, "") })
		do(func(s callback.Step) (note.Note, error) {
			return f.List.EndAttempt(ctx, s, attempt.LineUnknown, 0, result)
		})
	}
	refused := func(as note.Outcome, says string) {
		t.Helper()
		_, err := f.List.Resolve(
			ctx, callback.Step{Municipality: storetest.Town, Note: n.ID, Who: storetest.Els, At: at}, as, "",
		)
		require.ErrorContains(t, err, says)
	}
	next := func() time.Time {
		at, _ := f.Rules.Attempts.Suggest(n, calendar.AlwaysOpen(time.UTC), at)
		return at
	}
	claim := func(s callback.Step) (note.Note, error) { return f.List.Claim(ctx, s) }
	resolve := func(as note.Outcome) func(s callback.Step) (note.Note, error) {
		return func(s callback.Step) (note.Note, error) { return f.List.Resolve(ctx, s, as, "") }
	}
	reopen := func(s callback.Step) (note.Note, error) { return f.List.Reopen(ctx, s, "toch niet") }
	do(claim)
	try(attempt.NotReached)
	require.Equal(t, wall(t, "2026-11-23 13:00"), next(), "noon in UTC: this morning was tried")
	at = wall(t, "2026-11-23 13:30")
	try(attempt.Voicemail)
	do(resolve(note.Unreached))
	require.Zero(t, next(), "it is closed")

	do(reopen)
	require.Equal(t, at, next(), "at once: no attempt since the reopening")
	do(claim)
	refused(note.Unreached, "2 more")
	try(attempt.Reached)
	do(resolve(note.Reached))

	do(reopen)
	do(claim)
	refused(note.Reached, "no attempt has reached the caller")
}

func TestANoteIsNotReopenedBesideALiveOneForTheSame(t *testing.T) {
	for name, test := range map[string]struct {
		other func(n *note.Note)
		says  string
	}{
		"the same team and subject": {func(*note.Note) {}, "has a live note for the same, "},
		"another subject":           {func(n *note.Note) { n.Subject = "dakkapel" }, ""},
		"another team":              {func(n *note.Note) { n.Team, n.Owner = "vergunningen", "vergunningen" }, ""},
		"another caller":            {func(n *note.Note) { n.Number.E164 = "+31687654321" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := storetest.NewFloor()
			n := f.Promise(t, storetest.ANote().Made)
			_, err := f.List.Cancel(t.Context(), storetest.By(storetest.Els, n), "")
			require.NoError(t, err)
			again := f.Promise(
				t, storetest.ANote().Made.Add(time.Hour),
				func(a *note.Note) { a.Number, a.Subject = n.Number, n.Subject }, test.other,
			)
			_, err = f.List.Reopen(t.Context(), storetest.By(storetest.Els, n), "")
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says+string(again.Reference))
			require.Equal(t, note.Cancelled, f.Now(t, n).State)
			_, err = f.List.Cancel(t.Context(), storetest.By(storetest.Els, again), "")
			require.NoError(t, err)
			_, err = f.List.Reopen(t.Context(), storetest.By(storetest.Els, n), "")
			require.NoError(t, err, "once it is closed")
		})
	}
}
