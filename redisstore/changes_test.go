package redisstore

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Hand-made JSON reads like an encoder's, for any texts.
func TestEntriesAreJSON(t *testing.T) {
	require.Equal(t, "[]", entries(nil).String())
	var e entries
	want := []any{}
	for _, text := range []string{"", "01JD", `"`, `\`, "\n", "\x00", "é", "\u2028", "<&>", "\x7f", "\xff", "]["} {
		e = e.add("hset", 7, text, "x")
		read, err := json.Marshal(text)
		require.NoError(t, err)
		var meant string
		require.NoError(t, json.Unmarshal(read, &meant))
		want = append(want, []any{"hset", 7.0, meant, "x"})
	}
	e = e.add("lease", 12)
	want = append(want, []any{"lease", 12.0})
	var got []any
	require.NoError(t, json.Unmarshal([]byte(e.String()), &got))
	require.Equal(t, want, got)
}
