package callback_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/callback"
)

// What was tried before a note was reopened was about what was closed then.
func TestAReopenedNoteIsTriedAnew(t *testing.T) {
	f := newFloor()
	n := f.note(t, wall(t, "2026-11-23 08:30"))
	ctx, at := t.Context(), wall(t, "2026-11-23 09:30")
	do := func(change func(s callback.Step) (callback.Note, error)) {
		t.Helper()
		after, err := change(callback.Step{Municipality: town, Note: n.ID, Who: els, At: at})
		require.NoError(t, err)
		n = after
	}
	try := func(result callback.Result) {
		t.Helper()
		do(func(s callback.Step) (callback.Note, error) { return f.list.StartAttempt(ctx, s, "") })
		do(func(s callback.Step) (callback.Note, error) {
			return f.list.EndAttempt(ctx, s, callback.LineUnknown, 0, result)
		})
	}
	refused := func(as callback.Outcome, says string) {
		t.Helper()
		_, err := f.list.Resolve(ctx, callback.Step{Municipality: town, Note: n.ID, Who: els, At: at}, as, "")
		require.ErrorContains(t, err, says)
	}
	next := func() time.Time {
		at, _ := f.work.Attempts.Suggest(n, calendar.AlwaysOpen(time.UTC), at)
		return at
	}
	claim := func(s callback.Step) (callback.Note, error) { return f.list.Claim(ctx, s) }
	resolve := func(as callback.Outcome) func(s callback.Step) (callback.Note, error) {
		return func(s callback.Step) (callback.Note, error) { return f.list.Resolve(ctx, s, as, "") }
	}
	reopen := func(s callback.Step) (callback.Note, error) { return f.list.Reopen(ctx, s, "toch niet") }
	do(claim)
	try(callback.ResultNotReached)
	require.Equal(t, wall(t, "2026-11-23 13:00"), next(), "noon in UTC: this morning was tried")
	at = wall(t, "2026-11-23 13:30")
	try(callback.ResultVoicemail)
	do(resolve(callback.Unreached))
	require.Zero(t, next(), "it is done")

	do(reopen)
	require.Equal(t, at, next(), "at once: none of this was tried since")
	do(claim)
	refused(callback.Unreached, "2 more")
	try(callback.ResultReached)
	do(resolve(callback.Reached))

	do(reopen)
	do(claim)
	refused(callback.Reached, "no attempt has reached the caller")
}

func TestANoteIsNotReopenedBesideALiveOneForTheSame(t *testing.T) {
	for name, test := range map[string]struct {
		other func(n *callback.Note)
		says  string
	}{
		"the same team and subject": {func(*callback.Note) {}, "has a live note for the same, "},
		"another subject":           {func(n *callback.Note) { n.Subject = "dakkapel" }, ""},
		"another team":              {func(n *callback.Note) { n.Team, n.Owner = "vergunningen", "vergunningen" }, ""},
		"another caller":            {func(n *callback.Note) { n.Number.E164 = "+31687654321" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFloor()
			n := f.note(t, aNote().Made)
			_, err := f.list.Cancel(t.Context(), by(els, n), "")
			require.NoError(t, err)
			again := f.note(t, aNote().Made.Add(time.Hour), func(a *callback.Note) { a.Number, a.Subject = n.Number, n.Subject }, test.other)
			_, err = f.list.Reopen(t.Context(), by(els, n), "")
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says+string(again.Reference))
			require.Equal(t, callback.Cancelled, f.now(t, n).State)
			_, err = f.list.Cancel(t.Context(), by(els, again), "")
			require.NoError(t, err)
			_, err = f.list.Reopen(t.Context(), by(els, n), "")
			require.NoError(t, err, "once it is closed")
		})
	}
}
