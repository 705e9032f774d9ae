package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/doctor"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// doctor runs the doctor on the rig, and tells whether it found the installation healthy.
func (s *scene) doctor() (doctor.Report, bool) {
	s.t.Helper()
	output, err := s.Daemon.Run(
		s.ctx, "doctor", "--json", "--config", s.Daemon.ConfigFile, "--asterisk-etc", s.asteriskEtc(),
	)
	var report doctor.Report
	require.NoError(s.t, json.Unmarshal([]byte(output), &report), output)
	require.NotContains(s.t, output, s.Asterisk.Password)
	return report, err == nil
}

func (s *scene) asteriskEtc() string { return filepath.Join(s.Dir, "asterisk", "etc") }

// wrongs are the failed checks with their texts; each has a mend.
func (s *scene) wrongs(report doctor.Report) map[string]string {
	s.t.Helper()
	wrong := map[string]string{}
	for _, f := range report.Findings {
		if f.Verdict == doctor.Wrong {
			require.NotEmpty(s.t, f.Mend, f.Text)
			wrong[f.Check] += f.Text + "\n"
		}
	}
	return wrong
}

// ails asserts that exactly these checks fail, given as check, part of the text, check, part, ….
func (s *scene) ails(expected ...string) {
	s.t.Helper()
	report, content := s.doctor()
	require.False(s.t, content, "the doctor exits 0")
	wrong := s.wrongs(report)
	for i := 0; i < len(expected); i += 2 {
		require.Contains(s.t, wrong[expected[i]], expected[i+1], "%v", report)
		delete(wrong, expected[i])
	}
	require.Empty(s.t, wrong)
}

func TestTheDoctorFindsAHealthyInstallationHealthy(t *testing.T) {
	s := open(t, nil)
	s.agent("kcc1", rig.Behaviour{})
	report, content := s.doctor()
	require.True(t, content, "%v", report)
	require.Empty(t, s.wrongs(report))
	for _, check := range []string{
		"configuration", "asterisk", "asterisk limits", "dialplan", "application", "phones", "callbacks", "keys",
		"call records", "menus", "daemon", "api",
	} {
		require.Contains(t, checksWith(report, doctor.OK), check, "%v", report)
	}
	verdict := doctor.OK
	if strings.HasPrefix(textOf(report, "redis"), "latency: ") { // a busy machine's Redis is slow indeed
		verdict = doctor.Warning
	}
	require.Contains(t, checksWith(report, verdict), "redis", "%v", report)
	require.Contains(t, textOf(report, "phones"), "1 of 4 are online")
	require.NotEmpty(t, textOf(report, "clock"))
	require.Contains(t, textOf(report, "keys"), "on PJSIP/trunk they are heard as RTP events where it offers them")
	require.Len(t, strings.Split(strings.TrimSpace(textOf(report, "keys")), "\n"), 1, "phones are no trunks")

	s.eventually("the doctor leaves no application behind", func() error {
		text, err := s.Asterisk.CLI(s.ctx, "ari show apps")
		if err == nil && strings.Contains(text, "doctor") {
			t.Log(text)
			err = os.ErrExist
		}
		return err
	})
	c := s.rings(rig.CallerOptions{})
	c.hears("nl/menu-aanvraag") // the doctor did not take the daemon's calls
	c.hangsUp()
	s.atRest()
}

func checksWith(report doctor.Report, verdict doctor.Verdict) []string {
	var checks []string
	for _, f := range report.Findings {
		if f.Verdict == verdict {
			checks = append(checks, f.Check)
		}
	}
	return checks
}

func textOf(report doctor.Report, check string) string {
	var text string
	for _, f := range report.Findings {
		if f.Check == check {
			text += f.Text + "\n"
		}
	}
	return text
}

func TestTheDoctorNamesWhatIsBrokenWhileTheDaemonRuns(t *testing.T) {
	s := open(t, nil)

	password := s.Daemon.ARIPassword
	s.Daemon.ARIPassword = "niet-het-goede-4711"
	s.ails("asterisk", "refuses the password")
	s.Daemon.ARIPassword = password

	for setting, bad := range map[string]string{"appendfsync": "everysec", "maxmemory-policy": "allkeys-lru"} {
		good, err := s.Redis.CLI(s.ctx, "CONFIG", "GET", setting)
		require.NoError(t, err)
		_, err = s.Redis.CLI(s.ctx, "CONFIG", "SET", setting, bad)
		require.NoError(t, err)
		s.ails("redis", setting+": it is \""+bad+"\"")
		_, err = s.Redis.CLI(s.ctx, "CONFIG", "SET", setting, strings.Split(good, "\n")[1])
		require.NoError(t, err)
	}

	users, err := redistest.ShippedUsers()
	require.NoError(t, err)
	require.NoError(t, s.Redis.SetUsers(strings.Replace(
		users, "user default off resetpass ~* &* +@all", "user default off resetpass -@all", 1,
	)))
	s.ails("redis durability", "what a script writes is gone after a restart")
	require.NoError(t, s.Redis.SetUsers(users))

	ari := filepath.Join(s.asteriskEtc(), "ari.conf")
	text, err := os.ReadFile(ari)
	require.NoError(t, err)
	require.NoError(
		t,
		os.WriteFile(
			ari, []byte(strings.Replace(string(text), "websocket_write_timeout", ";websocket_write_timeout", 1)), 0o600,
		),
	)
	s.ails("asterisk limits", "websocket_write_timeout is 100")
	require.NoError(t, os.WriteFile(ari, text, 0o600))

	report, content := s.doctor()
	require.True(t, content, "%v", report)
	s.atRest()
}

func TestTheDoctorNamesHowKeysAreHeardOnTheTrunk(t *testing.T) {
	s := openWith(t, rig.Options{
		Config:        rig.AlwaysOpen(),
		AsteriskExtra: map[string]string{"site/pjsip.conf": "[trunk](+type=endpoint)\ndtmf_mode = rfc4733\n"},
	})
	report, _ := s.doctor()
	require.Contains(t, checksWith(report, doctor.Warning), "keys", "%v", report)
	require.Contains(t, textOf(report, "keys"), "on PJSIP/trunk they are heard as RTP events and INFO only")
}

func TestTheDoctorNamesPartsThatAreAway(t *testing.T) {
	s := open(t, nil)
	require.NoError(t, s.Redis.Process().Freeze())
	report, _ := s.doctor()
	require.Contains(t, s.wrongs(report)["redis"], "connection")
	require.NoError(t, s.Redis.Process().Thaw())

	require.NoError(t, s.Daemon.Process().Freeze())
	report, _ = s.doctor()
	require.Contains(t, s.wrongs(report)["daemon"], "is stuck")
	require.NoError(t, s.Daemon.Process().Thaw())

	require.NoError(t, s.Daemon.Stop())
	s.ails("daemon", "does not answer", "application", "is not registered")
	require.NoError(t, s.Asterisk.Process().Freeze())
	s.ails("daemon", "does not answer", "asterisk", "ARI does not answer")
	require.NoError(t, s.Asterisk.Process().Thaw())
	require.NoError(t, s.Asterisk.Stop())
	s.ails("daemon", "does not answer", "asterisk", "ARI does not answer")
	require.NoError(t, s.Redis.Stop())
	s.ails("daemon", "does not answer", "asterisk", "ARI does not answer", "redis", "connection")
}

func TestTheDoctorNamesWhatIsWrongWithTheConfiguration(t *testing.T) {
	s := open(t, nil)
	fatima := map[string]any{
		"agents":    map[string]any{"fatima": map[string]any{"endpoint": "PJSIP/nergens"}},
		"prompts":   map[string]any{"directory": t.TempDir(), "asterisk_directory": nil},
		"callbacks": map[string]any{"dial": "PJSIP/{number}@nergens"},
		"web":       map[string]any{"tokens_file": filepath.Join(t.TempDir(), "tokens.yaml")},
		"teams":     map[string]any{"kcc": map[string]any{"members": []string{"kcc1", "kcc2", "fatima"}}},
	}
	require.NoError(t, s.Daemon.Configure(rig.Overrides(rig.AlwaysOpen(), fatima)))
	report, content := s.doctor()
	require.False(t, content)
	wrong := s.wrongs(report)
	require.Contains(t, wrong["phones"], "fatima")
	require.NotContains(t, wrong["phones"], "kcc1")
	require.Contains(t, wrong["prompts"], "do not hear")
	require.Contains(t, wrong["callbacks"], "nobody can be put through")
	require.Contains(t, wrong["api"], "tokens.yaml")
	require.Len(t, wrong, 4, "%v", report)

	require.NoError(
		t, s.Daemon.Configure(map[string]any{"unknown": map[string]any{"first": map[string]any{"team": "0612345678"}}}),
	)
	report, content = s.doctor()
	require.False(t, content)
	require.Contains(t, textOf(report, "configuration"), "unknown.first.team")
	require.NotContains(t, textOf(report, "configuration"), "0612345678")
	require.Equal(
		t, []string{"configuration"}, checksWith(report, doctor.Wrong), "checks that depend on it are left out",
	)
}
