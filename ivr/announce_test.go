package ivr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMusicComesBetweenAnnouncementsHoweverOftenTheyAreAskedFor(t *testing.T) {
	story(t, func(t *testing.T, s *scene) {
		kcc := s.plan.Teams["kcc"]
		kcc.Announce = time.Second // an announcement takes longer to say
		s.plan.Teams["kcc"] = kcc
		s.rings("140570")
		s.presses("2")
		s.after(30 * time.Second)
		announcements := strings.Count(s.line.all(), "Al onze medewerkers zijn in gesprek.")
		require.Greater(t, announcements, 3)
		require.GreaterOrEqual(t, s.line.musics, announcements-1)
		s.hangsUp()
	})
}
