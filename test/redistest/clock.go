package redistest

import (
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// SetClock restarts the server with its data and a clock that is off by a duration, 0 for right. The test fails when
// faketime is not installed.
func (s *Server) SetClock(off time.Duration) {
	s.tb.Helper()
	s.environment = nil
	if off != 0 {
		library, err := exec.Command("faketime", "-f", "+0", "printenv", "LD_PRELOAD").Output()
		require.NoError(s.tb, err, "find libfaketime: install the package faketime")
		s.environment = []string{
			// Debian's Redis allocates with jemalloc, which asks for the time before libfaketime is ready, and then
			// hangs. Preloading the C library's own allocator avoids this.
			"LD_PRELOAD=" + strings.TrimSpace(string(library)) + ":libc.so.6",
			fmt.Sprintf("FAKETIME=%+d", int64(off/time.Second)),
			"FAKETIME_DONT_FAKE_MONOTONIC=1",
		}
	}
	s.Restart()
}
