package callback_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

// house is a small municipality: its rules, its norm, and a store that keeps notes in a map.
type house struct {
	norm   func(team call.TeamID, made time.Time) (time.Time, error)
	make   func(ctx context.Context, made callback.Event) (callback.Note, error)
	byKey  map[callback.Key]callback.Note
	events []callback.Event
}

func newHouse() *house {
	return &house{
		byKey: make(map[callback.Key]callback.Note),
		norm: func(_ call.TeamID, made time.Time) (time.Time, error) {
			return made.Add(24*time.Hour + time.Nanosecond).In(time.FixedZone("CET", 3600)), nil
		},
	}
}

func (h *house) Knows(team call.TeamID) bool                  { return team == "burgerzaken" || team == "kcc" }
func (h *house) Policy(m call.MunicipalityID) callback.Policy { return benelux }
func (h *house) Deadline(team call.TeamID, made time.Time) (time.Time, error) {
	return h.norm(team, made)
}

func (h *house) Make(ctx context.Context, made callback.Event) (callback.Note, error) {
	h.events = append(h.events, made)
	if h.make != nil {
		return h.make(ctx, made)
	}
	if n, ok := h.byKey[made.Made.Key]; ok {
		return n, nil
	}
	n, err := callback.Apply(callback.Note{}, made)
	if err != nil {
		return callback.Note{}, err
	}
	h.byKey[n.Key] = n
	return n, nil
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
	want.Deadline = want.Made.Add(24 * time.Hour)
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
		})
	}
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
			require.Empty(t, h.events, "nothing reaches the store")
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
	require.Len(t, h.events, 4)
	seen := make(map[callback.Reference]bool)
	for _, e := range h.events {
		require.Equal(t, n.ID, e.Note, "it stays one note")
		seen[e.Made.Reference] = true
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
	require.Len(t, h.events, 10)
}

func TestPromiseWithoutWhatItNeeds(t *testing.T) {
	dry := errors.New("out of order")
	t.Run("no deadline", func(t *testing.T) {
		h := newHouse()
		h.norm = func(call.TeamID, time.Time) (time.Time, error) { return time.Time{}, dry }
		_, err := callback.NewService(h, h, h, nil).Promise(t.Context(), aRequest())
		require.ErrorIs(t, err, dry)
		require.ErrorContains(t, err, "burgerzaken")
		require.Empty(t, h.events)
	})
	for name, deadline := range map[string]time.Time{
		"a deadline that was never set":   {},
		"a deadline before the promise":   aNote().Made.Add(-time.Hour),
		"a deadline at the promise":       aNote().Made,
		"a deadline beyond all calendars": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
			h.norm = func(call.TeamID, time.Time) (time.Time, error) { return deadline, nil }
			_, err := callback.NewService(h, h, h, nil).Promise(t.Context(), aRequest())
			require.ErrorContains(t, err, "check its calendar")
			require.Empty(t, h.events)
		})
	}
	for name, random := range map[string]int64{"no randomness for the id": 3, "no randomness for the reference": 12} {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
			source := iotest.DataErrReader(bytes.NewReader(make([]byte, random)))
			_, err := callback.NewService(h, h, h, source).Promise(t.Context(), aRequest())
			require.Error(t, err)
			require.Empty(t, h.events)
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
		require.Len(t, h.events, 1, "the store repeats by itself, the service does not")
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
