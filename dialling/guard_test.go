package dialling_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// dialRules allow Dutch numbers: twice to one, three times for a colleague, four times a day.
type dialRules struct{ location *time.Location }

func (r dialRules) Policy(call.MunicipalityID) dialling.Policy {
	return dialling.Policy{
		Countries: []string{"NL"}, Clocks: r.location, Caps: dialling.Caps{Target: 2, Colleague: 3, Day: 4},
	}
}

func mobile(t *testing.T, digits string) call.Number {
	t.Helper()
	n, err := call.ParseNumber(digits)
	require.NoError(t, err)
	return n
}

func TestTheGuardCountsCalls(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	noon := time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)
	type dialled struct {
		m    call.MunicipalityID
		who  call.AgentID
		to   string
		at   time.Time
		code dialling.Reason // empty when it is dialled
	}
	for name, calls := range map[string][]dialled{
		"twice to one number": {
			{"deventer", "els", "0612345678", noon, ""},
			{"deventer", "jan", "0612345678", noon, ""},
			{"deventer", "piet", "0612345678", noon, dialling.ReasonTargetCap},
			{"deventer", "piet", "0687654321", noon, ""},
		},
		"three times by one colleague": {
			{"deventer", "els", "0612345671", noon, ""},
			{"deventer", "els", "0612345672", noon, ""},
			{"deventer", "els", "0612345673", noon, ""},
			{"deventer", "els", "0612345674", noon, dialling.ReasonColleagueCap},
			{"deventer", "jan", "0612345674", noon, ""},
		},
		"four times a day": {
			{"deventer", "els", "0612345671", noon, ""},
			{"deventer", "els", "0612345672", noon, ""},
			{"deventer", "jan", "0612345673", noon, ""},
			{"deventer", "jan", "0612345674", noon, ""},
			{"deventer", "piet", "0612345675", noon, dialling.ReasonDayCap},
			{"raalte", "piet", "0612345675", noon, ""},
		},
		"a day ends at midnight in town": {
			{"deventer", "els", "0612345678", noon, ""},
			{"deventer", "els", "0612345678", noon, ""},
			{
				"deventer", "els", "0612345678", time.Date(2026, 11, 23, 22, 59, 0, 0, time.UTC),
				dialling.ReasonTargetCap,
			},
			{"deventer", "els", "0612345678", time.Date(2026, 11, 23, 23, 0, 0, 0, time.UTC), ""},
		},
		"an expensive number is refused, and does not count": {
			{"deventer", "els", "0900 123456", noon, dialling.ReasonNumber},
			{"deventer", "els", "+32470123456", noon, dialling.ReasonNumber},
			{"deventer", "els", "140570", noon, dialling.ReasonNumber},
			{"deventer", "els", "0612345671", noon, ""},
			{"deventer", "els", "0612345672", noon, ""},
			{"deventer", "els", "0612345673", noon, ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var told []dialling.Reason
			store := storetest.NewMemory()
			guard := func() *dialling.Guard { // of a program that has just started
				return dialling.NewGuard(
					dialRules{amsterdam}, store, func(c dialling.Reason) { told = append(told, c) },
				)
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
				var refused *dialling.Error
				require.ErrorAs(t, checked, &refused)
				require.ErrorAs(t, err, &refused, "call %d", i)
				require.Equal(t, d.code, refused.Code)
				require.NotContains(t, refused.Error(), n.E164[4:], "no digits")
				require.Empty(t, dial)
				require.Equal(t, []dialling.Reason{d.code, d.code}, told[before:], "every refusal is an alarm")
			}
		})
	}
}

// An attacker must not make a toll-fraud machine by stopping the store.
func TestNothingIsDialledWhenTheCountsOfTheDayAreNotKnown(t *testing.T) {
	var told []dialling.Reason
	store := storetest.NewMemory()
	g := dialling.NewGuard(dialRules{time.UTC}, store, func(c dialling.Reason) { told = append(told, c) })
	store.Fail(errors.New("out of order"))
	n := mobile(t, "0612345678")
	checked := g.Check(t.Context(), "deventer", "els", n, time.Now())
	dial, err := g.Allow(t.Context(), "deventer", "els", n, time.Now())
	require.Empty(t, dial)
	for _, err := range []error{checked, err} {
		var refused *dialling.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, dialling.ReasonStore, refused.Code)
		require.ErrorIs(t, err, note.ErrStoreDown)
		require.ErrorContains(t, err, "today's counts cannot be read")
		require.ErrorContains(t, err, "out of order", "the log says why")
	}
	require.Equal(t, []dialling.Reason{dialling.ReasonStore, dialling.ReasonStore}, told)
	store.Fail(nil)
	_, err = g.Allow(t.Context(), "deventer", "els", n, time.Now())
	require.NoError(t, err)
}

func TestTheGuardBelievesNoStoredKind(t *testing.T) {
	g := dialling.NewGuard(dialRules{time.UTC}, storetest.NewMemory(), func(dialling.Reason) {})
	_, err := g.Allow(
		t.Context(), "deventer", "els", call.Number{E164: "+31900123456", Kind: call.KindMobile, Country: "NL"},
		time.Now(),
	)
	var refused *dialling.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, dialling.ReasonNumber, refused.Code)
}
