package manual

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/rig"
)

// TestTheManualLeadsToAWorkingNumber is an operator with a new Debian: installing, a day's work, a power cut, an
// update, and the end.
func TestTheManualLeadsToAWorkingNumber(t *testing.T) {
	o := newOperator(t)
	agent := o.installs()
	o.isPromised("0612345671")
	o.hasNotes(1)
	o.watches()
	o.changesTheConfiguration()
	o.restoresABackup()
	o.restartsEachPart(agent)
	o.losesPower(agent)
	o.updates(agent)
	o.stopsForGood(agent)
	o.removes()
	// Two parts are followed elsewhere: by the test below, and by test/keeper on a Redis that forgets.
	for _, c := range o.page.unfollowed() {
		elsewhere := slices.Contains(c.headings, "An Asterisk that is there already") || slices.Contains(
			c.headings, "redis-unsafe",
		)
		require.True(t, elsewhere, "docs/operating.md:%d is not followed: %s", c.line, c.text)
	}
}

// installs follows the twelve steps, and rings where the manual says so. It gives the phone of the contact centre that
// is logged in.
func (o *operator) installs() *rig.Agent {
	o.t.Helper()
	for _, step := range []string{
		"1. Packages, program, user", "2. Three passwords", "3. Redis", "4. Asterisk: the account and its limits",
	} {
		o.follows(o.page.under(o.t, step, "An Asterisk that is there already"))
	}
	o.follows(o.page.under(o.t, "6. The dialplan"))
	plan := o.does(`asterisk -rx "dialplan show"`)
	require.NotContains(o.t, plan, "demo", "the samples of Debian are gone")
	require.NotContains(o.t, plan, "pbx_ael")
	require.Regexp(o.t, `Default language: +nl`, o.does(`asterisk -rx "core show settings"`))

	o.configures()
	agent := o.logsIn("site/pjsip.conf")
	o.reachesTheFallback(agent)

	o.follows(o.page.under(o.t, "9. The daemon"))
	o.reachesAPerson(agent).hangsUp()
	o.follows(o.page.under(o.t, "10. The JSON API"))
	o.follows(o.page.under(o.t, "11. Prometheus and Grafana"))
	return agent
}

// configures follows the steps that end with prompts.
func (o *operator) configures() {
	o.t.Helper()
	configuration := o.page.under(o.t, "7. Configuration")
	o.follows(configuration[:1])
	o.isAlwaysOpen()
	o.follows(configuration[1:])
	o.follows(o.page.under(o.t, "8. Prompts"))
}

// isAlwaysOpen changes the configuration to a municipality that is open whenever the test runs: the change that step 7
// leaves to its reader.
func (o *operator) isAlwaysOpen() {
	o.t.Helper()
	path := filepath.Join(o.machine.Root, "etc/bereikbaar/bereikbaar.yaml")
	text, err := os.ReadFile(path)
	require.NoError(o.t, err)
	text, err = rig.Override(text, rig.AlwaysOpen())
	require.NoError(o.t, err)
	require.NoError(o.t, os.WriteFile(path, text, 0o644))
}

// watches asserts that Prometheus reads the daemon beside its former targets, and has the rules. It asks for targets
// and not for "up": a query still gives values from before a restart.
func (o *operator) watches() {
	o.t.Helper()
	const ask = "curl -fsS 127.0.0.1:9090/api/v1/"
	o.eventually("Prometheus reads the daemon, and itself as before", ask+"targets?state=active", func(
		out string,
	) bool {
		var answer struct {
			Data struct {
				ActiveTargets []struct {
					Labels map[string]string
					Health string
				}
			}
		}
		if err := json.Unmarshal([]byte(out), &answer); err != nil {
			return false
		}
		up := map[string]bool{}
		for _, target := range answer.Data.ActiveTargets {
			up[target.Labels["job"]] = target.Health == "up"
		}
		return up["bereikbaar"] && up["prometheus"]
	})
	require.Contains(o.t, o.does(ask+"rules"), "daemon-away")
	require.NotEmpty(o.t, o.does("cat /var/log/asterisk/cel-custom/Master.csv"), "Asterisk's own record of the calls")
}

func (o *operator) changesTheConfiguration() {
	o.t.Helper()
	o.follows(append(o.page.directly(o.t, "Day to day"), o.page.under(o.t, "Changing the configuration")...))
}

// restoresABackup takes a copy of the notes, promises another call, and puts the copy back: no promise is lost.
func (o *operator) restoresABackup() {
	o.t.Helper()
	login, keeping := o.page.directly(o.t, "Day to day"), o.page.under(o.t, "Keeping the notes")
	stop := 0
	for i, c := range keeping {
		if strings.Contains(c.text, "systemctl stop redis-server") {
			stop = i
		}
	}
	require.Positive(o.t, stop, "the manual has the restore")
	o.follows(append(login, keeping[:stop]...))
	o.isPromised("0612345672")
	o.hasNotes(2)
	o.follows(append(login, keeping[stop:]...))
	o.hasNotes(2)
}

// restartsEachPart rings after a restart of each.
func (o *operator) restartsEachPart(agent *rig.Agent) {
	o.t.Helper()
	before := o.losses()
	for _, part := range []string{"redis-server", "bereikbaar", "prometheus", "asterisk"} {
		o.does("systemctl restart " + part)
		o.isReady()
		o.reachesAPerson(agent).hangsUp()
	}
	o.hasNotes(2)
	require.Equal(o.t, before, o.losses())
}

// losses are how often Redis came back without confirmed writes: a restored backup is the only allowed cause.
func (o *operator) losses() int {
	o.t.Helper()
	return strings.Count(o.does("journalctl -u bereikbaar"), "Redis had lost")
}

func (o *operator) isReady() {
	o.t.Helper()
	o.eventually("the daemon takes calls", "curl -fsS 127.0.0.1:9570/readyz", func(string) bool { return true })
}

// losesPower ends every process at once, and starts the machine: all enabled services come back.
func (o *operator) losesPower(agent *rig.Agent) {
	o.t.Helper()
	before := o.losses()
	require.NoError(o.t, o.machine.Halt())
	require.NoError(o.t, o.machine.Boot(o.ctx))
	o.isReady()
	o.reachesAPerson(agent).hangsUp()
	o.hasNotes(2)
	o.watches()
	require.Equal(o.t, before, o.losses())
}

// updates installs a version with another goodbye, during a call.
func (o *operator) updates(agent *rig.Agent) {
	o.t.Helper()
	const running = "sha256sum < /proc/$(systemctl show --property MainPID --value bereikbaar)/exe"
	const spoken = "sha256sum < /var/lib/bereikbaar/prompts/rendered/nl/goodbye.alaw"
	before, words := o.does(running), o.does(spoken)
	o.does(`sed -i 's/^  goodbye: .*/  goodbye: Tot de volgende keer./' prompts/manifest/nl/sentences.yaml`)
	c := o.reachesAPerson(agent)
	o.follows(append(o.page.directly(o.t, "Day to day"), o.page.under(o.t, "Restarting and updating")...))
	require.NoError(o.t, c.Converse(o.soon(), agent), "nobody is cut off")
	c.hangsUp()
	require.NotEqual(o.t, before, o.does(running))
	require.NotEqual(o.t, words, o.does(spoken))
	o.reachesAPerson(agent).hangsUp()
	o.hasNotes(2)
}

// stopsForGood sends waiting callers to a person, and leaves conversations alone.
func (o *operator) stopsForGood(agent *rig.Agent) {
	o.t.Helper()
	talking := o.reachesAPerson(agent)
	n := len(agent.Calls()) + 1
	waiting := o.rings("0612345673")
	waiting.hears("nl/menu-aanvraag")
	waiting.presses("2")
	waiting.hears("music")
	o.follows(o.page.under(o.t, "Stopping for good"))
	require.NoError(o.t, talking.Converse(o.soon(), agent))
	talking.hangsUp()
	require.NoError(o.t, agent.HangUp(o.ctx, n-1), "no daemon is left to end it")
	waiting.speaksWith(agent, n)
	waiting.hangsUp()
}

// removes takes everything off the machine, which works as before.
func (o *operator) removes() {
	o.t.Helper()
	o.follows(o.page.under(o.t, "Removing it"))
	require.Empty(
		o.t,
		o.does(
			"find /usr /etc /var/lib -path /var/lib/dpkg -prune -o -iname '*bereikbaar*' ! -path '/etc/asterisk/*' -print",
		),
	)
	o.does("systemctl start redis-server && redis-cli PING && ! getent passwd bereikbaar")
}
