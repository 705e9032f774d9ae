package redistest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"
)

// Port gives a port of this machine on which nobody listens now.
func Port(tb Owner) int {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Sentinels start so many real sentinels that watch one primary, and give them: a Server each, whose Addr is host:port.
// Kill and Freeze are as those of a Redis. directives are further lines of each one's configuration; PORT in them is its port.
func Sentinels(tb Owner, many int, name string, primaryPort int, directives ...string) []*Server {
	tb.Helper()
	var all []*Server
	for range many {
		dir, err := os.MkdirTemp("", "sentinel")
		require.NoError(tb, err)
		port := Port(tb)
		s := &Server{Addr: fmt.Sprintf("127.0.0.1:%d", port), tb: tb, dir: dir}
		lines := append([]string{
			fmt.Sprintf("port %d", port), "dir " + dir, "bind 127.0.0.1",
			fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d %d", name, primaryPort, many/2+1),
			fmt.Sprintf("sentinel down-after-milliseconds %s 500", name),
			fmt.Sprintf("sentinel failover-timeout %s 3000", name),
		}, directives...)
		for i, line := range lines {
			lines[i] = strings.ReplaceAll(line, "PORT", fmt.Sprint(port))
		}
		config := filepath.Join(dir, "sentinel.conf") // which a sentinel writes to
		require.NoError(tb, os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
		tb.Cleanup(func() {
			s.Kill()
			if err := os.RemoveAll(dir); err != nil {
				tb.Errorf("remove the data of a sentinel: %v", err)
			}
		})
		s.process, err = launch(exec.Command("redis-server", config, "--sentinel"), nil)
		require.NoError(tb, err)
		s.AwaitReady()
		all = append(all, s)
	}
	return all
}
