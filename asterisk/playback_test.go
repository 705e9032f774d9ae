package asterisk

import (
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// For a moment after its start Asterisk cannot stop a playback. No call ends because of that.
func TestASoundIsStopped(t *testing.T) {
	for name, test := range map[string]struct {
		refused int // times
		status  int
		body    string
		asked   int
	}{
		"at once":                {asked: 1},
		"when it has just begun": {3, http.StatusInternalServerError, `{"message":"Could not stop playback"}`, 4},
		"and never stops": {
			1000, http.StatusInternalServerError, `{"message":"Could not stop playback"}`, stopTries,
		},
		"when it ended by itself": {1000, http.StatusNotFound, `{"message":"Playback not found"}`, 1},
		"with another fault":      {1000, http.StatusInternalServerError, `{"message":"Allocation failed"}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
				asked := 0
				f.answering(func(r fakeRequest) (int, string, bool) {
					if r.Method != http.MethodDelete {
						return http.StatusCreated, "{}", true
					}
					if asked++; asked <= test.refused {
						return test.status, test.body, true
					}
					return http.StatusNoContent, "", true
				})
				line := &Line{
					board: NewSwitchboard(c.Conn, slog.New(slog.DiscardHandler)), channel: "c1",
					playing: map[string]*playback{},
				}
				sound, err := line.Play(t.Context(), []string{"sound:welcome"})
				require.NoError(t, err)
				err = sound.Stop(t.Context())
				if test.status == http.StatusInternalServerError && test.asked == 1 {
					require.Error(t, err, "any other refusal is an error")
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, test.asked, asked)
			})
		})
	}
}
