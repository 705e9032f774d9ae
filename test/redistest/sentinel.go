package redistest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/root"
)

// The files of deploy/redis for several machines, and the passwords of every test's installation.
const (
	Master           = "bereikbaar" // the sentinels' name of the primary
	Sentinel         = "sentinel"   // a sentinel's own user
	SentinelPassword = "van-de-sentinels"
	ReplicaPassword  = "van-de-replicas"
)

// filled is a file of deploy/redis with the passwords filled in.
func filled(tb Owner, name string) string {
	tb.Helper()
	source, err := root.Source()
	require.NoError(tb, err)
	text, err := os.ReadFile(filepath.Join(source, "deploy", "redis", name))
	require.NoError(tb, err)
	return strings.NewReplacer(
		"PUT-THE-SHA256-OF-THE-PASSWORD-OF-BEREIKBAAR-HERE", sha(Password),
		"PUT-THE-SHA256-OF-THE-PASSWORD-OF-THE-SENTINELS-HERE", sha(SentinelPassword),
		"PUT-THE-SHA256-OF-THE-PASSWORD-OF-THE-REPLICAS-HERE", sha(ReplicaPassword),
		"PASSWORD-OF-THE-SENTINELS", SentinelPassword, "PASSWORD-OF-THE-REPLICAS", ReplicaPassword,
		"ADDRESS-OF-THIS-MACHINE", "127.0.0.1", "ADDRESS-OF-THE-PRIMARY", "127.0.0.1",
	).Replace(string(text))
}

// Port gives a free port of this machine.
func Port(tb Owner) int {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Sentinels starts real sentinels with the shipped files, which watch one primary. Each is a Server whose Addr is
// host:port, to be killed or frozen. They judge sooner than shipped. directives are further lines of each one's
// configuration, and win; PORT in them is its port.
func Sentinels(tb Owner, many, primaryPort int, directives ...string) []*Server {
	tb.Helper()
	var all []*Server
	for range many {
		dir, err := os.MkdirTemp("", "sentinel")
		require.NoError(tb, err)
		port, users, config := Port(tb), filepath.Join(dir, "users.acl"), filepath.Join(dir, "sentinel.conf")
		text := strings.NewReplacer(
			"port 26379", fmt.Sprint("port ", port), "127.0.0.1 6379 2",
			fmt.Sprintf("127.0.0.1 %d %d", primaryPort, many/2+1),
			"bereikbaar 3000\n", "bereikbaar 500\n", "bereikbaar 30000\n", "bereikbaar 3000\n",
			"/etc/bereikbaar/sentinel-users.acl", users,
		).Replace(filled(tb, "sentinel.conf")) + "dir " + dir + "\n" +
			strings.ReplaceAll(strings.Join(directives, "\n"), "PORT", fmt.Sprint(port)) + "\n"
		require.NoError(tb, os.WriteFile(users, []byte(filled(tb, "sentinel-users.acl")), 0o600))
		require.NoError(tb, os.WriteFile(config, []byte(text), 0o600)) // a sentinel writes to it
		s := &Server{Addr: fmt.Sprintf("127.0.0.1:%d", port), tb: tb}
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
