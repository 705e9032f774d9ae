package callback_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/callback/storetest"
)

// house is a small municipality: its rules, its norm, and a store in memory. make goes before the store's Make when it is set.
type house struct {
	*storetest.Memory
	norm  func(team call.TeamID, made time.Time) (callback.Term, error)
	make  func(ctx context.Context, made callback.Event) (callback.Note, error)
	asked []callback.Event
}

func newHouse() *house {
	return &house{
		Memory: storetest.NewMemory(),
		norm: func(_ call.TeamID, made time.Time) (callback.Term, error) {
			made = made.Add(time.Nanosecond).In(time.FixedZone("CET", 3600))
			return callback.Term{Warn: made.Add(12 * time.Hour), Deadline: made.Add(24 * time.Hour)}, nil
		},
	}
}

func (h *house) Knows(team call.TeamID) bool { return team == "burgerzaken" || team == "kcc" }

func (h *house) Policy(call.MunicipalityID) callback.Policy { return benelux }

func (h *house) Term(team call.TeamID, made time.Time) (callback.Term, error) {
	return h.norm(team, made)
}

func (h *house) Make(ctx context.Context, made callback.Event) (callback.Note, error) {
	h.asked = append(h.asked, made)
	if h.make != nil {
		return h.make(ctx, made)
	}
	return h.Memory.Make(ctx, made)
}

func aRequest() callback.Request {
	n := aNote()
	return callback.Request{
		Key: n.Key, At: n.Made.Add(456 * time.Microsecond), Who: callback.ByCaller, Municipality: n.Municipality, Team: n.Team,
		Number: n.Number, Shown: n.Number, Language: "nl", Call: n.Call, Subject: n.Subject, Reason: n.Reason,
	}
}

func TestPromise(t *testing.T) {
	h := newHouse()
	s := callback.NewService(h, h, h, nil)
	n, err := s.Promise(t.Context(), aRequest())
	require.NoError(t, err)
	require.NoError(t, callback.CheckReference(string(n.Reference)))

	want := aNote()
	want.ID, want.Reference, want.State, want.Ver = n.ID, n.Reference, callback.Open, 1
	want.Warn, want.Deadline = want.Made.Add(12*time.Hour), want.Made.Add(24*time.Hour)
	want.Stints = []callback.Stint{{Team: "burgerzaken", From: want.Made}}
	require.Equal(t, want, n, "times in UTC and whole milliseconds, all that was said kept")

	again, err := callback.DecodeNote(callback.EncodeNote(n))
	require.NoError(t, err, "what is promised can be read back")
	require.Equal(t, n, again)
}

func TestPromiseTwiceForOneCallIsOnePromise(t *testing.T) {
	h := newHouse()
	s := callback.NewService(h, h, h, nil)
	first, err := s.Promise(t.Context(), aRequest())
	require.NoError(t, err)
	later := aRequest()
	later.At, later.Team = later.At.Add(time.Minute), "kcc"
	second, err := s.Promise(t.Context(), later)
	require.NoError(t, err)
	require.Equal(t, first, second)
}

func TestPromiseKeepsWhatTheCallerWishes(t *testing.T) {
	h := newHouse()
	r := aRequest()
	r.Personal, r.Window = "els", calendar.Span{From: 540, To: 720}
	n, err := callback.NewService(h, h, h, nil).Promise(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, call.AgentID("els"), n.Personal)
	require.Equal(t, calendar.Span{From: 540, To: 720}, n.Window)
}

// One open note per number, team and subject: a repeat merges, raises the priority and counts as a repeat contact.
func TestPromiseOfWhatIsPromisedAlreadyIsARepeatContact(t *testing.T) {
	h := newHouse()
	s := callback.NewService(h, h, h, nil)
	first, err := s.Promise(t.Context(), aRequest())
	require.NoError(t, err)
	inCall := func(id call.ID) callback.Request {
		r := aRequest()
		r.Call, r.Key, r.At, r.Reason = id, callback.CallKey("pbx1", id), r.At.Add(time.Hour), "Ik wacht nog steeds."
		return r
	}
	second, err := s.Promise(t.Context(), inCall("1732303600.18"))
	require.NoError(t, err)
	require.Equal(t, first.ID, second.ID)
	require.Equal(t, first.Reference, second.Reference, "he hears the reference and the deadline that he has")
	require.Equal(t, first.Deadline, second.Deadline)
	require.Equal(t, 1, second.Repeats)
	require.Equal(t, 1, second.Priority)
	events, err := h.Events(t.Context(), "deventer", first.ID)
	require.NoError(t, err)
	require.Equal(t, callback.EventMerged, events[1].Kind)
	require.Equal(t, call.ID("1732303600.18"), events[1].Call)
	require.Equal(t, "Ik wacht nog steeds.", events[1].Reason)

	again, err := s.Promise(t.Context(), inCall("1732303600.18"))
	require.NoError(t, err)
	require.Equal(t, second, again, "pressing the key twice in one call is one contact")
	third, err := s.Promise(t.Context(), inCall("1732307200.19"))
	require.NoError(t, err)
	require.Equal(t, 2, third.Repeats)
	blanks := inCall("1732307250.20")
	blanks.Subject = " " + blanks.Subject + " "
	fourth, err := s.Promise(t.Context(), blanks)
	require.NoError(t, err)
	require.Equal(t, first.ID, fourth.ID, "blanks around it make no other subject")

	other := inCall("1732307300.20")
	other.Subject = "rijbewijs"
	n, err := s.Promise(t.Context(), other)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, n.ID, "another subject is another promise")
}

// everybody has read a history before anybody goes on.
type everybody struct{ *storetest.Memory }

func (e everybody) Events(ctx context.Context, m call.MunicipalityID, id callback.NoteID) ([]callback.Event, error) {
	events, err := e.Memory.Events(ctx, m, id)
	<-time.After(time.Millisecond)
	return events, err
}

func TestARepeatContactThatIsSentFromManySidesCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		s := callback.NewService(everybody{h.Memory}, h, h, nil)
		first, err := s.Promise(t.Context(), aRequest())
		require.NoError(t, err)
		repeat := aRequest()
		repeat.Call, repeat.Key = "1732303600.18", callback.CallKey("pbx1", "1732303600.18")
		var sides sync.WaitGroup
		for range 6 {
			sides.Go(func() {
				n, err := s.Promise(t.Context(), repeat)
				if assert.NoError(t, err) {
					assert.Equal(t, first.ID, n.ID)
				}
			})
		}
		sides.Wait()
		after, err := h.Memory.Note(t.Context(), "deventer", first.ID)
		require.NoError(t, err)
		require.Equal(t, 1, after.Repeats)
	})
}

func TestPromiseIsANewOneWhenTheOtherWasClosedMeanwhile(t *testing.T) {
	h := newHouse()
	s := callback.NewService(h, h, h, nil)
	first, err := s.Promise(t.Context(), aRequest())
	require.NoError(t, err)
	h.make = func(ctx context.Context, made callback.Event) (callback.Note, error) {
		n, err := h.Memory.Make(ctx, made)
		if err != nil {
			_, cancelled := callback.NewWorklist(h, nil, nil).Cancel(ctx, by(callback.ByCaller, first), "")
			require.NoError(t, cancelled)
		}
		return n, err
	}
	r := aRequest()
	r.Key = "another"
	n, err := s.Promise(t.Context(), r)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, n.ID)
}

func TestPromiseSaysWhyARepeatCannotBeCounted(t *testing.T) {
	h := newHouse()
	s := callback.NewService(h, h, h, nil)
	_, err := s.Promise(t.Context(), aRequest())
	require.NoError(t, err)
	h.make = func(ctx context.Context, made callback.Event) (callback.Note, error) {
		defer h.Fail(errors.New("out of order"))
		return h.Memory.Make(ctx, made)
	}
	r := aRequest()
	r.Key = "another"
	_, err = s.Promise(t.Context(), r)
	require.ErrorIs(t, err, callback.ErrStoreDown)
	require.ErrorContains(t, err, "merge the request into the note that there is")
}

func TestPromiseMarksAnotherNumberThanTheCallersOwn(t *testing.T) {
	for name, test := range map[string]struct {
		shown    call.Number
		verified bool
	}{
		"his own":     {aNote().Number, true},
		"another":     {call.Number{E164: "+31570693911", Kind: call.KindGeographic, Country: "NL"}, false},
		"withheld":    {call.Withheld(), false},
		"none at all": {call.Number{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
			r := aRequest()
			r.Shown = test.shown
			n, err := callback.NewService(h, h, h, nil).Promise(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, test.verified, n.Verified)
			require.Equal(t, test.shown.Known() && !test.verified, n.Shown.Known(), "the caller is known by their line too")
			if n.Shown.Known() {
				require.Equal(t, call.Number{E164: test.shown.E164}, n.Shown, "its digits only")
			}
		})
	}
}

func TestASeparateRequestIsNoRepeatContact(t *testing.T) {
	h := newHouse()
	s := callback.NewService(h, h, h, nil)
	first, err := s.Promise(t.Context(), aRequest())
	require.NoError(t, err)
	r := aRequest()
	r.Key, r.Separate = "pbx1/apart", true
	second, err := s.Promise(t.Context(), r)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, second.ID)
	again, err := s.Promise(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, second, again, "a call makes one note")
	r = aRequest()
	r.Key, r.Call = "pbx1/repeat", "repeat"
	merged, err := s.Promise(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, first.ID, merged.ID)
	require.Equal(t, 1, merged.Repeats)
}

func TestPromiseRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(r *callback.Request)
		want   callback.Code
	}{
		"a team that does not exist":      {func(r *callback.Request) { r.Team = "zwembad" }, callback.CodeTeam},
		"no team":                         {func(r *callback.Request) { r.Team = "" }, callback.CodeRequest},
		"a team that splits a hash tag":   {func(r *callback.Request) { r.Team = "a}b" }, callback.CodeRequest},
		"no municipality":                 {func(r *callback.Request) { r.Municipality = "" }, callback.CodeRequest},
		"a municipality with a brace":     {func(r *callback.Request) { r.Municipality = "{x" }, callback.CodeRequest},
		"no key":                          {func(r *callback.Request) { r.Key = "" }, callback.CodeRequest},
		"a key without a call":            {func(r *callback.Request) { r.Key = callback.CallKey("pbx1", "") }, callback.CodeRequest},
		"a key of neither":                {func(r *callback.Request) { r.Key = callback.CallKey("", "") }, callback.CodeRequest},
		"a key without end":               {func(r *callback.Request) { r.Key = callback.Key(strings.Repeat("k", 201)) }, callback.CodeRequest},
		"a key with a line break":         {func(r *callback.Request) { r.Key = "a\nb" }, callback.CodeRequest},
		"no time":                         {func(r *callback.Request) { r.At = time.Time{} }, callback.CodeRequest},
		"a time that cannot be written":   {func(r *callback.Request) { r.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, callback.CodeRequest},
		"nobody who asks":                 {func(r *callback.Request) { r.Who = "" }, callback.CodeRequest},
		"no language":                     {func(r *callback.Request) { r.Language = "" }, callback.CodeRequest},
		"a call id that is not text":      {func(r *callback.Request) { r.Call = "\xff" }, callback.CodeRequest},
		"a subject without end":           {func(r *callback.Request) { r.Subject = strings.Repeat("é", 101) }, callback.CodeRequest},
		"a reason without end":            {func(r *callback.Request) { r.Reason = strings.Repeat("é", 2001) }, callback.CodeRequest},
		"a reason with an escape in it":   {func(r *callback.Request) { r.Reason = "\x1b[2J" }, callback.CodeRequest},
		"a colleague who is no id":        {func(r *callback.Request) { r.Personal = "{els}" }, callback.CodeRequest},
		"a window that ends first":        {func(r *callback.Request) { r.Window = calendar.Span{From: 720, To: 540} }, callback.CodeRequest},
		"a window before midnight":        {func(r *callback.Request) { r.Window = calendar.Span{From: -60, To: 540} }, callback.CodeRequest},
		"a window past midnight":          {func(r *callback.Request) { r.Window = calendar.Span{From: 720, To: 1441} }, callback.CodeRequest},
		"a withheld number":               {func(r *callback.Request) { r.Number = call.Withheld() }, callback.CodeWithheld},
		"no number":                       {func(r *callback.Request) { r.Number = call.Number{} }, callback.CodeInvalid},
		"0900":                            {func(r *callback.Request) { r.Number = number(t, "0900123456") }, callback.CodeKind},
		"a country that is not rung back": {func(r *callback.Request) { r.Number = number(t, "+4915112345678") }, callback.CodeCountry},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
			r := aRequest()
			test.change(&r)
			n, err := callback.NewService(h, h, h, nil).Promise(t.Context(), r)
			require.Equal(t, test.want, codeOf(t, err))
			require.Zero(t, n)
			require.Empty(t, h.asked, "nothing reaches the store")
		})
	}
}

func number(t *testing.T, raw string) call.Number {
	t.Helper()
	n, err := call.ParseNumber(raw)
	require.NoError(t, err)
	return n
}

func TestPromiseStoresWhatTheDigitsSayNotWhatCameAlong(t *testing.T) {
	h := newHouse()
	r := aRequest()
	r.Number = call.Number{E164: "+31570693911"} // kind and country forgotten
	n, err := callback.NewService(h, h, h, nil).Promise(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, number(t, "0570693911"), n.Number)
}

func TestPromiseTriesAnotherReferenceWhenOneIsTaken(t *testing.T) {
	h := newHouse()
	taken := 0
	h.make = func(_ context.Context, made callback.Event) (callback.Note, error) {
		if taken++; taken < 4 {
			return callback.Note{}, callback.ErrReferenceTaken
		}
		return callback.Apply(callback.Note{}, made)
	}
	n, err := callback.NewService(h, h, h, nil).Promise(t.Context(), aRequest())
	require.NoError(t, err)
	require.Len(t, h.asked, 4)
	seen := make(map[callback.Reference]bool)
	for _, e := range h.asked {
		require.Equal(t, n.ID, e.Note, "it stays one note")
		seen[e.Base.Reference] = true
	}
	require.Len(t, seen, 4)
}

func TestPromiseGivesUpOnReferencesAfterTen(t *testing.T) {
	h := newHouse()
	h.make = func(context.Context, callback.Event) (callback.Note, error) {
		return callback.Note{}, callback.ErrReferenceTaken
	}
	stuck := bytes.NewReader(make([]byte, 1<<10))
	_, err := callback.NewService(h, h, h, stuck).Promise(t.Context(), aRequest())
	require.ErrorIs(t, err, callback.ErrReferenceTaken)
	require.ErrorContains(t, err, "is the random source working?")
	require.Len(t, h.asked, 10)
}

func TestPromiseWithoutWhatItNeeds(t *testing.T) {
	dry := errors.New("out of order")
	t.Run("no deadline", func(t *testing.T) {
		h := newHouse()
		h.norm = func(call.TeamID, time.Time) (callback.Term, error) { return callback.Term{}, dry }
		_, err := callback.NewService(h, h, h, nil).Promise(t.Context(), aRequest())
		require.ErrorIs(t, err, dry)
		require.ErrorContains(t, err, "burgerzaken")
		require.Empty(t, h.asked)
	})
	for name, deadline := range map[string]time.Time{
		"a deadline that was never set":   {},
		"a deadline before the promise":   aNote().Made.Add(-time.Hour),
		"a deadline at the promise":       aNote().Made,
		"a deadline beyond all calendars": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
			h.norm = func(call.TeamID, time.Time) (callback.Term, error) {
				return callback.Term{Deadline: deadline}, nil
			}
			_, err := callback.NewService(h, h, h, nil).Promise(t.Context(), aRequest())
			require.ErrorContains(t, err, "check its calendar")
			require.Empty(t, h.asked)
		})
	}
	for name, random := range map[string]int64{"no randomness for the id": 3, "no randomness for the reference": 12} {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
			source := iotest.DataErrReader(bytes.NewReader(make([]byte, random)))
			_, err := callback.NewService(h, h, h, source).Promise(t.Context(), aRequest())
			require.Error(t, err)
			require.Empty(t, h.asked)
		})
	}
}

func TestPromiseTellsWithinHalfASecondThatTheStoreIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.make = func(ctx context.Context, _ callback.Event) (callback.Note, error) {
			<-ctx.Done()
			return callback.Note{}, errors.Join(callback.ErrStoreDown, ctx.Err())
		}
		start := time.Now()
		_, err := callback.NewService(h, h, h, nil).Promise(t.Context(), aRequest())
		require.ErrorIs(t, err, callback.ErrStoreDown)
		require.Less(t, time.Since(start), 500*time.Millisecond)
		require.Len(t, h.asked, 1, "the store repeats by itself, the service does not")
	})
}

func TestPromiseIsKeptWhenTheCallerHangsUpWhileItIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		ctx, hangUp := context.WithCancel(t.Context())
		h.make = func(ctx context.Context, made callback.Event) (callback.Note, error) {
			hangUp()
			select {
			case <-ctx.Done():
				return callback.Note{}, ctx.Err()
			case <-time.After(100 * time.Millisecond):
				return callback.Apply(callback.Note{}, made)
			}
		}
		n, err := callback.NewService(h, h, h, nil).Promise(ctx, aRequest())
		require.NoError(t, err)
		require.NotEmpty(t, n.Reference)
	})
}
