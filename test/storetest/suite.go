package storetest

import (
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
)

const (
	town  call.MunicipalityID = "deventer"
	other call.MunicipalityID = "olst-wijhe"

	team    call.TeamID = "burgerzaken"
	another call.TeamID = "vergunningen"

	els  = note.Actor("agent:els")
	jan  = note.Actor("agent:jan")
	most = 100 // of a list, where a test wants all of it
)

// Store is all that is tested of a store of notes: what working them needs, and lists for people.
type Store interface {
	callback.WorkStore
	listing.Finder
}

// Suite tests a store against the contract of its interfaces. open gives an empty store for each part. The store
// may be slow: unanswered operations are repeated, as users of a store may do.
func Suite(t *testing.T, open func(t *testing.T) Store) {
	for name, part := range map[string]func(t *testing.T, s Store){
		"a new note is found in every way":                           made,
		"a key makes one note":                                       oneNotePerKey,
		"a reference belongs to one note":                            oneNotePerReference,
		"one live note for a number, a team and a subject":           oneLiveNote,
		"a confirmed note is restored, whatever stands":              restored,
		"a note restored twice is one note":                          restoredTwice,
		"every event gives the note that it should":                  longLife,
		"a change of an old note is refused":                         stale,
		"an event that is stored again is one event":                 repeated,
		"a change that is not allowed changes nothing":               refused,
		"a lease runs by the clock of the store":                     leased,
		"a claim lapses when its lease has run out, not before":      lapsed,
		"of many claims on one note one wins":                        claimedByMany,
		"missing notes are not found":                                nothingThere,
		"a due list is in order":                                     dueInOrder,
		"pages of a work-list follow each other":                     pages,
		"a page has the notes that were asked for":                   filtered,
		"a note is found by its name":                                named,
		"the notes of a number come newest first":                    numberInOrder,
		"a note is found by the line that it was asked from":         foundByTheLine,
		"a separate note stands beside others":                       separate,
		"a colleague's notes are those they hold and those for them": heldInOrder,
		"the marks of the norm come in order of time":                marksInOrder,
		"the log has everything in order, and goes on":               logInOrder,
		"closed notes come oldest first":                             closedInOrder,
		"the ledger balances":                                        ledger,
		"purged notes are not found by personal data":                purged,
		"municipalities do not see each other's notes":               apart,
		"operations of a day are counted, up to their limit":         countedInADay,
		"a count is taken back, once":                                takenBack,
		"an absence lasts until the colleague is present":            lastingAbsence,
	} {
		t.Run(name, func(t *testing.T) { part(t, patient{open(t)}) })
	}
}

// begun is when the notes of the suite are made, unless a part says otherwise.
var begun = time.Date(2026, 11, 20, 15, 0, 0, 123_000_000, time.UTC)

// numbers counts the telephone numbers that the suite has used, so that two notes share one only on purpose.
var numbers atomic.Int64

// aPromise is a made event with its own key, number and reference, and the test's changes.
func aPromise(t *testing.T, changes ...func(n *note.Note)) note.Event {
	t.Helper()
	id := ulid.Make().String() // each is higher than the one before
	reference, err := note.NewReference(rand.Reader)
	require.NoError(t, err)
	n := note.Note{
		ID: note.ID(id), Reference: reference, Municipality: town, Team: team, Owner: team,
		Key: note.CallKey("pbx1", call.ID(id)), Call: call.ID(id),
		Number: call.Number{
			E164: fmt.Sprintf("+316%08d", 10_000_000+numbers.Add(1)), Kind: call.KindMobile, Country: "NL",
		},
		Verified: true, Language: "nl", Subject: "paspoort", Reason: "Wanneer is het klaar?",
		Made: begun, Warn: begun.Add(20 * time.Hour), Deadline: begun.Add(73 * time.Hour),
	}
	for _, change := range changes {
		change(&n)
	}
	return note.Made(n, note.ByCaller)
}

// next is the next event of a note, an hour after the one before it.
func next(n note.Note, kind note.EventKind, who note.Actor, changes ...func(e *note.Event)) note.Event {
	e := note.Event{
		ID: note.EventID(ulid.Make().String()), Note: n.ID, Kind: kind, Ver: n.Ver + 1, Who: who,
		At: n.Made.Add(time.Duration(n.Ver) * time.Hour),
	}
	for _, change := range changes {
		change(&e)
	}
	return e
}

// holding is for a claim or a renewal: how long the lease runs.
func holding(d time.Duration) func(e *note.Event) {
	return func(e *note.Event) { e.Hold = d }
}

func promised(t *testing.T, s Store, changes ...func(n *note.Note)) note.Note {
	t.Helper()
	n, err := s.Make(t.Context(), aPromise(t, changes...))
	require.NoError(t, err)
	return n
}

// after stores the next event of a note, and requires that the store has the resulting note.
func after(
	t *testing.T, s Store, n note.Note, kind note.EventKind, who note.Actor,
	changes ...func(e *note.Event),
) note.Note {
	t.Helper()
	got, err := s.Advance(t.Context(), n, next(n, kind, who, changes...))
	require.NoError(t, err)
	requireStored(t, s, got)
	return got
}

func claimed(t *testing.T, s Store, n note.Note, who note.Actor) note.Note {
	t.Helper()
	return after(t, s, n, note.EventClaimed, who, holding(time.Hour))
}

func cancelled(t *testing.T, s Store, n note.Note, at time.Time) note.Note {
	t.Helper()
	return after(t, s, n, note.EventCancelled, note.ByCaller, func(e *note.Event) { e.At = at })
}

// requireStored requires that the store has exactly this note, and that its events lead to it (I5).
func requireStored(t *testing.T, s Store, want note.Note) {
	t.Helper()
	got, err := s.Note(t.Context(), want.Municipality, want.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
	events, err := s.Events(t.Context(), want.Municipality, want.ID)
	require.NoError(t, err)
	replayed, err := note.Replay(events)
	require.NoError(t, err)
	require.Equal(t, want, replayed, "the log replays to the note")
}

// ids gives the ids of a list, and fails on its error.
func ids(t *testing.T) func(notes []note.Note, err error) []note.ID {
	return func(notes []note.Note, err error) []note.ID {
		t.Helper()
		require.NoError(t, err)
		got := make([]note.ID, len(notes))
		for i, n := range notes {
			got[i] = n.ID
		}
		return got
	}
}

func idsOf(notes ...note.Note) []note.ID {
	all := make([]note.ID, len(notes))
	for i, n := range notes {
		all[i] = n.ID
	}
	return all
}
