package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

func made(t *testing.T, s Store) {
	e := aPromise(t)
	want, err := note.Apply(note.Note{}, e)
	require.NoError(t, err)
	got, err := s.Make(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, want, got)
	requireStored(t, s, want)

	byReference, err := s.ByReference(t.Context(), town, want.Reference)
	require.NoError(t, err)
	require.Equal(t, want, byReference)
	byNumber, err := s.ByNumber(t.Context(), town, want.Number, most)
	require.NoError(t, err)
	require.Equal(t, []note.Note{want}, byNumber)
	due, err := s.Due(t.Context(), town, team, most)
	require.NoError(t, err)
	require.Equal(t, []note.Note{want}, due)
	events, err := s.Events(t.Context(), town, want.ID)
	require.NoError(t, err)
	require.Equal(t, []note.Event{e}, events)
}

func oneNotePerKey(t *testing.T, s Store) {
	first := promised(t, s)
	repeat := aPromise(t, func(n *note.Note) { n.Key = first.Key })
	got, err := s.Make(t.Context(), repeat)
	require.NoError(t, err)
	require.Equal(t, first, got, "the note that the key has is the answer")
	_, err = s.Note(t.Context(), town, repeat.Note)
	require.ErrorIs(t, err, note.ErrNoNote)

	closed := cancelled(t, s, first, begun.Add(time.Hour))
	live := promised(t, s, func(n *note.Note) { n.Number = first.Number })
	got, err = s.Make(t.Context(), aPromise(t, func(n *note.Note) { n.Key, n.Number = first.Key, first.Number }))
	require.NoError(t, err, "the key goes before the live note %s for the same", live.ID)
	require.Equal(t, closed, got)
	require.Equal(t, int64(2), counts(t, s, begun)[team].Made)
}

func oneNotePerReference(t *testing.T, s Store) {
	first := promised(t, s)
	taken := aPromise(t, func(n *note.Note) { n.Reference = first.Reference })
	_, err := s.Make(t.Context(), taken)
	require.ErrorIs(t, err, note.ErrReferenceTaken)
	_, err = s.Note(t.Context(), town, taken.Note)
	require.ErrorIs(t, err, note.ErrNoNote, "nothing was stored")
	got, err := s.ByReference(t.Context(), town, first.Reference)
	require.NoError(t, err)
	require.Equal(t, first, got)

	cancelled(t, s, first, begun.Add(time.Hour))
	_, err = s.Make(t.Context(), aPromise(t, func(n *note.Note) { n.Reference = first.Reference }))
	require.ErrorIs(t, err, note.ErrReferenceTaken, "a closed note keeps its reference")
}

func oneLiveNote(t *testing.T, s Store) {
	first := promised(t, s)
	same := func(n *note.Note) { n.Number = first.Number }
	requireOpen := func(stands note.Note, changes ...func(n *note.Note)) {
		t.Helper()
		e := aPromise(t, append([]func(n *note.Note){same}, changes...)...)
		_, err := s.Make(t.Context(), e)
		var open *note.OpenError
		require.ErrorAs(t, err, &open)
		require.Equal(t, stands, open.Note)
		_, err = s.Note(t.Context(), town, e.Note)
		require.ErrorIs(t, err, note.ErrNoNote, "nothing was stored")
		_, err = s.ByReference(t.Context(), town, e.Base.Reference)
		require.ErrorIs(t, err, note.ErrNoNote)
	}
	requireOpen(first)
	requireOpen(first, func(n *note.Note) { n.Subject = " PASPOORT" })
	first = claimed(t, s, first, els)
	requireOpen(first)
	elsewhere := promised(t, s, same, func(n *note.Note) { n.Team, n.Owner = another, another })
	subject := promised(t, s, same, func(n *note.Note) { n.Subject = "rijbewijs" })
	none := promised(t, s, same, func(n *note.Note) { n.Subject = "" })
	requireOpen(elsewhere, func(n *note.Note) { n.Team, n.Owner = another, another })
	requireOpen(subject, func(n *note.Note) { n.Subject = "rijbewijs" })
	requireOpen(none, func(n *note.Note) { n.Subject = "" })

	cancelled(t, s, first, begun.Add(time.Hour))
	second := promised(t, s, same)
	requireOpen(second)
	moved := after(
		t, s, second, note.EventRerouted, els, func(e *note.Event) { e.Team, e.Reason = "kcc", "niet van ons" },
	)
	requireOpen(moved, func(n *note.Note) { n.Team, n.Owner = "kcc", "kcc" })
	promised(t, s, same) // its old team has no note of this caller now
}

func restored(t *testing.T, s Store) {
	stands := promised(t, s)
	e := aPromise(t, func(n *note.Note) {
		n.Number, n.Reference, n.Made = stands.Number, stands.Reference, stands.Made.Add(time.Minute)
	})
	want, err := note.Apply(note.Note{}, e)
	require.NoError(t, err)
	got, err := s.Restore(t.Context(), e)
	require.NoError(t, err, "neither the reference nor the live note keeps it out")
	require.Equal(t, want, got)
	requireStored(t, s, want)
	requireStored(t, s, stands)

	byReference, err := s.ByReference(t.Context(), town, stands.Reference)
	require.NoError(t, err)
	require.Equal(t, want, byReference, "of two live ones the newest")
	cancelled(t, s, want, begun.Add(time.Hour))
	byReference, err = s.ByReference(t.Context(), town, stands.Reference)
	require.NoError(t, err)
	require.Equal(t, stands, byReference, "a live one goes first")
	require.Equal(t, int64(2), counts(t, s, begun)[team].Made)
}

func restoredTwice(t *testing.T, s Store) {
	e := aPromise(t)
	n, err := s.Restore(t.Context(), e)
	require.NoError(t, err)
	n = claimed(t, s, n, els)
	got, err := s.Restore(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, n, got, "as it is by now")
	got, err = s.Make(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, n, got)
	require.Equal(t, int64(1), counts(t, s, begun)[team].Made)
}

func apart(t *testing.T, s Store) {
	here := promised(t, s)
	e := aPromise(t, func(n *note.Note) {
		n.Municipality, n.Number, n.Reference, n.Key = other, here.Number, here.Reference, here.Key
	})
	there, err := s.Make(t.Context(), e)
	require.NoError(t, err, "key, reference and number are each municipality's own")
	require.Equal(t, e.Note, there.ID)
	for m, own := range map[call.MunicipalityID]note.Note{town: here, other: there} {
		got, err := s.ByReference(t.Context(), m, here.Reference)
		require.NoError(t, err)
		require.Equal(t, own, got)
		require.Equal(t, idsOf(own), ids(t)(s.Due(t.Context(), m, team, most)))
		require.Equal(t, idsOf(own), ids(t)(s.ByNumber(t.Context(), m, here.Number, most)))
		count, err := s.Counts(t.Context(), m, begun)
		require.NoError(t, err)
		require.Equal(t, map[call.TeamID]note.Count{team: {Live: 1, Made: 1}}, count)
	}
	_, err = s.Note(t.Context(), other, here.ID)
	require.ErrorIs(t, err, note.ErrNoNote)
}
