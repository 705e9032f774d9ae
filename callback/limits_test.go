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
)

// bounded is a house with limits: two notes from one caller, three for one number, five in all.
type bounded struct {
	*house
	limits callback.Limits
	counts func(ctx context.Context) error // goes before the store's Count when it is set
}

func newBounded(t *testing.T) *bounded {
	t.Helper()
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	return &bounded{house: newHouse(), limits: callback.Limits{Caller: 2, Target: 3, Day: 5, Clocks: amsterdam}}
}

func (b *bounded) Policy(m call.MunicipalityID) callback.Policy {
	p := b.house.Policy(m)
	p.Limits = b.limits
	return p
}

func (b *bounded) Count(ctx context.Context, day callback.Day, once string, limits []callback.Limit) (callback.Limit, error) {
	if b.counts != nil {
		if err := b.counts(ctx); err != nil {
			return callback.Limit{}, err
		}
	}
	return b.house.Count(ctx, day, once, limits)
}

// asking is one request for a note, each with a key and a subject of its own unless it says otherwise.
type asking struct {
	who     callback.Actor // the caller when it is empty
	from    string         // that his line shows; empty when it is withheld
	to      string
	at      time.Time
	key     callback.Key
	subject string
	apart   bool          // it is about something else
	want    callback.Code // empty when it is promised
}

func (a asking) request(t *testing.T, nth int) callback.Request {
	t.Helper()
	r := aRequest()
	r.Number, r.Shown = number(t, a.to), call.Withheld()
	if a.from != "" {
		r.Shown = number(t, a.from)
	}
	if r.Who = callback.ByCaller; a.who != "" {
		r.Who = a.who
	}
	if r.Key = a.key; r.Key == "" {
		r.Key = callback.Key(fmt.Sprintf("pbx1/%d", nth))
	}
	if r.Subject = a.subject; r.Subject == "" {
		r.Subject = fmt.Sprintf("zaak %d", nth)
	}
	if r.At = a.at; r.At.IsZero() {
		r.At = aNote().Made
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
			{from: piet, to: stranger(3), want: callback.CodeCallerLimit},
			{from: jan, to: stranger(3)},
		},
		"one stranger, from everywhere": {
			{from: piet, to: stranger(1)},
			{to: stranger(1)},
			{who: els, from: stranger(1), to: stranger(1)},
			{from: jan, to: stranger(1), want: callback.CodeTargetLimit},
			{to: stranger(1), want: callback.CodeTargetLimit},
			{who: els, to: stranger(1), want: callback.CodeTargetLimit},
			{to: stranger(2)},
		},
		"a company's people have notes of their own, up to the limit of their number": {
			{from: piet, to: piet, subject: "x"},
			{from: piet, to: piet, subject: "x", apart: true},
			{from: piet, to: piet, subject: "x", apart: true, want: callback.CodeCallerLimit},
			{from: piet, to: piet, subject: "x"}, // the same again is none
			{from: jan, to: piet, subject: "x", apart: true},
			{who: els, from: piet, to: piet, subject: "x", apart: true, want: callback.CodeTargetLimit},
		},
		"who is not shown counts for whom he names, and in all": {
			{to: stranger(1)},
			{to: stranger(2)},
			{to: stranger(3)},
			{to: stranger(4)},
			{to: stranger(5)},
			{to: stranger(6), want: callback.CodeDayLimit},
			{from: piet, to: stranger(6), want: callback.CodeDayLimit},
			{who: els, to: stranger(6)},
		},
		"an agent makes notes for many": {
			{who: els, from: piet, to: piet},
			{who: els, from: piet, to: piet},
			{who: els, to: stranger(1)},
			{who: els, to: stranger(2)},
			{who: els, to: stranger(3)},
			{who: els, to: stranger(4)},
			{who: els, to: stranger(5)},
			{from: piet, to: piet},
			{from: piet, to: stranger(1)},
		},
		"one request sent again is one note, also at the limit": {
			{from: piet, to: stranger(1), key: "a", subject: "s"},
			{from: piet, to: stranger(1), key: "a", subject: "s"},
			{from: piet, to: stranger(1), key: "a", subject: "s"},
			{from: piet, to: stranger(2), key: "b"},
			{from: piet, to: stranger(3), key: "c", want: callback.CodeCallerLimit},
			{from: piet, to: stranger(1), key: "a", subject: "s"},
			{from: piet, to: stranger(3), key: "c", want: callback.CodeCallerLimit},
			{from: piet, to: stranger(2), key: "b"},
		},
		"who asks again for what he is promised makes no new note": {
			{from: piet, to: piet, subject: "paspoort"},
			{from: piet, to: piet},
			{from: piet, to: piet, subject: "paspoort"},
			{from: piet, to: piet, subject: " paspoort "},
			{from: piet, to: piet, subject: "rijbewijs", want: callback.CodeCallerLimit},
		},
		"who asks again for what he is promised uses nothing up": {
			{from: piet, to: piet, subject: "paspoort"},
			{from: piet, to: piet, subject: "paspoort"},
			{from: piet, to: piet, subject: " Paspoort"},
			{to: piet, subject: "paspoort"},
			{who: els, to: piet, subject: "paspoort"},
			{from: piet, to: piet},
			{from: jan, to: piet, subject: "paspoort"},
			{from: jan, to: piet},
			{from: jan, to: piet, want: callback.CodeTargetLimit},
			{from: jan, to: stranger(1)},
			{from: jan, to: stranger(2), want: callback.CodeCallerLimit},
		},
		"a day ends at midnight in town": {
			{from: piet, to: piet, at: night},
			{from: piet, to: piet, at: night},
			{from: piet, to: piet, at: night, want: callback.CodeCallerLimit},
			{from: piet, to: piet, at: night.Add(time.Second)},
			{from: piet, to: piet, at: night.Add(time.Second)},
			{from: piet, to: piet, at: night.Add(time.Second), want: callback.CodeCallerLimit},
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
			{from: piet, to: piet, at: night.Add(time.Hour), want: callback.CodeCallerLimit},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBounded(t)
			for i, a := range requests {
				written := len(b.asked)
				n, err := callback.NewService(b, b, b, nil).Promise(t.Context(), a.request(t, i)) // of a daemon that was just started
				require.Equal(t, a.want, codeOf(t, err), "request %d", i)
				if a.want == "" {
					require.NotEmpty(t, n.Reference)
					continue
				}
				require.Len(t, b.asked, written, "request %d was refused before anything was written", i)
				require.NotRegexp(t, `\d{3}`, err.Error(), "no digits")
				require.Contains(t, err.Error(), "callbacks.limits")
			}
		})
	}
}

func TestARequestMoreForWhatIsPromisedCountsAsARepeatAtTheLimitToo(t *testing.T) {
	b := newBounded(t)
	s := callback.NewService(b, b, b, nil)
	ask := func(nth int, subject string) (callback.Note, error) {
		return s.Promise(t.Context(), asking{from: "0612345671", to: "0612345671", subject: subject}.request(t, nth))
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

// Requests that are merged are counted for a moment, and never so that more notes are made than the limit allows.
func TestTheLimitHoldsWhenManyAskAtOnce(t *testing.T) {
	for range 50 {
		b := newBounded(t)
		b.limits = callback.Limits{Target: 3, Clocks: b.limits.Clocks}
		s := callback.NewService(b.Memory, b, b, nil)
		ask := func(nth int, subject string) error {
			_, err := s.Promise(t.Context(), asking{to: "0612345671", subject: subject}.request(t, nth))
			return err
		}
		require.NoError(t, ask(0, "paspoort"))
		var sides sync.WaitGroup
		for i := range 16 {
			sides.Go(func() {
				if i%2 == 0 {
					assert.NoError(t, ask(1+i, "paspoort"), "what is promised is never refused")
					return
				}
				if code := codeOf(t, ask(1+i, "")); code != "" {
					assert.Equal(t, callback.CodeTargetLimit, code)
				}
			})
		}
		sides.Wait()
		for i := 17; ask(i, "") == nil; i++ { // what was counted for a moment may have refused one: it can ask again
			require.Less(t, i, 20)
		}
		notes, err := b.ByNumber(t.Context(), "deventer", number(t, "0612345671"), 100)
		require.NoError(t, err)
		require.Len(t, notes, 3)
	}
}

func TestWithoutLimitsNothingIsCounted(t *testing.T) {
	b := newBounded(t)
	b.limits = callback.Limits{}
	b.counts = func(context.Context) error { return errors.New("was asked") }
	s := callback.NewService(b, b, b, nil)
	for i := range 12 {
		_, err := s.Promise(t.Context(), asking{from: "0612345671", to: "0612345671"}.request(t, i))
		require.NoError(t, err)
	}
}

// A promise matters more than its limit, but a machine that rings all night must not find the door open because Redis is away.
func TestWhileTheStoreCannotCountTheDaemonGoesByWhatItWasAsked(t *testing.T) {
	b := newBounded(t)
	b.counts = func(context.Context) error { return callback.ErrStoreDown }
	s := callback.NewService(b, b, b, nil)
	ask := func(nth int) error {
		_, err := s.Promise(t.Context(), asking{from: "0612345671", to: fmt.Sprintf("06876543%02d", nth)}.request(t, nth))
		return err
	}
	require.NoError(t, ask(1))
	require.NoError(t, ask(2))
	require.Equal(t, callback.CodeCallerLimit, codeOf(t, ask(3)))
	b.counts = nil
	require.NoError(t, ask(4), "what the store counted is what counts")
}

func TestWhileTheStoreCannotCountARepeatUsesNothingUpEither(t *testing.T) {
	b := newBounded(t)
	b.counts = func(context.Context) error { return callback.ErrStoreDown }
	s := callback.NewService(b, b, b, nil)
	ask := func(nth int, subject string) error {
		_, err := s.Promise(t.Context(), asking{from: "0612345671", to: "0612345671", subject: subject}.request(t, nth))
		return err
	}
	for i := range 4 {
		require.NoError(t, ask(i, "paspoort"))
	}
	require.NoError(t, ask(5, "rijbewijs"))
	require.Equal(t, callback.CodeCallerLimit, codeOf(t, ask(6, "verhuizing")))
}

func TestAStoreThatIsSilentAboutLimitsLeavesTimeForTheNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBounded(t)
		b.counts = func(ctx context.Context) error {
			<-ctx.Done()
			return errors.Join(callback.ErrStoreDown, ctx.Err())
		}
		b.make = func(ctx context.Context, made callback.Event) (callback.Note, error) {
			select {
			case <-ctx.Done():
				return callback.Note{}, ctx.Err()
			case <-time.After(250 * time.Millisecond):
				return b.Memory.Make(ctx, made)
			}
		}
		start := time.Now()
		_, err := callback.NewService(b, b, b, nil).Promise(t.Context(), aRequest())
		require.NoError(t, err)
		require.Less(t, time.Since(start), 500*time.Millisecond)
	})
}
