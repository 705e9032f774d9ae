package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/doctor"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/townhall"
)

// examined runs the doctor, as an operator does, for the Redis of some lines of a configuration, and gives its findings
// about Redis.
func examined(t *testing.T, lines string) map[doctor.Verdict]string {
	t.Helper()
	t.Setenv("BEREIKBAAR_ARI_PASSWORD", "not-asked-for")
	t.Setenv("BEREIKBAAR_REDIS_PASSWORD", redistest.Password)
	t.Setenv("BEREIKBAAR_REDIS_SENTINEL_PASSWORD", redistest.Password)
	out := new(strings.Builder)
	cmd := root(io.Discard)
	cmd.SetOut(out)
	cmd.SetArgs([]string{"doctor", "--json", "--asterisk-etc", t.TempDir(), "--config", townhall.Written(
		t, townhall.YAML, "agents:", "redis:\n"+lines+"agents:",
	)})
	require.Error(t, cmd.ExecuteContext(t.Context()), "Asterisk is not there")
	var report doctor.Report
	require.NoError(t, json.Unmarshal([]byte(out.String()), &report), out)
	said := map[doctor.Verdict]string{}
	for _, f := range report.Findings {
		if strings.HasPrefix(f.Check, "redis") && f.Check != "redis rewrite" {
			require.True(t, f.Mend != "" || f.Verdict == doctor.OK, "%v", f)
			said[f.Verdict] += f.Check + ": " + f.Text + " -> " + f.Mend + "\n"
		}
	}
	return said
}

// Every known mistake in the setup of Redis is named, with its mend, and nothing else is called wrong because of it.
func TestTheDoctorFindsARedisThatIsSetUpWrong(t *testing.T) {
	const due = "bereikbaar:{deventer}:due:kcc"
	for name, test := range map[string]struct {
		directives []string
		spoil      func(s *redistest.Server)
		verdict    doctor.Verdict
		says       []string
	}{
		"CONFIG is taken away": {
			directives: []string{`rename-command CONFIG ""`}, verdict: doctor.Warning,
			says: []string{
				"redis: appendfsync: this Redis has no CONFIG", "cannot be checked", "rename-command CONFIG",
			},
		},
		"a command that notes need is": {
			directives: []string{`rename-command ZRANGE ""`}, verdict: doctor.Wrong,
			says: []string{"redis: rights: the Redis user may not run ZRANGE", "rename-command"},
		},
		"its log is flushed at ease": {
			directives: []string{"appendfsync everysec"}, verdict: doctor.Wrong,
			says: []string{`appendfsync: it is "everysec"`},
		},
		"it is a cache": {
			directives: []string{"maxmemory-policy allkeys-lru"}, verdict: doctor.Wrong,
			says: []string{"maxmemory-policy"},
		},
		"it is a replica": {
			directives: []string{"replicaof 127.0.0.1 1"}, verdict: doctor.Wrong, says: []string{"role", "primary"},
		},
		"junk in a list": {
			spoil: func(s *redistest.Server) {
				s.Do("SADD", "bereikbaar:{deventer}:teams", "kcc")
				s.Do("ZADD", due, 1, "rommel")
			},
			verdict: doctor.Warning,
			says: []string{
				"redis contents: key " + due + ": has an entry of 6 bytes that is no note's id", "ZREM " + due,
			},
		},
		"a note that is gone": {spoil: func(s *redistest.Server) {
			s.Do("SADD", "bereikbaar:{deventer}:teams", "kcc")
			s.Do("ZADD", due, 1, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB")
		}, verdict: doctor.Wrong, says: []string{
			"names note 01JD5V3Z5QXKZ9W7M2R4T6Y8AB, which is not there", "lost note",
		}},
		"a list of another type": {
			spoil: func(
				s *redistest.Server,
			) {
				s.Do("SADD", "bereikbaar:{deventer}:teams", "kcc")
				s.Do("SET", due, "x")
			},
			verdict: doctor.Wrong, says: []string{due, "the wrong type"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, test.directives...)
			if test.spoil != nil {
				test.spoil(server)
			}
			said := examined(t, "  address: "+server.Addr+"\n  username: "+redistest.User+"\n")
			for _, text := range test.says {
				require.Contains(t, said[test.verdict], text, "%v", said)
			}
			if test.verdict == doctor.Warning {
				require.Empty(t, said[doctor.Wrong])
			}
		})
	}
}

func TestTheDoctorFindsAWayToRedisThatIsSetUpWrong(t *testing.T) {
	v := openVault(t, "127.0.0.1", time.Now().Add(time.Hour))
	other := redistest.NewAuthority(t, t.TempDir())
	sentinels := redistest.Sentinels(t, 1, redistest.Port(t))
	nobody := redistest.Port(t)
	lines := func(name, sentinel string) string {
		return fmt.Sprintf(
			"  username: bereikbaar\n  sentinel: {addresses: [%q], master: %s, username: bereikbaar}\n", sentinel, name,
		)
	}
	for name, test := range map[string]struct{ lines, says string }{
		"an authority that has not signed": {
			v.lines("tls_ca_file") + "  tls_ca_file: " + other.File + "\n", "redis.tls_ca_file",
		},
		"no authority": {v.lines("tls_ca_file"), "redis.tls_ca_file"},
		"no client certificate": {
			v.lines("tls_certificate_file", "tls_key_file"), "redis.tls_certificate_file",
		},
		"another name":    {v.lines() + "  tls_server_name: redis.test\n", "redis.tls_server_name"},
		"another primary": {lines("zwolle", sentinels[0].Addr), "redis.sentinel.master"},
		"sentinels that are not there": {
			lines("bereikbaar", fmt.Sprintf("127.0.0.1:%d", nobody)),
			"do the sentinels run, and is redis.sentinel right",
		},
		"a primary that nobody can reach": {lines("bereikbaar", sentinels[0].Addr), "connection"},
		"a plain connection to a TLS port": {
			v.lines("tls", "tls_ca_file", "tls_certificate_file", "tls_key_file"), "connection",
		},
		"sentinels that want no encryption": {
			v.lines("address", "username") + strings.Replace(
				lines("bereikbaar", sentinels[0].Addr), "}", ", tls: true}", 1,
			),
			"is redis.sentinel right: addresses, tls?",
		},
	} {
		t.Run(name, func(t *testing.T) {
			said := examined(t, test.lines)
			require.Contains(t, said[doctor.Wrong], "redis: connection: ")
			require.Contains(t, said[doctor.Wrong], test.says)
			require.NotContains(t, fmt.Sprint(said), redistest.Password)
		})
	}
}
