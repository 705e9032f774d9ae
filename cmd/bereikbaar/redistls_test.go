package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/daemon"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/townhall"
)

// vault is a Redis that speaks TLS only, with an authority of its own, and asks for a client certificate.
type vault struct {
	t         *testing.T
	authority *redistest.Authority
	redis     *redistest.Server
	port      int
	certs     [2]string // of a client
}

func openVault(t *testing.T, host string, until time.Time) *vault {
	t.Helper()
	t.Setenv("BEREIKBAAR_ARI_PASSWORD", "not-asked-for")
	t.Setenv("BEREIKBAAR_REDIS_PASSWORD", redistest.Password)
	v := &vault{t: t, authority: redistest.NewAuthority(t, t.TempDir()), port: redistest.Port(t)}
	certificate, key := v.authority.Sign("redis", host, until)
	v.certs[0], v.certs[1] = v.authority.Sign("client", "bereikbaar", time.Now().Add(time.Hour))
	v.redis = redistest.Start(t, fmt.Sprintf(
		"tls-port %d", v.port,
	), "bind 127.0.0.1", "tls-cert-file "+certificate, "tls-key-file "+key,
		"tls-ca-cert-file "+v.authority.File, "tls-auth-clients yes")
	return v
}

// lines are those of the configuration that fit, without those whose keys are left out.
func (v *vault) lines(without ...string) string {
	lines := []string{
		fmt.Sprintf("address: \"127.0.0.1:%d\"", v.port), "username: " + redistest.User, "tls: true",
		"tls_ca_file: " + v.authority.File,
		"tls_certificate_file: " + v.certs[0], "tls_key_file: " + v.certs[1],
	}
	text := ""
	for _, line := range lines {
		key, _, _ := strings.Cut(line, ":")
		if !strings.Contains(" "+strings.Join(without, " ")+" ", " "+key+" ") {
			text += "  " + line + "\n"
		}
	}
	return text
}

func (v *vault) config(lines string) (*config.Config, error) {
	return config.Load(townhall.Written(v.t, townhall.YAML, "agents:", "redis:\n"+lines+"agents:"), os.Getenv)
}

func (v *vault) open(lines string) *redisstore.Store {
	v.t.Helper()
	cfg, err := v.config(lines)
	require.NoError(v.t, err)
	s := redisstore.Open(daemon.RedisOptions(cfg.Redis))
	v.t.Cleanup(func() { s.Close() })
	return s
}

// answers asks until the store answers: a busy machine may need more than a request gets.
func (v *vault) answers(s *redisstore.Store) {
	v.t.Helper()
	var err error
	require.Eventually(
		v.t, func() bool { err = s.Ping(v.t.Context()); return err == nil }, 30*time.Second, 20*time.Millisecond, "%v",
		err,
	)
}

// refuses asks until the store gives the fault, and not that the machine is busy.
func (v *vault) refuses(s *redisstore.Store, mend string) {
	v.t.Helper()
	var err error
	require.Eventually(v.t, func() bool {
		err = s.Ping(v.t.Context())
		return err != nil && !strings.Contains(err.Error(), "in time")
	}, 30*time.Second, 20*time.Millisecond)
	require.ErrorIs(v.t, err, note.ErrStoreDown)
	require.ErrorContains(v.t, err, mend)
}

func TestARedisWithAnAuthorityOfItsOwnAndClientCertificates(t *testing.T) {
	v := openVault(t, "127.0.0.1", time.Now().Add(time.Hour))
	s := v.open(v.lines())
	v.answers(s)
	require.NoError(t, s.TakesWrites(t.Context()))

	v.redis.Restart() // connections that broke while nothing was asked fail no request
	v.answers(s)

	v.refuses(v.open(v.lines("tls_ca_file")), "redis.tls_ca_file")
	v.refuses(v.open(v.lines("tls_certificate_file", "tls_key_file")), "redis.tls_certificate_file")
	other := redistest.NewAuthority(t, t.TempDir())
	certificate, key := other.Sign("client", "bereikbaar", time.Now().Add(time.Hour))
	v.refuses(
		v.open(
			v.lines(
				"tls_certificate_file", "tls_key_file",
			)+"  tls_certificate_file: "+certificate+"\n  tls_key_file: "+key+"\n",
		),
		"tls-ca-cert-file",
	)
	v.refuses(v.open(v.lines("tls_ca_file")+"  tls_ca_file: "+other.File+"\n"), "redis.tls_ca_file")
}

func TestACertificateOfRedisThatDoesNotFit(t *testing.T) {
	late := openVault(t, "127.0.0.1", time.Now().Add(-time.Hour))
	late.refuses(late.open(late.lines()), "out of date")
	named := openVault(t, "redis.deventer.test", time.Now().Add(time.Hour))
	named.refuses(named.open(named.lines()), "redis.tls_server_name")
	named.answers(named.open(named.lines() + "  tls_server_name: redis.deventer.test\n"))
	plain := openVault(t, "127.0.0.1", time.Now().Add(time.Hour))
	plain.redis.Restart(fmt.Sprintf("port %d", plain.port), "tls-port 0")
	plain.refuses(plain.open(plain.lines()), "no TLS is spoken at this port")
}

// Certificates are renewed while the daemon runs: the next connection uses them. A half-written one is not used.
func TestNewCertificatesCountFromTheNextConnection(t *testing.T) {
	v := openVault(t, "127.0.0.1", time.Now().Add(time.Hour))
	s := v.open(v.lines())
	v.answers(s)
	again := redistest.NewAuthority(t, t.TempDir()) // all is replaced
	certificate, key := again.Sign("redis", "127.0.0.1", time.Now().Add(time.Hour))
	v.redis.Restart("tls-cert-file "+certificate, "tls-key-file "+key, "tls-ca-cert-file "+again.File)
	v.refuses(s, "redis.tls_ca_file")
	mine, mineKey := again.Sign("client", "bereikbaar", time.Now().Add(time.Hour))
	for from, to := range map[string]string{again.File: v.authority.File, mine: v.certs[0], mineKey: v.certs[1]} {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, text, 0o600))
	}
	v.answers(s)
	require.NoError(t, os.WriteFile(v.certs[1], []byte("half"), 0o600))
	v.redis.Restart()
	v.answers(s)
	require.Contains(t, fmt.Sprint(s.Check(t.Context())), "redis.tls_key_file", "but it is told")
}

func TestSentinelsThatSpeakTLS(t *testing.T) {
	v := openVault(t, "127.0.0.1", time.Now().Add(time.Hour))
	certificate, key := v.authority.Sign("sentinel", "127.0.0.1", time.Now().Add(time.Hour))
	sentinels := redistest.Sentinels(t, 1, v.port, "port 0", "tls-port PORT", "tls-replication yes",
		"tls-cert-file "+certificate, "tls-key-file "+key, "tls-ca-cert-file "+v.authority.File, "tls-auth-clients yes")
	t.Setenv("BEREIKBAAR_REDIS_SENTINEL_PASSWORD", redistest.Password)
	sentinel := fmt.Sprintf(
		"  sentinel: {addresses: [%q], master: bereikbaar, username: bereikbaar, tls: true}\n", sentinels[0].Addr,
	)
	s := v.open(v.lines("address") + sentinel)
	v.answers(s)
	require.NoError(t, s.TakesWrites(t.Context()))
	v.refuses(v.open(v.lines("address", "tls_certificate_file", "tls_key_file")+sentinel), "redis.tls_certificate_file")
	v.refuses(
		v.open(v.lines("address")+strings.Replace(sentinel, ", tls: true", "", 1)),
		"is redis.sentinel right: addresses, tls?",
	)
}

func TestFilesOfTLSThatCannotBeUsedAreNamedAtTheStart(t *testing.T) {
	v := openVault(t, "127.0.0.1", time.Now().Add(time.Hour))
	empty := t.TempDir() + "/empty"
	require.NoError(t, os.WriteFile(empty, []byte("no PEM\n"), 0o600))
	open := t.TempDir() + "/open"
	text, err := os.ReadFile(v.certs[1])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(open, text, 0o600))
	require.NoError(t, os.Chmod(open, 0o644))
	_, strange := v.authority.Sign("other", "other", time.Now().Add(time.Hour))
	for name, test := range map[string]struct{ lines, what, mend string }{
		"an authority that is not there": {
			v.lines("tls_ca_file") + "  tls_ca_file: /nowhere/ca.pem\n",
			"redis.tls_ca_file: \"/nowhere/ca.pem\": it cannot be opened", "name a file",
		},
		"one without a certificate": {
			v.lines("tls_ca_file") + "  tls_ca_file: " + empty + "\n", "holds no certificate", "in PEM",
		},
		"a key that all can read": {
			v.lines("tls_key_file") + "  tls_key_file: " + open + "\n",
			"it can be read by others than its owner (mode 0644)", "chmod 0400 or 0600",
		},
		"another's key": {
			v.lines("tls_key_file") + "  tls_key_file: " + strange + "\n", "are no pair", "its own key",
		},
		"no key": {
			v.lines("tls_key_file"), "redis.tls_certificate_file: there is no key for it", "tls_key_file",
		},
		"no certificate": {
			v.lines("tls_certificate_file"), "redis.tls_key_file: there is no certificate for it",
			"tls_certificate_file",
		},
		"without TLS": {
			v.lines("tls"), "it counts only for a connection that is encrypted", "redis.tls: true",
		},
		"a socket": {
			v.lines("address") + "  address: /run/redis/s\n", "Redis does not encrypt a unix socket", "host:port",
		},
		"an address beside sentinels": {
			v.lines() + "  sentinel: {addresses: [\"127.0.0.1:26379\"], master: deventer}\n",
			"redis.address: it does not count beside redis.sentinel", "leave one",
		},
	} {
		_, err := v.config(test.lines)
		require.ErrorContains(t, err, test.what, name)
		require.ErrorContains(t, err, test.mend, name)
	}
	out := new(strings.Builder)
	cmd := root(io.Discard)
	cmd.SetOut(out)
	cmd.SetArgs([]string{"doctor", "--config", townhall.Written(
		t, townhall.YAML, "agents:", "redis:\n"+v.lines("tls_key_file")+"  tls_key_file: "+open+"\nagents:",
	)})
	require.Error(t, cmd.ExecuteContext(t.Context()))
	require.Contains(t, out.String(), "redis.tls_key_file")
}
