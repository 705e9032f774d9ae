package redistest

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"
)

//go:embed preload/slowdisk.c
var slowDisk []byte

// SetDisk restarts the server with its data and a disk that takes longer by a duration to make the log durable, 0 for
// the real disk. The test fails when gcc is not installed.
func (s *Server) SetDisk(delay time.Duration) {
	s.tb.Helper()
	s.environment = nil
	if delay != 0 {
		source, library := filepath.Join(s.dir, "slowdisk.c"), filepath.Join(s.dir, "slowdisk.so")
		require.NoError(s.tb, os.WriteFile(source, slowDisk, 0o600))
		out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", library, source).CombinedOutput()
		require.NoError(s.tb, err, "install the package gcc: %s", out)
		s.environment = []string{"LD_PRELOAD=" + library, fmt.Sprintf("SLOW_DISK_US=%d", delay.Microseconds())}
	}
	s.Restart()
}
