package doctor

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/routing"
)

// surveyed are notes as a survey found them.
type surveyed struct {
	Notes
	faults []redisstore.Fault
	err    error
}

func (s surveyed) Survey(context.Context, call.MunicipalityID, []call.AgentID) error { return s.err }

func (s surveyed) Faults() []redisstore.Fault { return s.faults }

func TestStoredContentIsJudgedByItsFaults(t *testing.T) {
	light := redisstore.Fault{Key: "due:kcc", Text: "holds junk", Mend: "ZREM it", Entries: 3}
	grave := light
	grave.Grave = true
	var many []redisstore.Fault
	for i := range mostFaults + 2 {
		many = append(many, redisstore.Fault{Key: fmt.Sprint("note:", i), Text: "is gone", Mend: "restore it"})
	}
	for name, test := range map[string]struct {
		notes   surveyed
		verdict Verdict
		words   string
	}{
		"nothing is wrong":         {surveyed{}, OK, "can be read"},
		"an entry that is no note": {surveyed{faults: []redisstore.Fault{light}}, Warning, "key due:kcc: holds junk (faults: 3)"},
		"a note that is lost":      {surveyed{faults: []redisstore.Fault{light, grave}}, Wrong, "holds junk"},
		"more than people read":    {surveyed{faults: many}, Wrong, "2 more keys are faulty"},
		"Redis is away":            {surveyed{err: errors.New("no route")}, Warning, "could not be read: no route"},
	} {
		t.Run(name, func(t *testing.T) {
			plan := &routing.Plan{Municipalities: map[call.MunicipalityID]routing.Municipality{"deventer": {}}}
			found := lookAtStored(t.Context(), test.notes, plan)
			finds(t, found, test.verdict, test.words)
			require.LessOrEqual(t, len(found), mostFaults+1)
		})
	}
}
