package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/routing"
)

// mostFaults is how many keys that are not as they should be are told one by one.
const mostFaults = 10

// lookAtStored looks through what Redis holds of live notes.
func lookAtStored(ctx context.Context, notes Notes, plan *routing.Plan) []Finding {
	colleagues := slices.Sorted(maps.Keys(plan.Agents))
	for _, m := range slices.Sorted(maps.Keys(plan.Municipalities)) {
		if err := notes.Survey(ctx, m, colleagues); err != nil {
			return []Finding{{
				checkStored, Warning, "what is stored could not be looked through: " + err.Error(),
				"Mend what stands under " + checkRedis + ", and run the doctor again",
			}}
		}
	}
	return judgeStored(notes.Faults())
}

func judgeStored(faults []redisstore.Fault) []Finding {
	if len(faults) == 0 {
		return []Finding{
			{Check: checkStored, Verdict: OK, Text: "its indexes lead to notes, and the live notes can be read"},
		}
	}
	var found []Finding
	for _, f := range faults[:min(len(faults), mostFaults)] {
		verdict := Warning
		if f.Grave {
			verdict = Wrong
		}
		found = append(found, Finding{
			checkStored, verdict, fmt.Sprintf("key %s: %s (faults: %d)", f.Key, f.Text, f.Entries), f.Mend,
		})
	}
	if rest := len(faults) - mostFaults; rest > 0 {
		found = append(found, Finding{
			checkStored, Wrong, fmt.Sprintf("%d more keys are not as they should be", rest),
			"Mend these, and run the doctor again",
		})
	}
	return found
}
