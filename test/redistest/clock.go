package redistest

import (
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// SetClock starts the server again with its data and with a clock that is off by so much, 0 for right. The test fails
// when faketime is not installed.
func (s *Server) SetClock(off time.Duration) {
	s.tb.Helper()
	s.environment = nil
	if off != 0 {
		library, err := exec.Command("faketime", "-f", "+0", "printenv", "LD_PRELOAD").Output()
		require.NoError(s.tb, err, "find libfaketime: install the package faketime")
		s.environment = []string{
			// Debian's Redis allocates with jemalloc, which asks for the time while libfaketime is not ready to tell
			// it, and then waits for ever. With the C library's own allocator before it this does not happen.
			"LD_PRELOAD=" + strings.TrimSpace(string(library)) + ":libc.so.6",
			fmt.Sprintf("FAKETIME=%+d", int64(off/time.Second)),
			"FAKETIME_DONT_FAKE_MONOTONIC=1",
		}
	}
	s.Restart()
}
