package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bereikbaar/bereikbaar/asterisk"
)

// role is what an object of PJSIP is to Bereikbaar.
type role string

const (
	roleGlobal   role = "global"
	roleTrunk    role = "trunk"
	rolePhone    role = "phone"
	roleLogin    role = "login"    // where a phone logs in: its AOR
	roleOther    role = "other"    // another endpoint that asks for no password
	roleReplaces role = "replaces" // the endpoint for INVITEs with Replaces
	roleMatch    role = "match"    // the section that sends them there
	roleAddress  role = "address"  // the addresses of a trunk: see judgeAddresses
)

// replacesName is that endpoint in deploy/asterisk/pjsip.conf.
const replacesName = "bereikbaar-replaces"

// anything is the wanted value when any will do.
const anything = "(set)"

// setting is a line of deploy/asterisk/pjsip.conf, with the effect of its absence. A test holds the two together.
type setting struct {
	role      role
	key, want string
	verdict   Verdict
	follows   string
}

// settings are compared with those in effect in Asterisk, from any file.
var settings = []setting{
	{
		roleGlobal, "endpoint_identifier_order", "header,ip,username", Wrong,
		"an INVITE with Replaces takes over a call that somebody else has",
	},
	{
		roleGlobal, "ignore_uri_user_options", "yes", Warning,
		"numbers with parameters of the network, such as 140570;phone-context=+31, are not recognised",
	},

	{roleReplaces, "identify_by", "header", Wrong, "an INVITE with Replaces takes over a call that somebody else has"},
	{roleReplaces, "context", "bereikbaar-nowhere", Wrong, "an INVITE with Replaces leads into the dialplan"},
	{
		roleReplaces, "acl", anything, Wrong,
		"an INVITE with Replaces takes over a call that somebody else has: deny = 0.0.0.0/0 is missing",
	},
	{
		roleMatch, "match_header", "Replaces: /./", Wrong,
		"an INVITE with Replaces takes over a call that somebody else has",
	},

	{roleTrunk, "identify_by", "ip", Wrong, "anybody can be the trunk by its name, and say who calls"},
	{roleTrunk, "trust_id_inbound", "yes", Wrong, "callers are known by what their own telephone says"},
	{
		roleTrunk, "trust_connected_line", "no", Warning,
		"a number that was withheld may come to an agent's telephone during the call",
	},
	{roleTrunk, "allow_transfer", "no", Wrong, "the other side can send calls anywhere that the dialplan reaches"},
	{roleTrunk, "allow_subscribe", "no", Warning, "the other side can ask which phones are in use"},
	{roleTrunk, "send_connected_line", "no", Warning, "callers are told which employee they talk to"},
	{roleTrunk, "send_pai", "yes", Warning, "the provider is not told which number calls"},
	{roleTrunk, "allow", "alaw,g722", Warning, "sound is transcoded, or there is none"},
	{roleTrunk, "dtmf_mode", "auto", Warning, "keys of callers may not be heard"},
	{roleTrunk, "direct_media", "no", Warning, "sound may go past Asterisk, and not arrive"},
	{roleTrunk, "rtp_symmetric", "yes", Warning, "sound may not find its way back"},
	{roleTrunk, "language", "nl", Warning, "the fallback speaks another language"},
	{roleTrunk, "device_state_busy_at", "0", Warning, "the trunk counts as busy with one call"},

	{roleOther, "identify_by", "ip", Wrong, "anybody can be it by its name: it asks for no password"},

	{rolePhone, "auth", anything, Wrong, "anybody can be that phone: it has no password"},
	{rolePhone, "identify_by", "username", Warning, "a call can count as that phone's without its account"},
	{rolePhone, "trust_id_inbound", "no", Wrong, "a phone can say that somebody else calls"},
	{rolePhone, "trust_id_outbound", "yes", Warning, "phones do not show the caller"},
	{rolePhone, "send_pai", "yes", Warning, "phones do not show the caller"},
	{
		rolePhone, "send_diversion", "no", Warning,
		"phones show the number that forwarded the call, even when it was withheld",
	},
	{rolePhone, "rewrite_contact", "yes", Warning, "a phone behind another network's address cannot be rung"},
	{rolePhone, "force_rport", "yes", Warning, "answers may not reach a phone behind another network's address"},
	{rolePhone, "rtp_symmetric", "yes", Warning, "sound may not reach a phone behind another network's address"},
	{rolePhone, "direct_media", "no", Warning, "sound may go past Asterisk, and not arrive"},
	{rolePhone, "allow", "alaw,g722", Warning, "sound is transcoded, or there is none"},
	{rolePhone, "dtmf_mode", "auto", Warning, "keys may not be heard"},
	{rolePhone, "device_state_busy_at", "1", Warning, "a phone that is in use is rung by the fallback"},
	{rolePhone, "language", "nl", Warning, "the fallback speaks another language"},

	{
		roleLogin, "qualify_frequency", "30", Warning,
		"a phone that has vanished counts as online, and callers wait for it",
	},
	{roleLogin, "max_contacts", "1", Warning, "a second log-in is refused, or both telephones ring"},
	{roleLogin, "remove_existing", "yes", Warning, "a telephone that was replaced keeps its successor out"},
	{roleLogin, "default_expiration", "300", Warning, "a log-in lasts longer or shorter than five minutes"},
	{roleLogin, "minimum_expiration", "30", Warning, "telephones may log in too often, or not often enough"},
	{roleLogin, "maximum_expiration", "3600", Warning, "a log-in may last longer than an hour"},
}

// object is an object of PJSIP as Asterisk has it.
type object struct {
	role    role
	section string // its name, as in [name] of pjsip.conf
	shown   string // for people: names of endpoints may be telephone numbers, so phones go by their agent
	answer
}

// askSettings asks for the objects of all settings.
func askSettings(
	ctx context.Context, about *inquiry, endpoints []asterisk.Endpoint, phones []phone, dial string,
) []object {
	ask := func(r role, kind, section, shown string) object {
		return object{r, section, shown, about.object(ctx, kind, section)}
	}
	found := []object{
		ask(roleGlobal, "global", "global", "[global]"),
		ask(roleReplaces, "endpoint", replacesName, "["+replacesName+"]"),
		ask(roleMatch, "identify", replacesName, "["+replacesName+"], the one of type identify"),
	}
	known := []string{replacesName}
	for _, p := range phones {
		if strings.Contains(p.endpoint, "@") || !strings.HasPrefix(p.endpoint, technology) {
			continue // behind another exchange
		}
		one := ask(rolePhone, "endpoint", strings.TrimPrefix(p.endpoint, technology), "the phone of "+p.agent)
		known = append(known, one.section)
		found = append(found, one)
		if login, _, _ := strings.Cut(one.values["aors"], ","); login != "" {
			found = append(found, ask(roleLogin, "aor", login, "the log-in of "+p.agent))
		}
	}
	trunk, _ := endpointOf(dial)
	byName := func(a, b asterisk.Endpoint) int { return strings.Compare(a.Resource, b.Resource) }
	for _, e := range slices.SortedFunc(slices.Values(endpoints), byName) {
		if e.Technology+"/" != technology || slices.Contains(known, e.Resource) {
			continue
		}
		switch one := ask(roleOther, "endpoint", e.Resource, "["+e.Resource+"]"); {
		case e.Name() == trunk || isYes(one.values["trust_id_inbound"]): // callers come in on others
			one.role = roleTrunk
			found = append(found, one, ask(roleAddress, "identify", e.Resource, one.shown))
		case one.err != nil || one.values["auth"] == "":
			found = append(found, one)
		}
	}
	return found
}

// technology begins the names of the endpoints that have settings of PJSIP.
const technology = "PJSIP/"

// inquiry asks Asterisk for objects of PJSIP, once for each.
type inquiry struct {
	conn  *asterisk.Conn
	heard map[string]answer // by kind and section
}

// answer is Asterisk's answer about an object.
type answer struct {
	missing bool              // Asterisk does not have it
	err     error             // Asterisk does not tell
	values  map[string]string // in effect, defaults and templates included, by key
}

func newInquiry(conn *asterisk.Conn) *inquiry { return &inquiry{conn, map[string]answer{}} }

func (q *inquiry) object(ctx context.Context, kind, section string) answer {
	name := kind + "/" + url.PathEscape(section)
	a, heard := q.heard[name]
	if !heard {
		a = q.ask(ctx, name)
		q.heard[name] = a
	}
	return a
}

func (q *inquiry) ask(ctx context.Context, name string) answer {
	r, err := q.conn.Do(ctx, http.MethodGet, "asterisk/config/dynamic/res_pjsip/"+name, nil, nil)
	if asterisk.IsGone(err) {
		return answer{missing: true}
	}
	if err != nil {
		return answer{err: err}
	}
	var told []struct{ Attribute, Value string }
	if err := json.Unmarshal([]byte(r.Body), &told); err != nil {
		return answer{err: err}
	}
	values := map[string]string{}
	for _, t := range told {
		if before := values[t.Attribute]; before != "" { // match comes once for each network
			t.Value = before + "," + t.Value
		}
		values[t.Attribute] = t.Value
	}
	return answer{values: values}
}
