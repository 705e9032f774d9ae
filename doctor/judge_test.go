package doctor

import (
	"errors"
	"net/http"
	"os/user"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/asterisk"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/redisstore"
)

// finds asserts the worst verdict, and that a finding of that verdict holds the words. A finding that is not OK has a
// mend.
func finds(t *testing.T, found []Finding, verdict Verdict, words string) {
	t.Helper()
	require.Equal(t, verdict, NewReport(found).Verdict, "%v", found)
	var texts []string
	for _, f := range found {
		if f.Verdict == verdict {
			texts = append(texts, f.Text)
		}
		if f.Verdict != OK {
			require.NotEmpty(t, f.Mend, f.Text)
		}
	}
	require.Contains(t, strings.Join(texts, "\n"), words)
}

// healthy is an Asterisk without faults, with the phone of anna.
func healthy() switchFacts {
	f := switchFacts{application: "bereikbaar", status: http.StatusOK, version: "22.10.1", objects: inEffect()}
	f.calls.registered, f.watch.registered = true, true
	for _, t := range asterisk.DisallowedEvents() {
		f.calls.Disallowed = append(f.calls.Disallowed, eventFacts{t})
	}
	f.watch.Allowed = []eventFacts{{asterisk.EndpointStateChange}}
	f.endpoints = []asterisk.Endpoint{
		{Technology: "PJSIP", Resource: "anna", State: "online"},
		{Technology: "PJSIP", Resource: "pbx", State: "online"},
	}
	return f
}

func TestAsteriskIsJudged(t *testing.T) {
	refused := errors.New("connection refused")
	for name, c := range map[string]struct {
		change  func(*switchFacts)
		verdict Verdict
		words   string
	}{
		"all is well":             {func(*switchFacts) {}, OK, "version 22.10.1"},
		"the oldest that will do": {func(f *switchFacts) { f.version = "22.4.0" }, OK, "22.4.0"},
		"a later one":             {func(f *switchFacts) { f.version = "23.0.0-rc1" }, OK, "23.0.0"},
		"Debian's way to write it": {
			func(f *switchFacts) { f.version = "22.10.1~dfsg+~cs6.15.60671435-1" }, OK, "22.10.1",
		},
		"just too old":   {func(f *switchFacts) { f.version = "22.3.9" }, Wrong, "too old"},
		"that of Ubuntu": {func(f *switchFacts) { f.version = "20.6.0" }, Wrong, "too old"},
		"built from its repository": {
			func(f *switchFacts) { f.version = "GIT-master-abc" }, Warning, "no number",
		},
		"nothing listens": {
			func(f *switchFacts) { f.reach = refused }, Wrong, "does not answer: connection refused",
		},
		"wrong password": {func(f *switchFacts) { f.status = 401 }, Wrong, "password"},
		"address not allowed": {
			func(f *switchFacts) { f.status = 403 }, Wrong, "does not let this machine in",
		},
		"no ARI there":       {func(f *switchFacts) { f.status = 404 }, Wrong, "no ARI"},
		"too many sessions":  {func(f *switchFacts) { f.status = 503 }, Wrong, "sessions"},
		"another web server": {func(f *switchFacts) { f.status = 302 }, Wrong, "302"},
		"a user that is read_only": {
			func(f *switchFacts) { f.link = errors.New("403 Forbidden") }, Wrong, "commands over the websocket",
		},
		"a question that is not answered": {
			func(f *switchFacts) { f.ask = asterisk.ErrUnknownOutcome }, Wrong, "does not answer all",
		},
		"a deadlock over channels": {
			func(f *switchFacts) { f.channels = asterisk.ErrUnknownOutcome }, Wrong, "deadlock",
		},
		"daemon away": {
			func(f *switchFacts) { f.calls.registered = false }, Wrong, "bereikbaar is not registered",
		},
		"daemon without phones": {
			func(f *switchFacts) { f.watch.registered = false }, Wrong, "bereikbaar-phones is not registered",
		},
		"no event filter": {
			func(f *switchFacts) { f.calls.Disallowed = nil }, Wrong, "event filter of bereikbaar lets",
		},
		"an older event filter": {
			func(f *switchFacts) { f.calls.Disallowed = f.calls.Disallowed[1:] }, Wrong, "lets through 1 unused",
		},
		"phones without a state": {func(f *switchFacts) { f.watch.Allowed = nil }, Wrong, "state of phones"},
		"all phones off": {
			func(f *switchFacts) { f.endpoints[0].State = "offline"; f.endpoints[1].State = "offline" }, Warning,
			"0 of 2",
		},
		"a phone that Asterisk lacks": {
			func(f *switchFacts) { f.endpoints = f.endpoints[1:] }, Wrong, "phone of anna",
		},
		"a trunk that Asterisk lacks": {
			func(f *switchFacts) { f.endpoints = f.endpoints[:1] }, Wrong, "phone of bram",
		},
		"a clock that is two minutes fast": {
			func(f *switchFacts) { f.skew = 2 * time.Minute }, Warning, "differs by 2m0s",
		},
		"a clock that is slow": {
			func(f *switchFacts) { f.skew = -3 * time.Second }, Warning, "differs by -3s",
		},
		"keys in every way": {
			func(f *switchFacts) { f.trunks = []trunkFacts{{"PJSIP/pbx", "auto"}} }, OK,
			"on PJSIP/pbx they are heard as RTP events where",
		},
		"keys as events only": {
			func(f *switchFacts) { f.trunks = []trunkFacts{{"PJSIP/pbx", "rfc4733"}} }, Warning, "cannot choose",
		},
		"keys as tones on every call": {
			func(f *switchFacts) { f.trunks = []trunkFacts{{"PJSIP/pbx", "inband"}} }, Warning, "costs processor time",
		},
		"no keys but INFO": {
			func(f *switchFacts) { f.trunks = []trunkFacts{{"PJSIP/pbx", "none"}} }, Warning, "INFO only",
		},
		"events, else INFO": {
			func(f *switchFacts) { f.trunks = []trunkFacts{{"PJSIP/pbx", "auto_info"}} }, Warning, "knows neither",
		},
		"a trunk of which nothing is told": {
			func(f *switchFacts) { f.trunks = []trunkFacts{{"PJSIP/pbx", ""}} }, OK, "does not tell how keys",
		},
		"one of two trunks": {func(f *switchFacts) {
			f.trunks = []trunkFacts{{"PJSIP/pbx", "auto"}, {"PJSIP/0612345678", "info"}}
		}, Warning, "on an endpoint with a number for a name"},
		"an answer that took its time": {
			func(f *switchFacts) { f.skew, f.took = 3*time.Second, 2*time.Second }, OK, "version",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := healthy()
			c.change(&f)
			phones := []phone{{"anna", "PJSIP/anna"}, {"bram", "PJSIP/0612345678@pbx"}, {"cem", "Local/12@elsewhere"}}
			found := judgeSwitch(f, phones, "PJSIP/{number}@pbx")
			finds(t, found, c.verdict, c.words)
			for _, one := range found {
				require.NotContains(t, one.Text+one.Mend, "0612345678")
			}
		})
	}
}

func TestADeadPartGivesOneFinding(t *testing.T) {
	f := switchFacts{reach: errors.New("refused")}
	require.Len(t, judgeSwitch(f, []phone{{"anna", "PJSIP/anna"}}, ""), 1)
	require.Len(t, judgeDaemon(daemonFacts{err: errors.New("refused")}), 1)
}

func TestTheDaemonIsJudgedByWhatItSays(t *testing.T) {
	for name, c := range map[string]struct {
		facts   daemonFacts
		verdict Verdict
		words   string
	}{
		"ready": {
			daemonFacts{State: "ready", Parts: []partFacts{{Name: "ari", State: "up", Needed: true}}},
			OK, "takes calls",
		},
		"away": {
			daemonFacts{err: errors.New("connection refused")}, Wrong, "does not answer: connection refused",
		},
		"stuck": {daemonFacts{err: errors.New("deadline"), silent: true}, Wrong, "stuck"},
		"without Redis": {
			daemonFacts{State: "degraded", Parts: []partFacts{{Name: "redis", State: "down", Detail: "refused"}}},
			Warning, "redis is down: refused",
		},
		"without Asterisk": {
			daemonFacts{State: "not_ready", Parts: []partFacts{{Name: "ari", State: "silent", Needed: true}}},
			Wrong, "ari is silent",
		},
		"not ready, no reason": {daemonFacts{State: "not_ready"}, Wrong, "not_ready"},
	} {
		t.Run(name, func(t *testing.T) { finds(t, judgeDaemon(c.facts), c.verdict, c.words) })
	}
}

func TestTheNightlyRewriteIsJudgedByItsUnits(t *testing.T) {
	const well = "Result=success\nId=bereikbaar-rewrite.timer\nLoadState=loaded\nActiveState=active\n\n" +
		"Result=success\nId=bereikbaar-rewrite.service\nLoadState=loaded\nActiveState=inactive\n"
	says := func(pairs ...string) rewriteFacts {
		return rewriteFacts{here: true, units: unitsOf(strings.NewReplacer(pairs...).Replace(well))}
	}
	for name, c := range map[string]struct {
		facts   rewriteFacts
		verdict Verdict
		words   string
	}{
		"every night":       {says(), OK, "every night"},
		"not to be seen":    {rewriteFacts{}, OK, "see to it"},
		"systemd is silent": {rewriteFacts{here: true, err: errors.New("no bus")}, Warning, "no bus"},
		"not installed": {
			says("timer\nLoadState=loaded\nActiveState=active", "timer\nLoadState=not-found\nActiveState=inactive"),
			Warning, "not installed",
		},
		"not enabled": {says("ActiveState=active", "ActiveState=inactive"), Warning, "timer is inactive"},
		"it failed": {
			says("Result=success\nId=bereikbaar-rewrite.service", "Result=exit-code\nId=bereikbaar-rewrite.service"),
			Warning, "stays on Redis's disk",
		},
	} {
		t.Run(name, func(t *testing.T) { finds(t, judgeRewrite(c.facts), c.verdict, c.words) })
	}
}

func TestRedisIsJudgedByItsOwnCheck(t *testing.T) {
	finds(t, judgeNotes(nil), OK, "it answers")
	grave := redisstore.Problem{Setting: "appendfsync", Grave: true, Text: `it is "everysec"`, Mend: "Set it"}
	finds(
		t, judgeNotes([]redisstore.Problem{{Setting: "latency", Text: "slow", Mend: "Nearer"}}), Warning,
		"latency: slow",
	)
	finds(
		t, judgeNotes([]redisstore.Problem{{Setting: "latency", Text: "slow", Mend: "Nearer"}, grave}), Wrong,
		"appendfsync: it is",
	)
}

func TestPromptsAreNamedWithoutTheirText(t *testing.T) {
	finds(t, judgePrompts(promptFacts{directory: "/p"}), OK, "/p")
	stale := prompts.Problem{Language: "nl", ID: "naar-raalte", Fault: prompts.Stale, Detail: "it is now 0572 34 77 99"}
	found := judgePrompts(promptFacts{problems: []prompts.Problem{stale}})
	finds(t, found, Warning, "nl/naar-raalte stale")
	require.NotContains(t, found[0].Text, "0572")
	missing := make([]prompts.Problem, 7)
	for i := range missing {
		missing[i] = prompts.Problem{Language: "nl", ID: "welkom", Fault: prompts.Missing}
	}
	finds(t, judgePrompts(promptFacts{problems: append(missing, stale)}), Wrong, "and 2 more")
	finds(t, judgePrompts(promptFacts{closed: "/root"}), Warning, "/root can be entered")
}

func TestTheClockIsJudgedByTheKernel(t *testing.T) {
	finds(t, judgeKernelClock(clockFacts{synchronised: true}), OK, "")
	finds(t, judgeKernelClock(clockFacts{}), Warning, "no time service")
	finds(t, judgeKernelClock(clockFacts{err: errors.New("not allowed")}), Warning, "not allowed")
}

func TestAConfigurationThatIsRefusedIsReportedWithoutNumbers(t *testing.T) {
	problem := config.Problem{
		File: "/etc/b.yaml", Line: 7, Key: "agents.anna.endpoint", What: `"PJSIP/+31 6 12345678" is no endpoint`,
		Mend: `write it as "PJSIP/anna"`,
	}
	found := Configuration("/etc/b.yaml", nil, config.Problems{problem})
	finds(t, found, Wrong, `/etc/b.yaml:7: agents.anna.endpoint: "PJSIP/…" is no endpoint`)
	require.Equal(t, `write it as "PJSIP/anna"`, found[0].Mend)
	finds(t, Configuration("/nowhere", nil, errors.New("no such file")), Wrong, "no such file")
}

func TestTheWayOutsideIsJudged(t *testing.T) {
	for name, c := range map[string]struct {
		dial    string
		verdict Verdict
		words   string
	}{
		"a trunk that is there": {"PJSIP/{number}@pbx", OK, "dialled on PJSIP/pbx"},
		"one that is not":       {"PJSIP/{number}@elders", Wrong, "nobody can be put through"},
		"by way of a dialplan":  {"Local/{number}@outside", OK, "cannot say"},
		"none":                  {"", OK, "dial callers themselves"},
	} {
		t.Run(name, func(t *testing.T) {
			finds(t, judgeSwitch(healthy(), nil, c.dial), c.verdict, c.words)
		})
	}
}

func TestTheTokensFileIsJudged(t *testing.T) {
	asked := ""
	judge := func(path, owner, d string, err error) []Finding {
		return judgeAPI(path, owner, d, func(path string) error { asked = path; return err })
	}
	const file = "/etc/tokens.yaml"
	finds(t, judge("", "", "bereikbaar", errors.New("not asked")), OK, "there is no JSON API")
	require.Empty(t, asked)
	finds(t, judge(file, "bereikbaar", "bereikbaar", nil), OK, "can be used")
	require.Equal(t, file, asked)
	finds(
		t, judge(file, "bereikbaar", "bereikbaar", errors.New("tokens file /etc/tokens.yaml: line 3: role")), Wrong,
		"line 3: role",
	)
	finds(
		t, judge(file, "root", "bereikbaar", nil), Wrong,
		"belongs to root, and the daemon, which runs as bereikbaar, may not read it",
	)
	finds(t, judge(file, "bereikbaar", "root", nil), OK, "can be used") // root reads everything
	finds(t, judge(file, "root", "", nil), OK, "can be used")           // the daemon's user is unknown
}

func TestTheLookOfThePagesIsJudged(t *testing.T) {
	var asked config.Look
	judge := func(s *config.SignIn, err error) []Finding {
		cfg := &config.Config{SignIn: s, Look: config.Look{Logo: "/etc/logo.svg"}}
		return judgePages(cfg, func(l config.Look) error {
			asked = l
			return err
		})
	}
	finds(t, judge(nil, errors.New("not asked")), OK, "there are no pages")
	require.Empty(t, asked)
	finds(t, judge(&config.SignIn{}, nil), OK, "can be used")
	require.Equal(t, "/etc/logo.svg", asked.Logo)
	finds(t, judge(&config.SignIn{}, errors.New("look: /etc/logo.svg is no .svg")), Wrong, "is no .svg")
}

func TestTheOwnerOfAFile(t *testing.T) {
	me, err := user.Current()
	require.NoError(t, err)
	require.Equal(t, me.Username, ownerOf(t.TempDir()))
	require.Empty(t, ownerOf("/nowhere/at/all"))
}

func TestFaultsInRedisAreReportedKeyByKey(t *testing.T) {
	finds(t, judgeStored(nil), OK, "lead to notes")
	junk := redisstore.Fault{
		Key: "bereikbaar:{deventer}:due:kcc", Index: "due", Entries: 7,
		Text: "has an entry of 4 bytes that is no note's id",
		Mend: "ZREM",
	}
	finds(
		t, judgeStored([]redisstore.Fault{junk}), Warning,
		"due:kcc: has an entry of 4 bytes that is no note's id (faults: 7)",
	)
	lost := junk
	lost.Grave = true
	finds(t, judgeStored([]redisstore.Fault{lost}), Wrong, "due:kcc")
	require.Len(t, judgeStored(make([]redisstore.Fault, 30)), 11)
}
