package spelling_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/spelling"
)

func TestNearest(t *testing.T) {
	known := []string{"ring_time", "retry", "kcc", "welcome", "welcome-back", "goodbye"}
	for word, want := range map[string]string{
		"ringtime":    "ring_time", // a sign too few
		"ring__time":  "ring_time", // one too many
		"wellcame":    "welcome",   // two faults
		"ckc":         "kcc",       // two signs have changed places
		"Welcome":     "welcome",
		"welcom-back": "welcome-back",
		"retry":       "retry",
		"kc":          "kcc",
		"xx":          "", // of a short word nothing would be left
		"":            "",
		"anything":    "",
	} {
		require.Equal(t, want, spelling.Nearest(word, known), word)
	}
}
