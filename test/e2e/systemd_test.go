package e2e

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/rig"
)

// serviceManager receives a service's messages to systemd (sd_notify(3)).
type serviceManager struct {
	conn *net.UnixConn

	mu   sync.Mutex
	told []notification
}

type notification struct {
	text string
	at   time.Time
}

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify-") //nolint:usetesting // short: the name of a socket may have 107 bytes
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	require.NoError(t, err)
	m := &serviceManager{conn: conn}
	done := make(chan struct{})
	go func() { defer close(done); m.listen() }()
	t.Cleanup(func() { conn.Close(); <-done })
	return m
}

func (m *serviceManager) listen() {
	buf := make([]byte, 4096)
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			return
		}
		m.mu.Lock()
		m.told = append(m.told, notification{string(buf[:n]), time.Now()})
		m.mu.Unlock()
	}
}

// environment is that of a service with Type=notify and WatchdogSec=15.
func (m *serviceManager) environment() []string {
	return []string{"NOTIFY_SOCKET=" + m.conn.LocalAddr().String(), "WATCHDOG_USEC=15000000"}
}

// heard counts the messages with the text after a moment.
func (m *serviceManager) heard(text string, after time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, told := range m.told {
		if told.text == text && told.at.After(after) {
			n++
		}
	}
	return n
}

// await waits for a message with the text after a moment.
func (m *serviceManager) await(s *scene, text string, after time.Time) {
	s.t.Helper()
	s.eventually("systemd hears "+text, func() error {
		if m.heard(text, after) == 0 {
			return context.DeadlineExceeded
		}
		return nil
	})
}

func TestSystemdHearsReadyWatchdogAndStopping(t *testing.T) {
	manager := newServiceManager(t)
	s := open(t, nil)
	require.NoError(t, s.Daemon.Stop())
	require.NoError(t, s.Asterisk.Stop())
	s.Daemon.Env = manager.environment()

	begin := time.Now()
	require.NoError(t, s.Daemon.Launch())
	manager.await(s, "WATCHDOG=1", begin)
	require.Zero(t, manager.heard("READY=1", begin), "without Asterisk it takes no calls")
	require.NoError(t, s.Asterisk.Start(s.ctx))
	manager.await(s, "READY=1", begin)

	require.NoError(t, s.Daemon.Process().Freeze())
	frozen := time.Now()
	// Only time shows that no message comes: three turns of the watchdog.
	silence, cancel := context.WithTimeout(s.ctx, 3*time.Second)
	defer cancel()
	<-silence.Done()
	require.LessOrEqual(
		t, manager.heard("WATCHDOG=1", frozen), 1, "one may have been on its way; systemd then kills it",
	)
	require.NoError(t, s.Daemon.Process().Thaw())
	manager.await(s, "WATCHDOG=1", time.Now())

	require.Zero(t, manager.heard("STOPPING=1", begin))
	require.NoError(t, s.Daemon.Stop())
	manager.await(s, "STOPPING=1", begin)
	require.Equal(t, 1, manager.heard("READY=1", begin))
}

func TestADaemonThatWasReplacedStandsByWithoutStopping(t *testing.T) {
	manager := newServiceManager(t)
	s := open(t, nil)
	require.NoError(t, s.Daemon.Stop())
	s.Daemon.Env = manager.environment()
	begin := time.Now()
	require.NoError(t, s.Daemon.Start(s.ctx))
	manager.await(s, "READY=1", begin)
	first := s.Daemon.Process()

	other, err := rig.Start(s.ctx, rig.Options{Without: []rig.Part{rig.TheRedis, rig.TheAsterisk, rig.TheDaemon}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	require.NoError(t, other.Daemon.Configure(map[string]any{
		"ari":   map[string]any{"url": "ws://" + s.Asterisk.HTTP + "/ari/events"},
		"redis": map[string]any{"address": s.Redis.Address},
	}))
	other.Daemon.ARIPassword = s.Asterisk.Password
	require.NoError(t, other.Daemon.Start(s.ctx))

	s.eventually(
		"the first is not ready any more",
		func() error { return equal(0, s.metric("bereikbaar_part_up", "part", "ari")) },
	)
	manager.await(s, "WATCHDOG=1", time.Now())
	require.True(t, first.Running())
	require.Zero(
		t, manager.heard("STOPPING=1", begin),
		"from then on systemd gives a service its TimeoutStopSec only, and standing by lasts longer",
	)
	require.NoError(t, s.Daemon.Stop())
	manager.await(s, "STOPPING=1", begin)
	require.Equal(t, 1, manager.heard("STOPPING=1", begin))
}
