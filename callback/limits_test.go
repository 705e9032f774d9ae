package callback_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// bounded is a house with limits: two notes from one caller, three for one number, five in all.
type bounded struct {
	*storetest.House
	limits dialling.Limits
	clocks *time.Location
	counts func(ctx context.Context) error // if set, runs before the store's Count
}

func newBounded(t *testing.T) *bounded {
	t.Helper()
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	return &bounded{
		House: storetest.NewHouse(), limits: dialling.Limits{Caller: 2, Target: 3, Day: 5}, clocks: amsterdam,
	}
}

func (b *bounded) Policy(m call.MunicipalityID) dialling.Policy {
	p := b.House.Policy(m)
	p.Limits, p.Clocks = b.limits, b.clocks
	return p
}

func (b *bounded) Count(ctx context.Context, day dialling.Day, once string, limits []dialling.Limit) (
	dialling.Limit, error,
) {
	if b.counts != nil {
		if err := b.counts(ctx); err != nil {
			return dialling.Limit{}, err
		}
	}
	return b.House.Count(ctx, day, once, limits)
}

// asking is one request for a note, each with a key and a subject of its own unless it says otherwise.
type asking struct {
	who     note.Actor // the caller when it is empty
	from    string     // the number that the line shows; empty when withheld
	to      string
	at      time.Time
	key     note.Key
	subject string
	apart   bool          // it is about something else
	want    dialling.Code // empty when it is promised
}

func (a asking) request(t *testing.T, nth int) callback.Request {
	t.Helper()
	r := storetest.ARequest()
	r.Number, r.Shown = number(t, a.to), call.Withheld()
	if a.from != "" {
		r.Shown = number(t, a.from)
	}
	if r.Who = note.ByCaller; a.who != "" {
		r.Who = a.who
	}
	if r.Key = a.key; r.Key == "" {
		r.Key = note.Key(fmt.Sprintf("pbx1/%d", nth))
	}
	if r.Subject = a.subject; r.Subject == "" {
		r.Subject = fmt.Sprintf("zaak %d", nth)
	}
	if r.At = a.at; r.At.IsZero() {
		r.At = storetest.ANote().Made
	}
	r.Call, r.Separate = call.ID(r.Key), a.apart
	return r
}

func TestNotesOfADayHaveALimit(t *testing.T) {
	const piet, jan = "0612345671", "0612345672"
	stranger := func(nth int) string { return fmt.Sprintf("06876543%02d", nth) }
	night := time.Date(2026, 11, 20, 22, 59, 59, 0, time.UTC) // a second to midnight in town
	for name, requests := range map[string][]asking{
		"a caller keys in strangers": {
			{from: piet, to: stranger(1)},
			{from: piet, to: stranger(2)},
			{from: piet, to: stranger(3), want: dialling.CodeCallerLimit},
			{from: jan, to: stranger(3)},
		},
		"one stranger, from everywhere": {
			{from: piet, to: stranger(1)},
			{to: stranger(1)},
			{who: storetest.Els, from: stranger(1), to: stranger(1)},
			{from: jan, to: stranger(1), want: dialling.CodeTargetLimit},
			{to: stranger(1), want: dialling.CodeTargetLimit},
			{who: storetest.Els, to: stranger(1), want: dialling.CodeTargetLimit},
			{to: stranger(2)},
		},
		"a company's people have notes of their own, up to the limit of their number": {
			{from: piet, to: piet, subject: "x"},
			{from: piet, to: piet, subject: "x", apart: true},
			{from: piet, to: piet, subject: "x", apart: true, want: dialling.CodeCallerLimit},
			{from: piet, to: piet, subject: "x"}, // a repeat makes no note
			{from: jan, to: piet, subject: "x", apart: true},
			{who: storetest.Els, from: piet, to: piet, subject: "x", apart: true, want: dialling.CodeTargetLimit},
		},
		"a withheld caller counts for the number to call back, and in all": {
			{to: stranger(1)},
			{to: stranger(2)},
			{to: stranger(3)},
			{to: stranger(4)},
			{to: stranger(5)},
			{to: stranger(6), want: dialling.CodeDayLimit},
			{from: piet, to: stranger(6), want: dialling.CodeDayLimit},
			{who: storetest.Els, to: stranger(6)},
		},
		"an agent makes notes for many": {
			{who: storetest.Els, from: piet, to: piet},
			{who: storetest.Els, from: piet, to: piet},
			{who: storetest.Els, to: stranger(1)},
			{who: storetest.Els, to: stranger(2)},
			{who: storetest.Els, to: stranger(3)},
			{who: storetest.Els, to: stranger(4)},
			{who: storetest.Els, to: stranger(5)},
			{from: piet, to: piet},
			{from: piet, to: stranger(1)},
		},
		"one request sent again is one note, also at the limit": {
			{from: piet, to: stranger(1), key: "a", subject: "s"},
			{from: piet, to: stranger(1), key: "a", subject: "s"},
			{from: piet, to: stranger(1), key: "a", subject: "s"},
			{from: piet, to: stranger(2), key: "b"},
			{from: piet, to: stranger(3), key: "c", want: dialling.CodeCallerLimit},
			{from: piet, to: stranger(1), key: "a", subject: "s"},
			{from: piet, to: stranger(3), key: "c", want: dialling.CodeCallerLimit},
			{from: piet, to: stranger(2), key: "b"},
		},
		"a repeat of a promise makes no new note": {
			{from: piet, to: piet, subject: "paspoort"},
			{from: piet, to: piet},
			{from: piet, to: piet, subject: "paspoort"},
			{from: piet, to: piet, subject: " paspoort "},
			{from: piet, to: piet, subject: "rijbewijs", want: dialling.CodeCallerLimit},
		},
		"a repeat of a promise uses nothing up": {
			{from: piet, to: piet, subject: "paspoort"},
			{from: piet, to: piet, subject: "paspoort"},
			{from: piet, to: piet, subject: " Paspoort"},
			{to: piet, subject: "paspoort"},
			{who: storetest.Els, to: piet, subject: "paspoort"},
			{from: piet, to: piet},
			{from: jan, to: piet, subject: "paspoort"},
			{from: jan, to: piet},
			{from: jan, to: piet, want: dialling.CodeTargetLimit},
			{from: jan, to: stranger(1)},
			{from: jan, to: stranger(2), want: dialling.CodeCallerLimit},
		},
		"a day ends at midnight in town": {
			{from: piet, to: piet, at: night},
			{from: piet, to: piet, at: night},
			{from: piet, to: piet, at: night, want: dialling.CodeCallerLimit},
			{from: piet, to: piet, at: night.Add(time.Second)},
			{from: piet, to: piet, at: night.Add(time.Second)},
			{from: piet, to: piet, at: night.Add(time.Second), want: dialling.CodeCallerLimit},
		},
		"a request that is sent again after midnight has its note": {
			{from: piet, to: piet, at: night, key: "a"},
			{from: piet, to: piet, at: night.Add(time.Hour)},
			{from: piet, to: piet, at: night.Add(time.Hour)},
			{from: piet, to: piet, at: night.Add(time.Hour), key: "a"},
		},
		"and uses nothing up on the new day": {
			{from: piet, to: piet, at: night, key: "a"},
			{from: piet, to: piet, at: night.Add(time.Hour), key: "a"},
			{from: piet, to: piet, at: night.Add(time.Hour)},
			{from: piet, to: piet, at: night.Add(time.Hour)},
			{from: piet, to: piet, at: night.Add(time.Hour), want: dialling.CodeCallerLimit},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBounded(t)
			for i, a := range requests {
				written := len(b.Asked)
				// of a daemon that was just started
				n, _, err := callback.NewService(b, b, b, nil).Promise(t.Context(), a.request(t, i))
				require.Equal(t, a.want, storetest.CodeOf(t, err), "request %d", i)
				if a.want == "" {
					require.NotEmpty(t, n.Reference)
					continue
				}
				require.Len(t, b.Asked, written, "request %d was refused before anything was written", i)
				require.NotRegexp(t, `\d{3}`, err.Error(), "no digits")
				require.Contains(t, err.Error(), "callbacks.limits")
			}
		})
	}
}

func TestARepeatAtTheLimitIsMerged(t *testing.T) {
	b := newBounded(t)
	s := callback.NewService(b, b, b, nil)
	ask := func(nth int, subject string) (note.Note, error) {
		return storetest.Just(
			s.Promise(t.Context(), asking{from: "0612345671", to: "0612345671", subject: subject}.request(t, nth)),
		)
	}
	first, err := ask(1, "paspoort")
	require.NoError(t, err)
	_, err = ask(2, "rijbewijs")
	require.NoError(t, err)
	again, err := ask(3, "paspoort")
	require.NoError(t, err)
	require.Equal(t, first.Reference, again.Reference)
	require.Equal(t, 1, again.Repeats)
}

// Merged requests are counted for a moment. Even so, never more notes are made than the limit allows.
func TestTheLimitHoldsWhenManyAskAtOnce(t *testing.T) {
	for range 50 {
		b := newBounded(t)
		b.limits = dialling.Limits{Target: 3}
		s := callback.NewService(b.Memory, b, b, nil)
		ask := func(nth int, subject string) error {
			_, _, err := s.Promise(t.Context(), asking{to: "0612345671", subject: subject}.request(t, nth))
			return err
		}
		require.NoError(t, ask(0, "paspoort"))
		var sides sync.WaitGroup
		for i := range 16 {
			sides.Go(func() {
				if i%2 == 0 {
					assert.NoError(t, ask(1+i, "paspoort"), "a repeat is never refused")
					return
				}
				if code := storetest.CodeOf(t, ask(1+i, "")); code != "" {
					assert.Equal(t, dialling.CodeTargetLimit, code)
				}
			})
		}
		sides.Wait()
		for i := 17; ask(i, "") == nil; i++ { // a momentary count may have refused one: it can ask again
			require.Less(t, i, 20)
		}
		notes, err := b.ByNumber(t.Context(), "deventer", number(t, "0612345671"), 100)
		require.NoError(t, err)
		require.Len(t, notes, 3)
	}
}

func TestWithoutLimitsNothingIsCounted(t *testing.T) {
	b := newBounded(t)
	b.limits = dialling.Limits{}
	b.counts = func(context.Context) error { return errors.New("was asked") }
	s := callback.NewService(b, b, b, nil)
	for i := range 12 {
		_, _, err := s.Promise(t.Context(), asking{from: "0612345671", to: "0612345671"}.request(t, i))
		require.NoError(t, err)
	}
}

// A promise matters more than its limit, but a machine that rings all night must meet a limit while Redis is away too.
func TestWhileTheStoreCannotCountTheDaemonCounts(t *testing.T) {
	b := newBounded(t)
	b.counts = func(context.Context) error { return note.ErrStoreDown }
	s := callback.NewService(b, b, b, nil)
	ask := func(nth int) error {
		_, _, err := s.Promise(
			t.Context(), asking{from: "0612345671", to: fmt.Sprintf("06876543%02d", nth)}.request(t, nth),
		)
		return err
	}
	require.NoError(t, ask(1))
	require.NoError(t, ask(2))
	require.Equal(t, dialling.CodeCallerLimit, storetest.CodeOf(t, ask(3)))
	b.counts = nil
	require.NoError(t, ask(4), "the store's counts decide again")
}

func TestWhileTheStoreCannotCountARepeatUsesNothingUp(t *testing.T) {
	b := newBounded(t)
	b.counts = func(context.Context) error { return note.ErrStoreDown }
	s := callback.NewService(b, b, b, nil)
	ask := func(nth int, subject string) error {
		_, _, err := s.Promise(
			t.Context(), asking{from: "0612345671", to: "0612345671", subject: subject}.request(t, nth),
		)
		return err
	}
	for i := range 4 {
		require.NoError(t, ask(i, "paspoort"))
	}
	require.NoError(t, ask(5, "rijbewijs"))
	require.Equal(t, dialling.CodeCallerLimit, storetest.CodeOf(t, ask(6, "verhuizing")))
}

func TestAStoreThatIsSilentAboutLimitsLeavesTimeForTheNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBounded(t)
		b.counts = func(ctx context.Context) error {
			<-ctx.Done()
			return errors.Join(note.ErrStoreDown, ctx.Err())
		}
		b.BeforeMake = func(ctx context.Context, made note.Event) (note.Note, error) {
			select {
			case <-ctx.Done():
				return note.Note{}, ctx.Err()
			case <-time.After(250 * time.Millisecond):
				return b.Memory.Make(ctx, made)
			}
		}
		start := time.Now()
		_, _, err := callback.NewService(b, b, b, nil).Promise(t.Context(), storetest.ARequest())
		require.NoError(t, err)
		require.Less(t, time.Since(start), 500*time.Millisecond)
	})
}
