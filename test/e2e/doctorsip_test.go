package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/doctor"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// setUpWrong is a configuration that an existing Asterisk may have; each line is a way in for an attacker.
const setUpWrong = `
[global](+)
endpoint_identifier_order = ip,username
ignore_uri_user_options = no

[bereikbaar-replaces](+type=identify)
match_header = X-Other: y

[trunk](+type=endpoint)
identify_by = username,ip
trust_id_inbound = no
allow_transfer = yes
send_connected_line = yes

[trunk](+type=identify)
match = 10.0.0.0/8
match = 192.0.2.0/20

[second]
type = endpoint
context = from-trunk
trust_id_inbound = yes

[second]
type = identify
endpoint = second
match = 0.0.0.0/0

[kcc1](+type=endpoint)
trust_id_inbound = yes
device_state_busy_at = 0

[kcc1](+type=aor)
qualify_frequency = 0

[open]
type = endpoint
context = from-trunk
`

func TestTheDoctorNamesEachLineThatAnAsteriskLacks(t *testing.T) {
	s := openWith(t, rig.Options{Config: rig.AlwaysOpen(), AsteriskExtra: map[string]string{
		"pjsip.conf": setUpWrong, "extensions.conf": "[elsewhere]\nexten => kcc1,1,Dial(PJSIP/kcc1,30)\n" +
			"exten => 140570,1,Stasis(bereikbaar,caller,${EXTEN},${CALLERID(num-pres)})\n",
	}})
	report, content := s.doctor()
	require.False(t, content)
	wrong := s.wrongs(report)
	require.Contains(t, wrong["dialplan"], "Dial()")
	require.Contains(t, wrong["dialplan"], "past [bereikbaar]")
	require.NotContains(t, wrong["dialplan"], "of this version", "the rest is as it is shipped")
	for _, line := range []string{
		"endpoint_identifier_order of [global] is ip,username: ",
		"match_header of [bereikbaar-replaces], the one of type identify is X-Other: y: ",
		"identify_by of [second], [trunk] is username,ip: anybody can be the trunk",
		"trust_id_inbound of [trunk] is no: ",
		"allow_transfer of [second], [trunk] is yes: ",
		"identify_by of [open] is username,ip: anybody can be it",
		"trust_id_inbound of the phone of kcc1 is yes: ",
		"match of [trunk] takes 10.0.0.0/8, half the world",
		"match of [second] takes 0.0.0.0/0, half the world",
	} {
		require.Contains(t, wrong["sip"], line)
	}
	for _, line := range []string{
		"ignore_uri_user_options of [global] is no: ",
		"send_connected_line of [second], [trunk] is yes: ",
		"trust_connected_line of [second] is yes: ",
		"match of [trunk] takes 192.0.0.0/20",
		"device_state_busy_at of the phone of kcc1 is 0: ",
		"qualify_frequency of the log-in of kcc1 is 0: ",
		// as the rig's phones need it
		"rewrite_contact of the phone of kcc1, the phone of kcc2, the phone of verg1, the phone of verg2 is no: ",
	} {
		require.Contains(t, textOf(report, "sip"), line)
	}
	require.NotContains(t, textOf(report, "sip"), "cannot be told")
	for _, f := range report.Findings {
		if f.Check == "sip" && f.Verdict == doctor.Wrong {
			require.Contains(t, f.Mend, "pjsip.conf")
		}
	}
}
