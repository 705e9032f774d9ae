package call_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
)

func TestIDs(t *testing.T) {
	for id, want := range map[string]struct{ id, person bool }{
		"anouk": {true, true}, "Cem.Kaya": {true, true}, "a_b-c.9": {true, true}, "9": {true, true},
		".x": {true, false}, "-x": {true, false}, "_": {true, false}, "": {}, "a b": {}, "a@b": {}, "é": {}, "a~b": {},
		"a:b": {}, "a{b}": {}, "a\n": {}, "\u212aim": {},
		strings.Repeat("a", 64): {true, true}, strings.Repeat("a", 65): {},
	} {
		require.Equal(t, want.id, call.IsID(id), "%q", id)
		require.Equal(t, want.person, call.IsPersonID(id), "%q", id)
	}
}
