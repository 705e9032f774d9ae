package doctor

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bereikbaar/bereikbaar/asterisk"
	"github.com/bereikbaar/bereikbaar/routing"
)

// The oldest Asterisk that runs REST commands over the websocket and gives NO_ANSWER as the cause of a ring that timed
// out.
const (
	oldestMajor = 22
	oldestMinor = 4
)

// phone is how the configuration names an agent's phone.
type phone struct{ agent, endpoint string }

func phonesOf(plan *routing.Plan) []phone {
	var list []phone
	for _, agent := range plan.Agents {
		list = append(list, phone{string(agent.ID), agent.Endpoint})
	}
	slices.SortFunc(list, func(a, b phone) int { return cmp.Compare(a.agent, b.agent) })
	return list
}

func judgeSwitch(f switchFacts, phones []phone, dial string) []Finding {
	if found := judgeReach(f); found != nil {
		return found
	}
	found := judgeVersion(f.version)
	if f.link != nil {
		return append(found, Finding{
			checkAsterisk, Wrong, "commands over the websocket do not work: " + f.link.Error(),
			"In ari.conf set read_only = no for the user, and keep websocket_write_timeout at 1000 or more; " +
				"an Asterisk before 22.4 cannot do it",
		})
	}
	if f.ask != nil {
		return append(found, Finding{
			checkAsterisk, Wrong, "it takes commands, and does not answer all of them: " + f.ask.Error(),
			"See Asterisk's log and its load; restart Asterisk when it stays so",
		})
	}
	if f.channels != nil {
		found = append(found, Finding{
			checkAsterisk, Wrong, "it does not list its channels, which is how a deadlock looks: " + f.channels.Error(),
			"Restart Asterisk, and see whether a newer version mends it",
		})
	}
	found = append(found, Finding{
		Check: checkAsterisk, Verdict: OK, Text: "password right, the user may write, commands go over the websocket",
	})
	found = append(found, judgeApplication(f)...)
	found = append(found, judgePhones(f.endpoints, phones)...)
	found = append(found, judgeCallbacks(f.endpoints, dial))
	found = append(found, judgeKeys(f.trunks)...)
	found = append(found, judgeSettings(f.objects)...)
	return append(found, judgeSkew(f.skew, f.took)...)
}

// judgeReach gives no finding when ARI answers.
func judgeReach(f switchFacts) []Finding {
	wrong := func(text, mend string) []Finding { return []Finding{{checkAsterisk, Wrong, text, mend}} }
	switch {
	case f.reach != nil:
		return wrong("ARI does not answer: "+f.reach.Error(),
			"Start Asterisk (systemctl start asterisk), and compare ari.url with bindaddr and bindport in http.conf")
	case f.status == http.StatusOK:
		return nil
	case f.status == http.StatusUnauthorized:
		return wrong("ARI refuses the password or does not know the user (401)",
			"Give the daemon the user and password of ari.conf: ari.username and ari.password_file")
	case f.status == http.StatusForbidden:
		return wrong("ARI does not let this machine in (403)", "Allow it in the user's acl in ari.conf")
	case f.status == http.StatusNotFound:
		return wrong(
			"Asterisk answers, and has no ARI there (404)",
			"Set enabled = yes in ari.conf, load res_ari.so, and compare ari.url with prefix in http.conf",
		)
	case f.status == http.StatusServiceUnavailable:
		return wrong(
			"Asterisk is still starting, or all its sessions are taken (503)",
			"Wait; when it stays so raise sessionlimit in http.conf",
		)
	}
	return wrong(
		fmt.Sprintf("the server at ari.url answers %d", f.status),
		"Compare ari.url with bindaddr, bindport and prefix in http.conf",
	)
}

var versionNumbers = regexp.MustCompile(`^(?:Asterisk )?([0-9]{1,4})\.([0-9]{1,4})`)

func judgeVersion(version string) []Finding {
	mend := fmt.Sprintf("Install Asterisk %d.%d or newer; Debian testing has one", oldestMajor, oldestMinor)
	m := versionNumbers.FindStringSubmatch(version)
	if m == nil {
		return []Finding{
			{checkAsterisk, Warning, fmt.Sprintf("it says that its version is %q, which is no number", version), mend},
		}
	}
	numbers := make([]int, 2)
	for i := range numbers {
		numbers[i], _ = strconv.Atoi(m[i+1]) // four digits are a number
	}
	if slices.Compare(numbers, []int{oldestMajor, oldestMinor}) < 0 {
		return []Finding{
			{checkAsterisk, Wrong, "version " + version + " is too old: it runs no commands over the websocket", mend},
		}
	}
	return []Finding{{Check: checkAsterisk, Verdict: OK, Text: "version " + version}}
}

// judgeApplication judges how the daemon is registered in Asterisk.
func judgeApplication(f switchFacts) []Finding {
	for _, a := range []struct {
		name  string
		facts applicationFacts
	}{{f.application, f.calls}, {asterisk.WatchApplication(f.application), f.watch}} {
		if !a.facts.registered {
			return []Finding{{
				checkApplication, Wrong,
				a.name + " is not registered in Asterisk: calls get the fallback of the dialplan",
				"Start the daemon, and compare ari.application with Stasis() in the dialplan",
			}}
		}
	}
	var found []Finding
	const mend = "Restart the daemon, which sets its filter anew; it should be of the same version as this doctor"
	if missing := absent(asterisk.DisallowedEvents(), f.calls.Disallowed); len(missing) > 0 {
		found = append(found, Finding{
			checkApplication, Wrong,
			fmt.Sprintf(
				"the event filter of %s lets through %d unused kinds of events (%s): on a busy day they choke "+
					"Asterisk and the daemon", f.application, len(missing), some(missing),
			), mend,
		})
	}
	if missing := absent([]asterisk.EventType{asterisk.EndpointStateChange}, f.watch.Allowed); len(missing) > 0 {
		found = append(found, Finding{
			checkApplication, Wrong,
			"the event filter of " + asterisk.WatchApplication(f.application) +
				" keeps the state of phones from the daemon",
			mend,
		})
	}
	if len(found) == 0 {
		found = append(found, Finding{
			Check: checkApplication, Verdict: OK, Text: f.application + " is registered, with its event filter",
		})
	}
	return found
}

// absent lists the wanted types that are missing.
func absent(wanted []asterisk.EventType, there []eventFacts) []string {
	var list []string
	for _, t := range wanted {
		if !slices.Contains(there, eventFacts{t}) {
			list = append(list, string(t))
		}
	}
	return list
}

// judgePhones names agents, not endpoints: those may be telephone numbers.
func judgePhones(endpoints []asterisk.Endpoint, phones []phone) []Finding {
	states := map[string]asterisk.Endpoint{}
	for _, e := range endpoints {
		states[e.Name()] = e
	}
	var missing, unseen []string
	looked, online := 0, 0
	for _, p := range phones {
		name, ok := endpointOf(p.endpoint)
		if !ok {
			unseen = append(unseen, p.agent)
			continue
		}
		e, exists := states[name]
		switch {
		case !exists:
			missing = append(missing, p.agent)
			continue
		case e.Online():
			online++
		}
		looked++
	}
	var found []Finding
	if len(missing) > 0 {
		found = append(found, Finding{
			checkPhones, Wrong, "Asterisk has no endpoint for the phone of " + some(missing) + ": it is never rung",
			"Compare agents.NAME.endpoint in the configuration with `asterisk -rx \"pjsip show endpoints\"`",
		})
	}
	if len(unseen) > 0 {
		found = append(found, Finding{
			Check: checkPhones, Verdict: OK, Text: "Asterisk cannot say whether there is a phone for " + some(unseen),
		})
	}
	text := fmt.Sprintf("%d of %d are online", online, looked)
	switch {
	case looked > 0 && online == 0:
		found = append(found, Finding{
			checkPhones, Warning, text + ": nobody can be rung now",
			"Outside opening hours that may be as it should; else see why phones do not log in",
		})
	case looked > 0:
		found = append(found, Finding{Check: checkPhones, Verdict: OK, Text: text})
	}
	return found
}

// judgeCallbacks judges the trunk for callbacks.
func judgeCallbacks(endpoints []asterisk.Endpoint, dial string) Finding {
	if dial == "" {
		return Finding{
			Check: checkCallbacks, Verdict: OK, Text: "callbacks.dial is not set: colleagues dial callers themselves",
		}
	}
	name, known := endpointOf(dial)
	if !known {
		return Finding{
			Check: checkCallbacks, Verdict: OK, Text: "Asterisk cannot say whether callbacks.dial leads anywhere",
		}
	}
	if !slices.ContainsFunc(endpoints, func(e asterisk.Endpoint) bool { return e.Name() == name }) {
		return Finding{
			checkCallbacks, Wrong, "Asterisk has no endpoint for callbacks.dial: nobody can be put through to a caller",
			"Name the trunk in callbacks.dial as `asterisk -rx \"pjsip show endpoints\"` does, " +
				"such as PJSIP/{number}@trunk",
		}
	}
	return Finding{Check: checkCallbacks, Verdict: OK, Text: "callbacks are dialled on " + name}
}

// endpointOf gives the endpoint of a dial string: the phone, or the trunk to another exchange. Other dial strings, such
// as Local/…, name none.
func endpointOf(dial string) (name string, ok bool) {
	technology, resource, ok := strings.Cut(dial, "/")
	if !ok || technology == "Local" || strings.Contains(resource, "/") {
		return "", false
	}
	if at := strings.LastIndexByte(resource, '@'); at >= 0 {
		resource = resource[at+1:]
	}
	return technology + "/" + resource, resource != ""
}
