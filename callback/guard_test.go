package callback_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/callback/storetest"
)

// dialRules allow Dutch numbers: twice to one, three times for a colleague, four times a day.
type dialRules struct{ location *time.Location }

func (dialRules) Policy(call.MunicipalityID) callback.Policy {
	return callback.Policy{Countries: []string{"NL"}}
}

func (r dialRules) Work(call.MunicipalityID) callback.Work {
	return callback.Work{Location: r.location, Caps: callback.Caps{Target: 2, Colleague: 3, Day: 4}}
}

func mobile(t *testing.T, digits string) call.Number {
	t.Helper()
	n, err := call.ParseNumber(digits)
	require.NoError(t, err)
	return n
}

func TestTheGuardCountsWhatIsDialled(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	noon := time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)
	type dialled struct {
		m    call.MunicipalityID
		who  call.AgentID
		to   string
		at   time.Time
		code callback.DialCode // empty when it is dialled
	}
	for name, calls := range map[string][]dialled{
		"twice to one number": {
			{"deventer", "els", "0612345678", noon, ""},
			{"deventer", "jan", "0612345678", noon, ""},
			{"deventer", "piet", "0612345678", noon, callback.DialTargetCap},
			{"deventer", "piet", "0687654321", noon, ""},
		},
		"three times by one colleague": {
			{"deventer", "els", "0612345671", noon, ""},
			{"deventer", "els", "0612345672", noon, ""},
			{"deventer", "els", "0612345673", noon, ""},
			{"deventer", "els", "0612345674", noon, callback.DialColleagueCap},
			{"deventer", "jan", "0612345674", noon, ""},
		},
		"four times a day": {
			{"deventer", "els", "0612345671", noon, ""},
			{"deventer", "els", "0612345672", noon, ""},
			{"deventer", "jan", "0612345673", noon, ""},
			{"deventer", "jan", "0612345674", noon, ""},
			{"deventer", "piet", "0612345675", noon, callback.DialDayCap},
			{"raalte", "piet", "0612345675", noon, ""},
		},
		"a day ends at midnight in town": {
			{"deventer", "els", "0612345678", noon, ""},
			{"deventer", "els", "0612345678", noon, ""},
			{"deventer", "els", "0612345678", time.Date(2026, 11, 23, 22, 59, 0, 0, time.UTC), callback.DialTargetCap},
			{"deventer", "els", "0612345678", time.Date(2026, 11, 23, 23, 0, 0, 0, time.UTC), ""},
		},
		"what costs money is refused, and counts for nothing": {
			{"deventer", "els", "0900 123456", noon, callback.DialNumber},
			{"deventer", "els", "+32470123456", noon, callback.DialNumber},
			{"deventer", "els", "140570", noon, callback.DialNumber},
			{"deventer", "els", "0612345671", noon, ""},
			{"deventer", "els", "0612345672", noon, ""},
			{"deventer", "els", "0612345673", noon, ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var told []callback.DialCode
			store := storetest.NewMemory()
			guard := func() *callback.Guard { // of a program that has just started
				return callback.NewGuard(dialRules{amsterdam}, store, func(c callback.DialCode) { told = append(told, c) })
			}
			for i, d := range calls {
				n := mobile(t, d.to)
				before := len(told)
				checked := guard().Check(t.Context(), d.m, d.who, n, d.at)
				dial, err := guard().Allow(t.Context(), d.m, d.who, n, d.at)
				if d.code == "" {
					require.NoError(t, checked, "call %d", i)
					require.NoError(t, err, "call %d", i)
					require.Equal(t, n.E164, dial)
					require.Len(t, told, before)
					continue
				}
				var refused *callback.DialError
				require.ErrorAs(t, checked, &refused)
				require.ErrorAs(t, err, &refused, "call %d", i)
				require.Equal(t, d.code, refused.Code)
				require.NotContains(t, refused.Error(), n.E164[4:], "no digits")
				require.Empty(t, dial)
				require.Equal(t, []callback.DialCode{d.code, d.code}, told[before:], "every refusal is an alarm")
			}
		})
	}
}

// A toll-fraud machine must not be had by stopping the store.
func TestNothingIsDialledWhenTheCountsOfTheDayAreNotKnown(t *testing.T) {
	var told []callback.DialCode
	store := storetest.NewMemory()
	g := callback.NewGuard(dialRules{time.UTC}, store, func(c callback.DialCode) { told = append(told, c) })
	store.Fail(errors.New("out of order"))
	n := mobile(t, "0612345678")
	checked := g.Check(t.Context(), "deventer", "els", n, time.Now())
	dial, err := g.Allow(t.Context(), "deventer", "els", n, time.Now())
	require.Empty(t, dial)
	for _, err := range []error{checked, err} {
		var refused *callback.DialError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, callback.DialStore, refused.Code)
		require.ErrorIs(t, err, callback.ErrStoreDown)
		require.ErrorContains(t, err, "how often was dialled today cannot be looked up")
		require.ErrorContains(t, err, "out of order", "the log says why")
	}
	require.Equal(t, []callback.DialCode{callback.DialStore, callback.DialStore}, told)
	store.Fail(nil)
	_, err = g.Allow(t.Context(), "deventer", "els", n, time.Now())
	require.NoError(t, err)
}

func TestTheGuardBelievesNoStoredKind(t *testing.T) {
	g := callback.NewGuard(dialRules{time.UTC}, storetest.NewMemory(), func(callback.DialCode) {})
	_, err := g.Allow(t.Context(), "deventer", "els", call.Number{E164: "+31900123456", Kind: call.KindMobile, Country: "NL"}, time.Now())
	var refused *callback.DialError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, callback.DialNumber, refused.Code)
}
