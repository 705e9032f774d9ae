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
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func TestPromise(t *testing.T) {
	h := storetest.NewHouse()
	s := callback.NewService(h, h, h, nil)
	n, _, err := s.Promise(t.Context(), storetest.ARequest())
	require.NoError(t, err)
	require.NoError(t, note.CheckReference(string(n.Reference)))

	want := storetest.ANote()
	want.ID, want.Reference, want.State, want.Ver = n.ID, n.Reference, note.Open, 1
	want.Warn, want.Deadline = want.Made.Add(12*time.Hour), want.Made.Add(24*time.Hour)
	want.Stints = []note.Stint{{Team: "burgerzaken", From: want.Made}}
	require.Equal(t, want, n, "times in UTC and whole milliseconds, the request kept")

	again, err := note.DecodeNote(note.EncodeNote(n))
	require.NoError(t, err, "the note can be read back")
	require.Equal(t, n, again)
}

func TestPromiseTwiceForOneCallIsOnePromise(t *testing.T) {
	h := storetest.NewHouse()
	s := callback.NewService(h, h, h, nil)
	first, _, err := s.Promise(t.Context(), storetest.ARequest())
	require.NoError(t, err)
	later := storetest.ARequest()
	later.At = later.At.Add(time.Minute)
	second, how, err := s.Promise(t.Context(), later)
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Equal(t, callback.Known, how)
	later.Team = "kcc"
	second, how, err = s.Promise(t.Context(), later)
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Equal(t, callback.Reused, how, "the caller is not promised what they asked for now")
}

func TestPromiseKeepsWhatTheCallerWishes(t *testing.T) {
	h := storetest.NewHouse()
	r := storetest.ARequest()
	r.Personal, r.Window = "els", calendar.Span{From: 540, To: 720}
	n, _, err := callback.NewService(h, h, h, nil).Promise(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, call.AgentID("els"), n.Personal)
	require.Equal(t, calendar.Span{From: 540, To: 720}, n.Window)
}

// One open note per number, team and subject: a repeat merges, raises the priority and counts as a repeat contact.
func TestARepeatedPromiseIsARepeatContact(t *testing.T) {
	h := storetest.NewHouse()
	s := callback.NewService(h, h, h, nil)
	first, how, err := s.Promise(t.Context(), storetest.ARequest())
	require.NoError(t, err)
	require.Equal(t, callback.Made, how)
	inCall := func(id call.ID) callback.Request {
		r := storetest.ARequest()
		r.Call, r.Key, r.At, r.Reason = id, note.CallKey("pbx1", id), r.At.Add(time.Hour), "Ik wacht nog steeds."
		return r
	}
	second, how, err := s.Promise(t.Context(), inCall("1732303600.18"))
	require.NoError(t, err)
	require.Equal(t, callback.Merged, how)
	require.Equal(t, first.ID, second.ID)
	require.Equal(t, first.Reference, second.Reference, "the caller hears the same reference and deadline again")
	require.Equal(t, first.Deadline, second.Deadline)
	require.Equal(t, 1, second.Repeats)
	require.Equal(t, 1, second.Priority)
	events, err := h.Events(t.Context(), "deventer", first.ID)
	require.NoError(t, err)
	require.Equal(t, note.EventMerged, events[1].Kind)
	require.Equal(t, call.ID("1732303600.18"), events[1].Call)
	require.Equal(t, "Ik wacht nog steeds.", events[1].Reason)

	again, _, err := s.Promise(t.Context(), inCall("1732303600.18"))
	require.NoError(t, err)
	require.Equal(t, second, again, "pressing the key twice in one call is one contact")
	third, _, err := s.Promise(t.Context(), inCall("1732307200.19"))
	require.NoError(t, err)
	require.Equal(t, 2, third.Repeats)
	blanks := inCall("1732307250.20")
	blanks.Subject = " " + blanks.Subject + " "
	fourth, _, err := s.Promise(t.Context(), blanks)
	require.NoError(t, err)
	require.Equal(t, first.ID, fourth.ID, "blanks around it make no other subject")

	other := inCall("1732307300.20")
	other.Subject = "rijbewijs"
	n, _, err := s.Promise(t.Context(), other)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, n.ID, "another subject is another promise")
}

// everybody has read a history before anybody goes on.
type everybody struct{ *storetest.Memory }

func (e everybody) Events(ctx context.Context, m call.MunicipalityID, id note.ID) ([]note.Event, error) {
	events, err := e.Memory.Events(ctx, m, id)
	<-time.After(time.Millisecond)
	return events, err
}

func TestARepeatContactThatIsSentFromManySidesCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := storetest.NewHouse()
		s := callback.NewService(everybody{h.Memory}, h, h, nil)
		first, _, err := s.Promise(t.Context(), storetest.ARequest())
		require.NoError(t, err)
		repeat := storetest.ARequest()
		repeat.Call, repeat.Key = "1732303600.18", note.CallKey("pbx1", "1732303600.18")
		var sides sync.WaitGroup
		for range 6 {
			sides.Go(func() {
				n, _, err := s.Promise(t.Context(), repeat)
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
	h := storetest.NewHouse()
	s := callback.NewService(h, h, h, nil)
	first, _, err := s.Promise(t.Context(), storetest.ARequest())
	require.NoError(t, err)
	h.BeforeMake = func(ctx context.Context, made note.Event) (note.Note, error) {
		n, err := h.Memory.Make(ctx, made)
		if err != nil {
			_, cancelled := callback.NewWorklist(h, nil, nil).Cancel(ctx, storetest.By(note.ByCaller, first), "")
			require.NoError(t, cancelled)
		}
		return n, err
	}
	r := storetest.ARequest()
	r.Key = "another"
	n, _, err := s.Promise(t.Context(), r)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, n.ID)
}

func TestPromiseSaysWhyARepeatCannotBeCounted(t *testing.T) {
	h := storetest.NewHouse()
	s := callback.NewService(h, h, h, nil)
	_, _, err := s.Promise(t.Context(), storetest.ARequest())
	require.NoError(t, err)
	h.BeforeMake = func(ctx context.Context, made note.Event) (note.Note, error) {
		defer h.Fail(errors.New("out of order"))
		return h.Memory.Make(ctx, made)
	}
	r := storetest.ARequest()
	r.Key = "another"
	_, _, err = s.Promise(t.Context(), r)
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.ErrorContains(t, err, "merge the request into the note that there is")
}

func TestPromiseMarksAnotherNumberThanTheCallersOwn(t *testing.T) {
	for name, test := range map[string]struct {
		shown    call.Number
		verified bool
	}{
		"their own":   {storetest.ANote().Number, true},
		"another":     {call.Number{E164: "+31570693911", Kind: call.KindGeographic, Country: "NL"}, false},
		"withheld":    {call.Withheld(), false},
		"none at all": {call.Number{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := storetest.NewHouse()
			r := storetest.ARequest()
			r.Shown = test.shown
			n, _, err := callback.NewService(h, h, h, nil).Promise(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, test.verified, n.Verified)
			require.Equal(
				t, test.shown.Known() && !test.verified, n.Shown.Known(), "the caller is known by their line too",
			)
			if n.Shown.Known() {
				require.Equal(t, call.Number{E164: test.shown.E164}, n.Shown, "its digits only")
			}
		})
	}
}

func TestASeparateRequestIsNoRepeatContact(t *testing.T) {
	h := storetest.NewHouse()
	s := callback.NewService(h, h, h, nil)
	first, _, err := s.Promise(t.Context(), storetest.ARequest())
	require.NoError(t, err)
	r := storetest.ARequest()
	r.Key, r.Separate = "pbx1/apart", true
	second, _, err := s.Promise(t.Context(), r)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, second.ID)
	again, _, err := s.Promise(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, second, again, "a call makes one note")
	r = storetest.ARequest()
	r.Key, r.Call = "pbx1/repeat", "repeat"
	merged, _, err := s.Promise(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, first.ID, merged.ID)
	require.Equal(t, 1, merged.Repeats)
}

func TestPromiseRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(r *callback.Request)
		want   dialling.Code
	}{
		"a team that does not exist":    {func(r *callback.Request) { r.Team = "zwembad" }, dialling.CodeTeam},
		"no team":                       {func(r *callback.Request) { r.Team = "" }, dialling.CodeRequest},
		"a team that splits a hash tag": {func(r *callback.Request) { r.Team = "a}b" }, dialling.CodeRequest},
		"no municipality":               {func(r *callback.Request) { r.Municipality = "" }, dialling.CodeRequest},
		"a municipality with a brace":   {func(r *callback.Request) { r.Municipality = "{x" }, dialling.CodeRequest},
		"no key":                        {func(r *callback.Request) { r.Key = "" }, dialling.CodeRequest},
		"a key without a call": {
			func(r *callback.Request) { r.Key = note.CallKey("pbx1", "") }, dialling.CodeRequest,
		},
		"a key of neither": {
			func(r *callback.Request) { r.Key = note.CallKey("", "") }, dialling.CodeRequest,
		},
		"a key without end": {
			func(r *callback.Request) { r.Key = note.Key(strings.Repeat("k", 201)) }, dialling.CodeRequest,
		},
		"a key with a line break": {func(r *callback.Request) { r.Key = "a\nb" }, dialling.CodeRequest},
		"no time":                 {func(r *callback.Request) { r.At = time.Time{} }, dialling.CodeRequest},
		"a time that cannot be written": {
			func(r *callback.Request) { r.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, dialling.CodeRequest,
		},
		"no actor":                   {func(r *callback.Request) { r.Who = "" }, dialling.CodeRequest},
		"no language":                {func(r *callback.Request) { r.Language = "" }, dialling.CodeRequest},
		"a call id that is not text": {func(r *callback.Request) { r.Call = "\xff" }, dialling.CodeRequest},
		"a subject without end": {
			func(r *callback.Request) { r.Subject = strings.Repeat("é", 101) }, dialling.CodeRequest,
		},
		"a reason without end": {
			func(r *callback.Request) { r.Reason = strings.Repeat("é", 2001) }, dialling.CodeRequest,
		},
		"a reason with an escape in it": {func(r *callback.Request) { r.Reason = "\x1b[2J" }, dialling.CodeRequest},
		"a colleague that is no id":     {func(r *callback.Request) { r.Personal = "{els}" }, dialling.CodeRequest},
		"a window that ends first": {
			func(r *callback.Request) { r.Window = calendar.Span{From: 720, To: 540} }, dialling.CodeRequest,
		},
		"a window before midnight": {
			func(r *callback.Request) { r.Window = calendar.Span{From: -60, To: 540} }, dialling.CodeRequest,
		},
		"a window past midnight": {
			func(r *callback.Request) { r.Window = calendar.Span{From: 720, To: 1441} }, dialling.CodeRequest,
		},
		"a withheld number": {
			func(r *callback.Request) { r.Number = call.Withheld() }, dialling.CodeWithheld,
		},
		"no number": {
			func(r *callback.Request) { r.Number = call.Number{} }, dialling.CodeInvalid,
		},
		"0900": {
			func(r *callback.Request) { r.Number = number(t, "0900123456") }, dialling.CodeKind,
		},
		"a country that is not rung back": {
			func(r *callback.Request) { r.Number = number(t, "+4915112345678") }, dialling.CodeCountry,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := storetest.NewHouse()
			r := storetest.ARequest()
			test.change(&r)
			n, _, err := callback.NewService(h, h, h, nil).Promise(t.Context(), r)
			require.Equal(t, test.want, storetest.CodeOf(t, err))
			require.Zero(t, n)
			require.Empty(t, h.Asked, "nothing reaches the store")
		})
	}
}

func number(t *testing.T, raw string) call.Number {
	t.Helper()
	n, err := call.ParseNumber(raw)
	require.NoError(t, err)
	return n
}

func TestPromiseBelievesOnlyTheDigits(t *testing.T) {
	h := storetest.NewHouse()
	r := storetest.ARequest()
	r.Number = call.Number{E164: "+31570693911"} // kind and country forgotten
	n, _, err := callback.NewService(h, h, h, nil).Promise(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, number(t, "0570693911"), n.Number)
}

func TestPromiseTriesAnotherReferenceWhenOneIsTaken(t *testing.T) {
	h := storetest.NewHouse()
	taken := 0
	h.BeforeMake = func(_ context.Context, made note.Event) (note.Note, error) {
		if taken++; taken < 4 {
			return note.Note{}, note.ErrReferenceTaken
		}
		return note.Apply(note.Note{}, made)
	}
	n, _, err := callback.NewService(h, h, h, nil).Promise(t.Context(), storetest.ARequest())
	require.NoError(t, err)
	require.Len(t, h.Asked, 4)
	seen := make(map[note.Reference]bool)
	for _, e := range h.Asked {
		require.Equal(t, n.ID, e.Note, "it stays one note")
		seen[e.Base.Reference] = true
	}
	require.Len(t, seen, 4)
}

func TestPromiseGivesUpOnReferencesAfterTen(t *testing.T) {
	h := storetest.NewHouse()
	h.BeforeMake = func(context.Context, note.Event) (note.Note, error) {
		return note.Note{}, note.ErrReferenceTaken
	}
	stuck := bytes.NewReader(make([]byte, 1<<10))
	_, _, err := callback.NewService(h, h, h, stuck).Promise(t.Context(), storetest.ARequest())
	require.ErrorIs(t, err, note.ErrReferenceTaken)
	require.ErrorContains(t, err, "is the random source working?")
	require.Len(t, h.Asked, 10)
}

func TestPromiseWithoutItsParts(t *testing.T) {
	dry := errors.New("out of order")
	t.Run("no deadline", func(t *testing.T) {
		h := storetest.NewHouse()
		h.Norm = func(call.TeamID, time.Time) (callback.Term, error) { return callback.Term{}, dry }
		_, _, err := callback.NewService(h, h, h, nil).Promise(t.Context(), storetest.ARequest())
		require.ErrorIs(t, err, dry)
		require.ErrorContains(t, err, "burgerzaken")
		require.Empty(t, h.Asked)
	})
	for name, deadline := range map[string]time.Time{
		"a deadline that was never set":   {},
		"a deadline before the promise":   storetest.ANote().Made.Add(-time.Hour),
		"a deadline at the promise":       storetest.ANote().Made,
		"a deadline beyond all calendars": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			h := storetest.NewHouse()
			h.Norm = func(call.TeamID, time.Time) (callback.Term, error) {
				return callback.Term{Deadline: deadline}, nil
			}
			_, _, err := callback.NewService(h, h, h, nil).Promise(t.Context(), storetest.ARequest())
			require.ErrorContains(t, err, "check its calendar")
			require.Empty(t, h.Asked)
		})
	}
	for name, random := range map[string]int64{"no randomness for the id": 3, "no randomness for the reference": 12} {
		t.Run(name, func(t *testing.T) {
			h := storetest.NewHouse()
			source := iotest.DataErrReader(bytes.NewReader(make([]byte, random)))
			_, _, err := callback.NewService(h, h, h, source).Promise(t.Context(), storetest.ARequest())
			require.Error(t, err)
			require.Empty(t, h.Asked)
		})
	}
}

func TestPromiseReportsASilentStoreWithinHalfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := storetest.NewHouse()
		h.BeforeMake = func(ctx context.Context, _ note.Event) (note.Note, error) {
			<-ctx.Done()
			return note.Note{}, errors.Join(note.ErrStoreDown, ctx.Err())
		}
		start := time.Now()
		_, _, err := callback.NewService(h, h, h, nil).Promise(t.Context(), storetest.ARequest())
		require.ErrorIs(t, err, note.ErrStoreDown)
		require.Less(t, time.Since(start), 500*time.Millisecond)
		require.Len(t, h.Asked, 1, "the store repeats by itself, the service does not")
	})
}

func TestPromiseIsKeptWhenTheCallerHangsUpWhileItIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := storetest.NewHouse()
		ctx, hangUp := context.WithCancel(t.Context())
		h.BeforeMake = func(ctx context.Context, made note.Event) (note.Note, error) {
			hangUp()
			select {
			case <-ctx.Done():
				return note.Note{}, ctx.Err()
			case <-time.After(100 * time.Millisecond):
				return note.Apply(note.Note{}, made)
			}
		}
		n, _, err := callback.NewService(h, h, h, nil).Promise(ctx, storetest.ARequest())
		require.NoError(t, err)
		require.NotEmpty(t, n.Reference)
	})
}
