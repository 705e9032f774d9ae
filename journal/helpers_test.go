package journal_test

import (
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/note"
)

const town call.MunicipalityID = "deventer"

var begun = time.Date(2026, 11, 20, 15, 0, 0, 123_000_000, time.UTC)

// aPromise is a made event of its own key and number.
func aPromise(tb testing.TB) note.Event {
	tb.Helper()
	id := ulid.Make().String()
	reference, err := note.NewReference(rand.Reader)
	require.NoError(tb, err)
	return note.Made(note.Note{
		ID: note.ID(id), Reference: reference, Municipality: town, Team: "burgerzaken", Owner: "burgerzaken",
		Key:      note.CallKey("pbx1", call.ID(id)),
		Number:   call.Number{E164: "+31612345678", Kind: call.KindMobile, Country: "NL"},
		Language: "nl", Reason: "Wanneer is het klaar?", Made: begun, Deadline: begun.Add(73 * time.Hour),
	}, note.ByCaller)
}

// comment is a later event of a note.
func comment(n note.ID, ver uint64, text string) note.Event {
	return note.Event{
		ID: note.EventID(ulid.Make().String()), Note: n, Kind: note.EventCommented, Ver: ver, At: begun,
		Who: "agent:els", Reason: text,
	}
}

func open(tb testing.TB, path string) *journal.Journal {
	tb.Helper()
	j, err := journal.Open(path)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, j.Close()) })
	return j
}

func pathOf(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "journal")
}

// content is all that a journal keeps, as one can compare it.
func content(tb testing.TB, j *journal.Journal) map[note.ID][]note.Event {
	tb.Helper()
	notes, err := j.Notes()
	require.NoError(tb, err)
	all := make(map[note.ID][]note.Event)
	for _, n := range notes {
		events, err := j.Events(n.Note)
		require.NoError(tb, err)
		require.NotEmpty(tb, events)
		require.Equal(tb, n.Ver, events[len(events)-1].Ver)
		all[n.Note] = events
	}
	return all
}
