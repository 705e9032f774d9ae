package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/routing"
)

// mostFaults is how many faulty keys are reported one by one.
const mostFaults = 10

// lookAtStored reads the live notes in Redis.
func lookAtStored(ctx context.Context, notes Notes, plan *routing.Plan) []Finding {
	colleagues := slices.Sorted(maps.Keys(plan.Agents))
	for _, m := range slices.Sorted(maps.Keys(plan.Municipalities)) {
		if err := notes.Survey(ctx, m, colleagues); err != nil {
			return []Finding{{
				checkStored, Warning, "the notes could not be read: " + err.Error(),
				"Mend the findings of " + checkRedis + ", and run the doctor again",
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
			checkStored, Wrong, fmt.Sprintf("%d more keys are faulty", rest),
			"Mend these, and run the doctor again",
		})
	}
	return found
}
