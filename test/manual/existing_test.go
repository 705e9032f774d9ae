package manual

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// theirs is an existing Asterisk: Debian's, with a dialplan and a number of its own, and trunk and phones as
// deploy/asterisk/README.md asks.
const theirs = `apt-get install --yes --no-install-recommends asterisk asterisk-core-sounds-en-gsm asterisk-moh-opsound-wav
cat >>/etc/asterisk/pjsip.conf <<END

[global]
type = global
endpoint_identifier_order = header,ip,username
ignore_uri_user_options = yes

[transport-udp]
type = transport
protocol = udp
bind = 192.0.2.10:5060

[trunk]
type = endpoint
context = incoming
identify_by = ip
disallow = all
allow = alaw
dtmf_mode = auto
transport = transport-udp
aors = trunk
trust_id_inbound = yes
trust_connected_line = no
allow_transfer = no

[trunk]
type = aor
contact = sip:198.51.100.20:5060

[trunk]
type = identify
endpoint = trunk
match = 198.51.100.20

END
sed -n '/^\[bereikbaar-replaces\]/,/^$/p' deploy/asterisk/pjsip.conf >>/etc/asterisk/pjsip.conf
for phone in kcc1 kcc2 verg1 verg2; do
  cat >>/etc/asterisk/pjsip.conf <<END

[$phone]
type = endpoint
context = colleagues
disallow = all
allow = alaw
transport = transport-udp
auth = $phone
aors = $phone
identify_by = username
dtmf_mode = auto
rewrite_contact = yes
device_state_busy_at = 1

[$phone]
type = aor
max_contacts = 1
qualify_frequency = 30

[$phone]
type = auth
auth_type = digest
username = $phone
password = of-their-own
END
done
cat >/etc/asterisk/extensions.conf <<'END'
[incoming]
exten => 0570000000,1,Hangup()

[colleagues]
exten => kcc1,1,Dial(PJSIP/kcc1,30,i)
END
systemctl restart asterisk
asterisk -rx "core waitfullybooted"
`

func TestTheManualFitsAnAsteriskThatIsThereAlready(t *testing.T) {
	o := newOperator(t)
	o.follows(o.page.under(t, "1. Packages, program, user"))
	o.does(theirs)
	for _, step := range []string{
		"2. Three passwords", "3. Redis", "An Asterisk that is there already", "6. The dialplan",
	} {
		o.follows(o.page.under(t, step))
	}
	plan := o.does(`asterisk -rx "dialplan show incoming"`)
	require.Contains(t, plan, "0570000000", "their numbers stay")
	o.configures()
	agent := o.logsIn("pjsip.conf")
	o.reachesTheFallback(agent)
	o.follows(o.page.under(t, "9. The daemon"))
	o.reachesAPerson(agent).hangsUp()
}
