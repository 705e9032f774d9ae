package config_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

const example = "../deploy/bereikbaar.yaml"

// smallest is the least that a file must say.
const smallest = `
municipalities:
  deventer:
    name: Deventer
    contact: kcc
    caller_id: "+31140570"
    hours: {weekdays: ["09:00-17:00"]}
entries:
  - {number: "140570", first: {team: kcc}}
agents:
  kcc1: {endpoint: PJSIP/kcc1}
teams:
  kcc: {name: KCC, members: [kcc1]}
`

// write puts a configuration in a file and returns its path.
func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bereikbaar.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// changed is a text with old replaced by fresh, which must be there once.
func changed(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		require.Equal(t, 1, strings.Count(text, pairs[i]), "%q must stand in the text once", pairs[i])
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func TestTheShippedExample(t *testing.T) {
	cfg, err := config.Load(example, func(name string) string {
		return map[string]string{"BEREIKBAAR_ARI_PASSWORD": "7hx-long", "BEREIKBAAR_REDIS_PASSWORD": "8jk-long"}[name]
	})
	require.NoError(t, err)
	require.Empty(t, cfg.Warnings)
	require.Empty(t, cfg.NeedsRestart)
	require.Equal(t, example, cfg.Path)
	require.Equal(t, "7hx-long", cfg.ARI.Password.Reveal())
	require.Equal(t, "8jk-long", cfg.Redis.Password.Reveal())
	require.Equal(t, config.Callbacks{
		Countries: []string{"NL", "BE", "DE"}, Lease: 15 * time.Minute, WarnAfter: 0.5,
		Attempts: config.Attempts{Least: 3, Parts: []calendar.Clock{12 * 60}}, Retention: 365 * 24 * time.Hour,
		Dial: "PJSIP/{number}@trunk", Caps: config.Caps{Target: 6, Colleague: 100, Day: 1000},
		Limits: config.Limits{Caller: 5, Target: 3, Day: 1000},
	}, cfg.Callbacks)
	require.Equal(t, "Welkom bij de gemeente Deventer.", cfg.Prompts.Extra[prompts.Dutch]["welkom-deventer"])
	require.Equal(t, []prompts.Language{prompts.Dutch}, cfg.Prompts.Languages)

	entry := cfg.Plan.Entries[routing.EntryKey("0140570")]
	require.Equal(t, routing.Entry{
		Number: "+31140570", Municipality: "deventer", Language: "nl", Welcome: "welkom-deventer",
		First: routing.Target{Menu: "keuze"},
	}, entry)
	require.Equal(t, routing.Target{Team: "kcc"}, cfg.Plan.Unknown.First)
	require.Equal(t, routing.Menu{
		ID:      "keuze",
		Prompts: []prompts.ID{"menu-aanvraag", "menu-andere-gemeente", "menu-andere-vraag"},
		Options: map[rune]routing.Target{'1': {Team: "vergunningen"}, '2': {Team: "kcc"}, '3': {Menu: "elders"}},
		Wait:    4 * time.Second, Tries: 3, Repeats: 0,
		StayOnLine: routing.Target{Team: "kcc"},
	}, cfg.Plan.Menus["keuze"])
	require.Equal(t, routing.Target{Team: "kcc"}, cfg.Plan.Menus["elders"].StayOnLine, "left out: the contact centre")
	require.Zero(t, cfg.Plan.Menus["elders"].Repeats, "left out: a caller who presses nothing hears it once")
	require.Equal(t, routing.Target{Refer: "naar-raalte"}, cfg.Plan.Menus["elders"].Options['3'])
	require.Equal(t, routing.Agent{ID: "verg1", Endpoint: "PJSIP/verg1"}, cfg.Plan.Agents["verg1"])

	m := cfg.Plan.Municipalities["deventer"]
	require.Equal(t, "+31140570", m.CallerID)
	require.Equal(t, call.TeamID("kcc"), m.ContactCentre)
	require.Equal(t, "Europe/Amsterdam", m.Location.String())
	thursdayEvening := time.Date(2026, 2, 5, 19, 0, 0, 0, m.Location)
	require.True(t, cfg.Plan.Teams["kcc"].Hours.Open(thursdayEvening))
	team := cfg.Plan.Teams["vergunningen"]
	require.False(t, team.Hours.Open(thursdayEvening))
	require.Equal(t, []call.AgentID{"verg1", "verg2"}, team.Members)
	require.Equal(t, routing.CallbackOffer{Enabled: true, After: 2 * time.Minute, Key: '1'}, team.Callback)
	d, err := team.Hours.Deadline(time.Date(2026, 5, 13, 11, 0, 0, 0, m.Location))
	require.NoError(t, err)
	require.Equal(
		t, "2026-05-18 12:30", d.At.In(m.Location).Format("2006-01-02 15:04"),
		"Ascension and the Friday after it are skipped",
	)
}

func TestDefaults(t *testing.T) {
	path := write(t, smallest)
	cfg, err := config.Load(path, nil)
	require.NoError(t, err)
	require.Empty(t, cfg.Warnings)
	plan, manifest := cfg.Plan, cfg.Prompts.Manifest
	require.NotNil(t, manifest)
	cfg.Plan, cfg.Prompts.Manifest = nil, nil
	require.Equal(t, &config.Config{
		Path:   path,
		ARI:    config.ARI{URL: "ws://127.0.0.1:8088/ari/events", Application: "bereikbaar", Username: "bereikbaar"},
		Redis:  config.Redis{Address: "127.0.0.1:6379"},
		Listen: config.Listen{Operations: "127.0.0.1:9570", Web: "127.0.0.1:8570"},
		Prompts: config.Prompts{
			Directory: "/var/lib/bereikbaar/prompts", AsteriskDirectory: "/var/lib/bereikbaar/prompts",
			Extra: prompts.Extra{}, Languages: []prompts.Language{"nl"},
		},
		State: config.State{Directory: "/var/lib/bereikbaar"},
		Log:   config.Log{Level: slog.LevelInfo, Format: config.LogText},
		Callbacks: config.Callbacks{
			Countries: []string{"NL"}, Lease: 15 * time.Minute, WarnAfter: 0.5,
			Attempts: config.Attempts{Least: 3, Parts: []calendar.Clock{12 * 60}}, Retention: 365 * 24 * time.Hour,
			Caps:   config.Caps{Target: 6, Colleague: 100, Day: 1000},
			Limits: config.Limits{Caller: 5, Target: 3, Day: 1000},
		},
		Norm: config.Norm{Rule: calendar.ClosingTime},
		KPI:  config.KPI{AnswerThreshold: 30 * time.Second, ShortAbandon: 5 * time.Second},
	}, cfg)

	team := plan.Teams["kcc"]
	require.NotNil(t, team.Hours)
	team.Hours = nil
	require.Equal(t, routing.Team{
		ID: "kcc", Name: "KCC", Municipality: "deventer", Members: []call.AgentID{"kcc1"}, Strategy: queue.LongestIdle,
		RingTime: 20 * time.Second, Retry: 5 * time.Second, WrapUp: 15 * time.Second, MissedLimit: 3,
		MissedPause: 5 * time.Minute,
		Music:       "default", Announce: 30 * time.Second,
		Callback: routing.CallbackOffer{Enabled: true, After: 2 * time.Minute, Key: '1'},
	}, team)
	require.Equal(t, routing.Agent{ID: "kcc1", Endpoint: "PJSIP/kcc1"}, plan.Agents["kcc1"])
	require.Equal(
		t, routing.Entry{Municipality: "deventer", Language: "nl", First: routing.Target{Team: "kcc"}}, plan.Unknown,
	)
}

func TestValidSettings(t *testing.T) {
	tests := map[string]struct {
		change []string
		check  func(*testing.T, *config.Config)
	}{
		"a menu that leads back to the one before": {
			[]string{
				"first: {team: kcc}", "first: {menu: a}", "agents:",
				"menus:\n  a: {prompts: [welcome], options: {1: {menu: b}}}\n  b: {prompts: [welcome], options: {0: {menu: a}}, stay_on_line: {menu: a}}\nagents:",
			},
			func(t *testing.T, c *config.Config) {
				require.Equal(t, routing.Target{Menu: "a"}, c.Plan.Menus["b"].StayOnLine)
			},
		},
		"a unix socket for Redis": {
			[]string{"agents:", "redis: {address: /run/redis/redis.sock, username: bereikbaar, database: 2}\nagents:"},
			func(t *testing.T, c *config.Config) {
				require.Equal(
					t, config.Redis{Address: "/run/redis/redis.sock", Username: "bereikbaar", Database: 2}, c.Redis,
				)
			},
		},
		"ARI as Asterisk's own pages name it, and over a network": {
			[]string{"agents:", "ari: {url: \"https://pbx.example:8089/ari\"}\nagents:"},
			func(t *testing.T, c *config.Config) { require.Equal(t, "https://pbx.example:8089/ari", c.ARI.URL) },
		},
		"durations in several units": {
			[]string{
				"members: [kcc1]", "members: [kcc1], ring_time: 1m30s, wrap_up: 0s, retry: \"1500ms\", announce: 0",
			},
			func(t *testing.T, c *config.Config) {
				team := c.Plan.Teams["kcc"]
				require.Equal(t, []time.Duration{90 * time.Second, 0, 1500 * time.Millisecond, 0}, []time.Duration{
					team.RingTime, team.WrapUp, team.Retry, team.Announce,
				})
			},
		},
		"an exception in the past, with and without quotes": {
			[]string{
				`["09:00-17:00"]}`,
				"[\"09:00-17:00\"]}\n    exceptions: [{date: 2001-01-02}, {date: \"2001-01-03\", hours: []}]",
			},
			func(t *testing.T, c *config.Config) {
				amsterdam := c.Plan.Municipalities["deventer"].Location
				require.False(t, c.Plan.Teams["kcc"].Hours.Open(time.Date(2001, 1, 2, 10, 0, 0, 0, amsterdam)))
				require.False(t, c.Plan.Teams["kcc"].Hours.Open(time.Date(2001, 1, 3, 10, 0, 0, 0, amsterdam)))
				require.True(t, c.Plan.Teams["kcc"].Hours.Open(time.Date(2001, 1, 4, 10, 0, 0, 0, amsterdam)))
			},
		},
		"a lunch break, and a day until midnight": {
			[]string{
				`{weekdays: ["09:00-17:00"]}`,
				`{weekdays: ["09:00-12:30", "13:00-17:00"], friday: ["00:00-24:00"], saturday: []}`,
			},
			func(t *testing.T, c *config.Config) {
				week := c.Plan.Teams["kcc"].Hours.Week()
				require.Len(t, week[time.Monday], 2)
				require.Equal(t, []calendar.Span{{From: 0, To: calendar.EndOfDay}}, week[time.Friday])
				require.Empty(t, week[time.Saturday])
			},
		},
		"why a day is special": {
			[]string{
				`["09:00-17:00"]}`, "[\"09:00-17:00\"]}\n    exceptions: [{date: 2026-12-24, reason: Kerstavond}]",
				"members: [kcc1]", "members: [kcc1], exceptions: [{date: 2026-12-23, reason: Teamdag}]",
			},
			func(t *testing.T, c *config.Config) {
				hours := c.Plan.Teams["kcc"].Hours
				require.Equal(t, "Kerstavond", hours.Day(calendar.Date{Year: 2026, Month: 12, Day: 24}).Why)
				require.Equal(t, "Teamdag", hours.Day(calendar.Date{Year: 2026, Month: 12, Day: 23}).Why)
			},
		},
		"the norm of all teams, and another for one": {
			[]string{
				"agents:", "norm: {rule: same_time}\nagents:", "members: [kcc1]}",
				"members: [kcc1]}\n  b: {name: B, norm: closing_time, members: [kcc1]}",
			},
			func(t *testing.T, c *config.Config) {
				made := time.Date(2026, 2, 2, 10, 0, 0, 0, c.Plan.Municipalities["deventer"].Location)
				same, err := c.Plan.Teams["kcc"].Hours.Deadline(made)
				require.NoError(t, err)
				closing, err := c.Plan.Teams["b"].Hours.Deadline(made)
				require.NoError(t, err)
				require.Equal(t, 24*time.Hour, same.At.Sub(made))
				require.Equal(t, 31*time.Hour, closing.At.Sub(made))
			},
		},
		"always open": {
			[]string{
				`{weekdays: ["09:00-17:00"]}`,
				`{weekdays: ["00:00-24:00"], saturday: ["00:00-24:00"], sunday: ["00:00-24:00"]}` +
					"\n    open_on_holidays: true",
			},
			func(t *testing.T, c *config.Config) {
				require.True(t, c.Plan.Teams["kcc"].Hours.Open(time.Date(2025, 12, 25, 3, 0, 0, 0, time.UTC)))
			},
		},
		"a number with spaces, an extension, and a name": {
			[]string{
				`number: "140570"`, `number: "14 0570"`, "agents:",
				"  - {number: \"9001\", first: {team: kcc}}\n  - {number: kcc-test, first: {team: kcc}}\nagents:",
			},
			func(t *testing.T, c *config.Config) {
				require.Contains(t, c.Plan.Entries, "+31140570")
				require.Contains(t, c.Plan.Entries, "9001")
				require.Contains(t, c.Plan.Entries, "kcc-test")
			},
		},
		"numbers as people paste them": {
			[]string{
				`number: "140570"`, "number: \"14\u00a00570\"", `caller_id: "+31140570"`,
				"caller_id: \"tel:+31\u2011140570\"",
				"agents:", "  - {number: \"0570/693911\", first: {team: kcc}}\nagents:",
			},
			func(t *testing.T, c *config.Config) {
				require.Contains(t, c.Plan.Entries, "+31140570")
				require.Contains(t, c.Plan.Entries, "+31570693911")
				require.Equal(t, "+31140570", c.Plan.Municipalities["deventer"].CallerID)
			},
		},
		"another key for a callback, with words for it": {
			[]string{
				"members: [kcc1]", "members: [kcc1], callback: {key: 5}", "agents:",
				"texts: {nl: {offer-callback: Toets 5., offer-callback-again: Toets 5.}}\nagents:",
			},
			func(t *testing.T, c *config.Config) { require.Equal(t, '5', c.Plan.Teams["kcc"].Callback.Key) },
		},
		"another key for a callback that is not offered": {
			[]string{"members: [kcc1]", "members: [kcc1], callback: {key: 5, enabled: false}"},
			func(t *testing.T, c *config.Config) { require.False(t, c.Plan.Teams["kcc"].Callback.Enabled) },
		},
		"a contact centre that only silence leads to": {
			[]string{
				"first: {team: kcc}", "first: {menu: a}", "agents:",
				"menus:\n  a: {prompts: [welcome], options: {1: {team: b}}}\nagents:", "members: [kcc1]}",
				"members: [kcc1]}\n  b: {name: B, members: [kcc1]}",
			},
			func(t *testing.T, c *config.Config) { require.Empty(t, c.Warnings) },
		},
		"another welcome of the same name": {
			[]string{
				"first: {team: kcc}", "welcome: welcome, first: {team: kcc}", "agents:",
				"texts: {nl: {welcome: Goedendag.}}\nagents:",
			},
			func(t *testing.T, c *config.Config) {
				p, ok := c.Prompts.Manifest.Prompt("nl", "welcome")
				require.True(t, ok)
				require.Equal(t, "Goedendag.", p.Text)
			},
		},
		"how notes are worked": {
			[]string{
				"agents:",
				"callbacks: {lease: 1h, warn_percent: 75, attempts: {least: 5, parts: [17:00, \"9:30\", \"12:00\"]}, retention_days: 30, dial: \"PJSIP/{number}@uit\", caps: {target: 0, day: 7}, limits: {caller: 2, day: 0}}\nagents:",
			},
			func(t *testing.T, c *config.Config) {
				require.Equal(t, config.Callbacks{
					Countries: []string{"NL"}, Lease: time.Hour, WarnAfter: 0.75,
					Attempts:  config.Attempts{Least: 5, Parts: []calendar.Clock{9*60 + 30, 12 * 60, 17 * 60}},
					Retention: 30 * 24 * time.Hour,
					Dial:      "PJSIP/{number}@uit", Caps: config.Caps{Target: 0, Colleague: 100, Day: 7},
					Limits: config.Limits{Caller: 2, Target: 3, Day: 0},
				}, c.Callbacks)
			},
		},
		"no warning, and a day in one part": {
			[]string{"agents:", "callbacks: {warn_percent: 0, attempts: {parts: []}}\nagents:"},
			func(t *testing.T, c *config.Config) {
				require.Zero(t, c.Callbacks.WarnAfter)
				require.Equal(t, config.Attempts{Least: 3}, c.Callbacks.Attempts)
				require.Empty(t, c.Warnings)
			},
		},
		"a line in English": {
			[]string{"agents:", "  - {number: \"9002\", language: en, welcome: welcome, first: {team: kcc}}\nagents:"},
			func(t *testing.T, c *config.Config) {
				require.Equal(t, []prompts.Language{"nl", "en"}, c.Prompts.Languages)
			},
		},
		"Windows line ends, a byte order mark": {
			[]string{"\nmunicipalities:", "\ufeff# x\r\nmunicipalities:\r"},
			func(t *testing.T, c *config.Config) { require.Len(t, c.Plan.Teams, 1) },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text := strings.TrimPrefix(changed(t, smallest, test.change...), "\n")
			cfg, err := config.Load(write(t, text), nil)
			require.NoError(t, err)
			test.check(t, cfg)
		})
	}
}

func TestWarnings(t *testing.T) {
	text := changed(t, smallest,
		"teams:", "callbacks: {retention_days: 0}\nteams:",
		"agents:",
		"listen: {operations: \"0.0.0.0:9570\"}\nredis: {address: \"10.0.0.5:6379\"}\ntexts: {nl: {ongebruikt: Dit hoort niemand.}}\nmenus:\n  los: {prompts: [welcome], options: {1: {team: leeg}}}\nagents:\n  vrij: {endpoint: PJSIP/vrij}",
		"members: [kcc1]}", "members: [kcc1]}\n  leeg: {name: Leeg, members: []}")
	cfg, err := config.Load(write(t, text), nil)
	require.NoError(t, err)
	var found []string
	for _, w := range cfg.Warnings {
		found = append(found, fmt.Sprintf("%d %s: %s", w.Line, w.Key, w.What))
	}
	require.Equal(t, []string{
		"10 listen.operations: other machines can read the figures at this address",
		"11 redis.address: callers' telephone numbers go over the network in plain text",
		"12 texts.nl.ongebruikt: is spoken nowhere",
		"14 menus.los: no caller comes here",
		"16 agents.vrij: is in no team",
		"18 callbacks.retention_days: callers' numbers and stories are kept for ever, and the AVG asks for an end",
		"21 teams.leeg: no caller comes here",
		"21 teams.leeg.members: nobody is in it: its callers get a callback or another team",
	}, found)
}

func TestAFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	large := filepath.Join(dir, "large")
	require.NoError(t, os.WriteFile(large, []byte(strings.Repeat("# a comment\n", 1e6)), 0o600))
	for name, test := range map[string]struct{ path, want string }{
		"not there":   {filepath.Join(dir, "none.yaml"), "cannot be opened: no such file"},
		"a directory": {dir, "not a regular file"},
		"a pipe":      {pipe, "not a regular file"},
		"a device":    {"/dev/zero", "not a regular file"},
		"ten MB":      {large, "larger than 1024 kB"},
		"no path":     {"", "cannot be opened"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(test.path, nil)
			var problems config.Problems
			require.ErrorAs(t, err, &problems)
			require.Len(t, problems, 1)
			require.Equal(t, test.path, problems[0].File)
			require.Contains(t, problems[0].What, test.want)
		})
	}
}
