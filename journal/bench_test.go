package journal_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
)

// How long a promise waits for the journal: Append of one made event, on the disk of the temporary directory.
func BenchmarkAppend(b *testing.B) {
	j := open(b, pathOf(b))
	promises := make([]note.Event, b.N)
	for i := range promises {
		promises[i] = aPromise(b)
	}
	took := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for _, e := range promises {
		start := time.Now()
		require.NoError(b, j.Append(town, e))
		took = append(took, time.Since(start))
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
