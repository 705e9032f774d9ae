package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/config"
)

// refused loads a text that must be refused and returns the problems.
func refused(t testing.TB, text string) config.Problems {
	t.Helper()
	_, err := config.LoadText("test.yaml", []byte(text))
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	require.NotEmpty(t, problems)
	return problems
}

// listed writes problems without the file's name.
func listed(problems config.Problems) []string {
	var lines []string
	for _, p := range problems {
		p.File = ""
		lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(p.String(), ":"), " "))
	}
	return lines
}

func TestFaults(t *testing.T) {
	const menu = "menus:\n  a: {prompts: [welcome], options: {1: {team: kcc}}}\nagents:"
	tests := map[string]struct {
		change []string
		want   []string // every problem, in order
	}{
		"a key that nobody knows, close to one": {
			[]string{"members: [kcc1]", "members: [kcc1], ringtime: 20s"},
			[]string{`13: teams.kcc.ringtime: this key is not known; did you mean ring_time?`},
		},
		"a key that nobody knows": {
			[]string{"agents:", "listen: {wap: \":80\"}\nagents:"},
			[]string{`10: listen.wap: this key is not known; the keys here are operations or web`},
		},
		"an application whose name is too long": {
			[]string{"agents:", "ari: {application: " + strings.Repeat("a", 54) + "}\nagents:"},
			[]string{
				`10: ari.application: "` + strings.Repeat(
					"a", 54,
				) + `" is not of the right form; use letters, digits, dots, hyphens and underscores, at most 53`,
			},
		},
		"one port for two things": {
			[]string{"agents:", "web: {tokens_file: /t.yaml}\nlisten:\n  operations: \"127.0.0.1:8570\"\nagents:"},
			[]string{
				`11: listen.web: it is the same port as listen.operations, and only one can have it; ` +
					`choose another port, such as 127.0.0.1:8570`,
			},
		},
		"a key in capitals, which viper would take": {
			[]string{"\nmunicipalities:", "\nMunicipalities:"},
			[]string{
				`2: Municipalities: this key is not known; did you mean municipalities?`,
				`1: municipalities: it is missing; add municipalities: {deventer: {name: Deventer, …}}`,
			},
		},
		"a name in capitals": {
			[]string{
				"agents:", "  - {number: \"9001\", first: {team: VERG}}\nagents:", "members: [kcc1]}",
				"members: [kcc1]}\n  VERG: {name: V, members: [kcc1]}",
			},
			[]string{
				`10: entries[1].first.team: "VERG" cannot be a name here; ` +
					`use small letters, digits, hyphens and underscores, at most 40; how people see it goes under name`,
				`15: teams.VERG: "VERG" cannot be a name here; ` +
					`use small letters, digits, hyphens and underscores, at most 40; how people see it goes under name`,
			},
		},
		"a name with a dot": {
			[]string{"members: [kcc1]}", "members: [kcc1]}\n  a.b: {name: V, members: [kcc1]}"},
			[]string{
				`14: teams."a·b": "a.b" cannot be a name here; ` +
					`use small letters, digits, hyphens and underscores, at most 40; how people see it goes under name`,
			},
		},
		"a number without quotes": {
			[]string{`"140570"`, `0140570`, `"+31140570"`, `+31140570`},
			[]string{
				`6: municipalities.deventer.caller_id: the number +31140570 is not in quotes, and YAML may read it ` +
					`as another one; write "+31140570"`,
				`9: entries[0].number: the number 0140570 is not in quotes, and YAML may read it as another one; ` +
					`write "0140570"`,
			},
		},
		"a number twice": {
			[]string{"agents:", "  - {number: \"+31140570\", first: {team: kcc}}\nagents:"},
			[]string{`10: entries[1].number: +31140570 is the same number as on line 9; keep one of the two`},
		},
		"a number too short to be one": {
			[]string{`"140570"`, `"0570 6939"`},
			[]string{
				`9: entries[0].number: "0570 6939" is not a telephone number: not a number that exists: no valid ` +
					`telephone number; write it as it is dialled, such as "140570" or "+31570693911"; ` +
					`an internal extension has at most six digits or is a name`,
			},
		},
		"an extension to show to people who are rung back": {
			[]string{`"+31140570"`, `"9001"`},
			[]string{
				`6: municipalities.deventer.caller_id: it is not a telephone number that can be shown to callers ` +
					`who are rung back; write it in full, such as "+31140570"`,
			},
		},
		"a key twice": {
			[]string{"name: KCC,", "name: KCC, name: Other,"},
			[]string{`13: teams.kcc.name: this key is here twice, first on line 13; keep one of the two`},
		},
		"a choice twice, once in quotes": {
			[]string{
				"agents:",
				"menus:\n  a:\n    prompts: [welcome]\n    options:\n      1: {team: kcc}\n      \"1\": {team: kcc}\nagents:",
			},
			[]string{`15: menus.a.options.1: this key is here twice, first on line 14; keep one of the two`},
		},
		"names that are nowhere": {
			[]string{
				"contact: kcc", "contact: kc", "first: {team: kcc}", "first: {menu: hoofd}", "members: [kcc1]",
				"members: [kcc1, kcc9], overflow: tweede, greeting: welkom",
			},
			[]string{
				`5: municipalities.deventer.contact: "kc" is not under teams; did you mean kcc?`,
				`9: entries[0].first.menu: "hoofd" is not under menus; add it to menus`,
				`13: teams.kcc.greeting: "welkom" is not a text; did you mean welcome?`,
				`13: teams.kcc.members[1]: "kcc9" is not under agents; did you mean kcc1?`,
				`13: teams.kcc.overflow: "tweede" is not under teams; add it to teams, or name kcc`,
			},
		},
		"a menu with five choices": {
			[]string{
				"agents:",
				"menus:\n  a: {prompts: [welcome], options: {1: {team: kcc}, 2: {team: kcc}, 3: {team: kcc}, 4: {team: kcc}, 0: {team: kcc}}}\nagents:",
			},
			[]string{
				`11: menus.a.options: there are 5 choices, more than a caller remembers; ` +
					`keep at most 4, and put the others in a menu behind one of them`,
			},
		},
		"keys that are no choice": {
			[]string{
				"agents:",
				"menus:\n  a: {prompts: [welcome], options: {\"#\": {team: kcc}, 12: {team: kcc}, a: {team: kcc}}}\nagents:",
			},
			[]string{
				`11: menus.a.options."#": the keys * and # are reserved; choose a key from 0 to 9`,
				`11: menus.a.options.12: "12" is not a key of a telephone; choose one key from 0 to 9`,
				`11: menus.a.options.a: "a" is not a key of a telephone; choose one key from 0 to 9`,
			},
		},
		"a menu that never reaches a person": {
			[]string{
				"first: {team: kcc}", "first: {menu: b}", "agents:",
				"menus:\n  b: {prompts: [welcome], options: {1: {team: kcc}}, stay_on_line: {menu: a}}\n  a: {prompts: [welcome], options: {1: {team: kcc}}, stay_on_line: {menu: b}}\nagents:",
			},
			[]string{
				`12: menus.a.stay_on_line: a caller who presses nothing goes round and never gets a person: a → b → ` +
					`a; let one of these menus lead to a team`,
			},
		},
		"staying on the line ends at a text": {
			[]string{
				"first: {team: kcc}", "first: {menu: a}", "agents:",
				"menus:\n  a: {prompts: [welcome], options: {1: {team: kcc}}, stay_on_line: {refer: goodbye}}\nagents:",
			},
			[]string{`11: menus.a.stay_on_line.refer: a caller who presses nothing must get a person; name a team`},
		},
		"a target of two things, and one of none": {
			[]string{
				"first: {team: kcc}", "first: {team: kcc, menu: a}", "agents:",
				strings.Replace(menu, "{team: kcc}", "{}", 1),
			},
			[]string{
				`9: entries[0].first: a call cannot go to menu and team at once; keep one of them`,
				`11: menus.a.options.1: there is nothing in it; write keys and values under it, or leave the key out`,
			},
		},
		"a menu that is silent": {
			[]string{"first: {team: kcc}", "first: {menu: a}", "agents:", strings.Replace(menu, "[welcome]", "[]", 1)},
			[]string{`11: menus.a.prompts: the menu says nothing; name the texts that it speaks`},
		},
		"a piece of a sentence as a text": {
			[]string{"first: {team: kcc}", "welcome: number-5, first: {team: kcc}"},
			[]string{
				`9: entries[0].welcome: "number-5" is a piece of the sentences that the program composes; ` +
					`write a whole sentence under texts, and name that`,
			},
		},
		"a text that callers in English do not have": {
			[]string{
				"agents:",
				"  - {number: \"9001\", language: en, welcome: hallo, first: {menu: a}}\ntexts: {nl: {hallo: Hallo., keus: Toets 1.}}\n" + strings.Replace(menu, "[welcome]", "[keus]", 1),
			},
			[]string{
				`10: entries[1].welcome: "hallo" has no text in the language en, which callers here have chosen; ` +
					`add it under texts.en`,
				`13: menus.a.prompts[0]: "keus" has no text in the language en, which callers here have chosen; ` +
					`add it under texts.en`,
			},
		},
		"texts that cannot be spoken": {
			[]string{
				"agents:",
				"texts:\n  nl:\n    leeg: \"...\"\n    number-5: Vijf.\n    Groot: Hallo.\n  fr: {bonjour: Bonjour.}\nagents:",
			},
			[]string{
				`12: texts.nl.leeg: the text has nothing to speak; write a sentence`,
				`13: texts.nl.number-5: this name belongs to a part that the program joins to others; ` +
					`choose another name`,
				`14: texts.nl.Groot: "Groot" is not of the right form; ` +
					`the name of a prompt has small letters, digits and single hyphens, as in menu-permits`,
				`15: texts.fr: the language "fr" cannot be spoken; write nl or en`,
			},
		},
		"another key for a callback, but not the words": {
			[]string{
				"members: [kcc1]", "members: [kcc1], callback: {key: 5}", "agents:",
				"texts: {nl: {offer-callback: Toets 5.}}\nagents:",
			},
			[]string{
				`14: teams.kcc.callback.key: the text offer-callback-again tells callers to press 1; ` +
					`leave the key at 1, or give offer-callback-again other words under texts.nl`,
			},
		},
		"a contact centre without people": {
			[]string{"members: [kcc1]", "members: []"},
			[]string{
				`13: teams.kcc.members: nobody is in it, and callers of deventer who press nothing end here; ` +
					`name at least one agent`,
			},
		},
		"a team without people that offers nothing": {
			[]string{"members: [kcc1]}", "members: [kcc1]}\n  b: {name: B, callback: {enabled: false}}"},
			[]string{
				`14: teams.b.members: nobody is in it, and it offers neither a callback nor another team; ` +
					`name agents, set callback.enabled: true, or name a team under overflow`,
			},
		},
		"members twice": {
			[]string{"members: [kcc1]", "members: [kcc1, kcc1]"},
			[]string{`13: teams.kcc.members[1]: kcc1 is here twice; keep one of the two`},
		},
		"two agents with one phone": {
			[]string{"agents:", "agents:\n  zz: {endpoint: PJSIP/kcc1}"},
			[]string{
				`12: agents.kcc1.endpoint: PJSIP/kcc1 is the phone of zz already; ` +
					`give each agent a phone of their own; one agent may be a member of several teams`,
			},
		},
		"phones that Asterisk would take for something else": {
			[]string{"PJSIP/kcc1", "PJSIP/kcc1&PJSIP/trunk", "agents:", "agents:\n  b: {endpoint: kcc2}"},
			[]string{
				`11: agents.b.endpoint: "kcc2" is not of the right form; ` +
					`write it as Asterisk dials it, TECHNOLOGY/name, such as PJSIP/kcc1 or PJSIP/1234@pbx`,
				`12: agents.kcc1.endpoint: "PJSIP/kcc1&PJSIP/trunk" is not of the right form; ` +
					`write it as Asterisk dials it, TECHNOLOGY/name, such as PJSIP/kcc1 or PJSIP/1234@pbx`,
			},
		},
		"callers who go round between teams": {
			[]string{
				"members: [kcc1]}",
				"members: [kcc1], overflow: b}\n  b: {name: B, members: [kcc1], overflow: c}\n  c: {name: C, members: [kcc1], overflow: b}",
			},
			[]string{
				`14: teams.b.overflow: callers would go round: b → c → b; let one of these teams have no overflow`,
			},
		},
		"a longest wait that leads nowhere": {
			[]string{"members: [kcc1]", "members: [kcc1], max_wait: 5m"},
			[]string{
				`13: teams.kcc.max_wait: there is no team to which callers go after it; ` +
					`add overflow: with a team, or leave max_wait out`,
			},
		},
		"times without a unit, too long, too short and no time": {
			[]string{
				"members: [kcc1]",
				"members: [kcc1], ring_time: 20, retry: 1h, wrap_up: -1s, missed_pause: soon, announce: 1s",
			},
			[]string{
				`13: teams.kcc.announce: 1s would leave no time between announcements; ` +
					`write at least 5s, or 0s for none`,
				`13: teams.kcc.missed_pause: it must be a length of time, not the text "soon"; ` +
					`write it with a unit, such as 5m`,
				`13: teams.kcc.retry: 1h is out of range; it may be from 1s to 10m`,
				`13: teams.kcc.ring_time: it is the number 20 without a unit; write 20s for seconds or 20m for minutes`,
				`13: teams.kcc.wrap_up: -1s is out of range; it may be from 0s to 1h`,
			},
		},
		"whole numbers that are none": {
			[]string{
				"members: [kcc1]", "members: [kcc1], priority: 010, missed_limit: 1.5, strategy: random, own_days: yes",
			},
			[]string{
				`13: teams.kcc.missed_limit: it must be a whole number, not the number 1.5; ` +
					`write a whole number from 0 to 100, without quotes`,
				`13: teams.kcc.own_days: it must be true or false, not the text "yes"; ` +
					`write true or false, without quotes`,
				`13: teams.kcc.priority: it must be a whole number, not the number 010; ` +
					`write a whole number from -100 to 100, without quotes`,
				`13: teams.kcc.strategy: "random" is not one of its values; ` +
					`write longest_idle, ring_all or fixed_order`,
			},
		},
		"numbers and yes-or-no values in quotes, and out of range": {
			[]string{
				"members: [kcc1]",
				"members: [kcc1], priority: \"3\", missed_limit: 101, own_days: \"true\"}\n  b: {name: B, members: [kcc1], missed_limit: -1, priority: +5",
			},
			[]string{
				`13: teams.kcc.missed_limit: 101 is out of range; write a whole number from 0 to 100, without quotes`,
				`13: teams.kcc.own_days: it must be true or false, not the text "true"; ` +
					`write true or false, without quotes`,
				`13: teams.kcc.priority: it must be a whole number, not the text "3"; ` +
					`write a whole number from -100 to 100, without quotes`,
				`14: teams.b.missed_limit: -1 is out of range; write a whole number from 0 to 100, without quotes`,
				`14: teams.b.priority: it must be a whole number, not the number +5; ` +
					`write a whole number from -100 to 100, without quotes`,
			},
		},
		"hours that are malformed, overlap, or are on no day": {
			[]string{
				`{weekdays: ["09:00-17:00"]}`,
				`{weekdays: ["09:00-12:00", "11:00-17:00"], monday: ["9-17", "17:00-09:00", "09:00-25:00"], ` +
					`tuesday: "09:00-17:00", maandag: ["09:00-17:00"], fryday: []}`,
			},
			[]string{
				`7: municipalities.deventer.hours.fryday: "fryday" is not a day of the week; did you mean friday?`,
				`7: municipalities.deventer.hours.maandag: "maandag" is not a day of the week; ` +
					`the days are weekdays, monday, tuesday, wednesday, thursday, friday, saturday or sunday`,
				`7: municipalities.deventer.hours.monday[0]: "9" is not a time of day; write it as 09:00`,
				`7: municipalities.deventer.hours.monday[1]: 17:00-09:00 ends before it begins; ` +
					`a span past midnight is written as two: until 24:00 and, on the next day, from 00:00`,
				`7: municipalities.deventer.hours.monday[2]: "25:00" is not a time of day; ` +
					`it must lie between 00:00 and 24:00`,
				`7: municipalities.deventer.hours.tuesday: it must be a list, not the text "09:00-17:00"; ` +
					`write it between brackets, such as {weekdays: [09:00-17:00]}`,
				`7: municipalities.deventer.hours.weekdays: 09:00-12:00 and 11:00-17:00 overlap; ` +
					`let each span begin where the one before has ended`,
			},
		},
		"a municipality that is never open on a working day": {
			[]string{"{weekdays:", "{saturday:"},
			[]string{
				`7: municipalities.deventer.hours: the municipality has no opening hours from Monday to Friday, so ` +
					`that no deadline could be counted; add hours, such as {weekdays: [09:00-17:00]}`,
			},
		},
		"exceptions that are wrong": {
			[]string{
				`["09:00-17:00"]}`,
				"[\"09:00-17:00\"]}\n    exceptions:\n      - {date: 2026-02-30}\n      - {date: 2026-12-24, hours: [\"9\"]}\n      - {date: \"2026-12-24\"}\n      - {reason: Zomaar}\n      - 2026-12-31",
			},
			[]string{
				`9: municipalities.deventer.exceptions[0].date: "2026-02-30" is not a date that exists; ` +
					`write it as 2026-04-27`,
				`10: municipalities.deventer.exceptions[1].hours[0]: "9" is not a span of hours; ` +
					`write it as 09:00-17:00`,
				`11: municipalities.deventer.exceptions[2].date: 2026-12-24 is here twice, first on line 10; ` +
					`keep one of the two`,
				`12: municipalities.deventer.exceptions[3].date: it is missing; add date: 2026-12-24`,
				`13: municipalities.deventer.exceptions[4]: it must hold keys with values, not the date 2026-12-31; ` +
					`write keys and values under it`,
			},
		},
		"several municipalities, and what then must be said": {
			[]string{
				"\n    hours: {weekdays: [\"09:00-17:00\"]}",
				"\n    hours: {weekdays: [\"09:00-17:00\"]}\n  raalte: {name: Raalte, contact: r, caller_id: \"+31140572\", hours: {friday: [\"09:00-12:00\"]}}",
				"{number: \"140570\", first: {team: kcc}}",
				"{number: \"140570\", municipality: deventer, first: {menu: a}}\n  - {number: \"140572\", municipality: raalte, first: {menu: a}}\n  - {number: \"9001\", first: {team: kcc}}",
				"agents:", menu,
				"members: [kcc1]}",
				"members: [kcc1], municipality: deventer}\n  r: {name: R, municipality: ralte, members: [kcc1]}",
			},
			[]string{
				`12: entries[2].municipality: it is missing, and there is more than one municipality; ` +
					`add municipality: deventer, or another one`,
				`14: menus.a.stay_on_line: callers of deventer and raalte come here, whose contact centres may ` +
					`differ; add stay_on_line: {team: …}, or give each municipality a menu of its own`,
				`19: teams.r.municipality: "ralte" is not under municipalities; did you mean raalte?`,
			},
		},
		"passwords in the file": {
			[]string{
				"agents:",
				"ari: {password: hush-hush, url: \"ws://joe:hush-hush@127.0.0.1/ari/events\"}\nredis: {password: hush-hush}\nagents:",
			},
			[]string{
				`10: ari.password: a password does not belong in this file; ` +
					`take it out, change it, and give it by an environment variable or password_file`,
				`10: ari.url: it holds more than an address; ` +
					`leave out user, password and everything after a question mark: they have keys of their own`,
				`11: redis.password: a password does not belong in this file; ` +
					`take it out, change it, and give it by an environment variable or password_file`,
			},
		},
		"addresses, paths, zones and countries": {
			[]string{
				"agents:",
				"ari: {url: \"ws://10.0.0.1:8088/ari/events\", application: \"a b\"}\nredis: {address: localhost}\nlisten: {operations: \"127.0.0.1:99999\"}\nprompts: {directory: prompts, asterisk_directory: \"/a b\"}\ncallbacks: {countries: [nl, XX]}\nkpi: {short_abandon: 40s}\nagents:",
				"name: Deventer", "name: Deventer\n    time_zone: Deventer",
			},
			[]string{
				`5: municipalities.deventer.time_zone: "Deventer" is not a time zone; write it as Europe/Amsterdam`,
				`11: ari.application: "a b" is not of the right form; ` +
					`use letters, digits, dots, hyphens and underscores, at most 53`,
				`11: ari.url: ARI would go over the network in plain text; ` +
					`run the daemon beside Asterisk on 127.0.0.1, or use wss://`,
				`12: redis.address: "localhost" is not an address with a port; ` +
					`write host:port, such as 127.0.0.1:9570; an IPv6 address goes in brackets`,
				`13: listen.operations: "99999" is not a port; write host:port, such as 127.0.0.1:9570; ` +
					`an IPv6 address goes in brackets`,
				`14: prompts.asterisk_directory: Asterisk cannot play sounds from a path with spaces, quotes or one ` +
					`of ,&|?* in it; choose a plain path`,
				`14: prompts.directory: "prompts" is not a full path; ` +
					`write the path from the root, such as /var/lib/bereikbaar`,
				`15: callbacks.countries[0]: "nl" is not a country with telephone numbers; ` +
					`write its code of two capitals, such as NL, BE or DE`,
				`15: callbacks.countries[1]: "XX" is not a country with telephone numbers; ` +
					`write its code of two capitals, such as NL, BE or DE`,
				`16: kpi.short_abandon: it is not shorter than kpi.answer_threshold; leave it at 5s`,
			},
		},
		"addresses that are not ARI's": {
			[]string{"agents:", "ari: {url: \"http://10.0.0.1/ari\"}\nagents:"},
			[]string{
				`10: ari.url: ARI would go over the network in plain text; ` +
					`run the daemon beside Asterisk on 127.0.0.1, or use wss://`,
			},
		},
		"no address at all": {
			[]string{"agents:", "ari: {url: \"127.0.0.1:8088\"}\nagents:"},
			[]string{`10: ari.url: it is not the address of ARI; write it as ws://127.0.0.1:8088/ari/events`},
		},
		"no country": {
			[]string{"agents:", "callbacks: {countries: []}\nagents:"},
			[]string{
				`10: callbacks.countries: no country may be rung back; ` +
					`name at least one, such as NL, or leave the key out; ` +
					`callback.enabled: false under a team ends its offers`,
			},
		},
		"leases, warnings and attempts that cannot be": {
			[]string{
				"agents:",
				"callbacks:\n  lease: 30s\n  warn_percent: 100\n  retention_days: 3651\n  attempts:\n    least: 0\n    parts: [noon, \"25:00\", \"00:00\", \"24:00\", \"12:00\", 12:00, 12]\nagents:",
			},
			[]string{
				`11: callbacks.lease: 30s is out of range; it may be from 1m to 8h`,
				`12: callbacks.warn_percent: 100 is out of range; write a whole number from 0 to 99, without quotes`,
				`13: callbacks.retention_days: 3651 is out of range; ` +
					`write a whole number from 0 to 3650, without quotes`,
				`15: callbacks.attempts.least: 0 is out of range; write a whole number from 1 to 10, without quotes`,
				`16: callbacks.attempts.parts[0]: "noon" is not a time of day; write it as 09:00`,
				`16: callbacks.attempts.parts[1]: "25:00" is not a time of day; it must lie between 00:00 and 24:00`,
				`16: callbacks.attempts.parts[2]: 00:00 does not divide a day, which begins and ends there; ` +
					`write a time within the day, such as 12:00, or leave it out`,
				`16: callbacks.attempts.parts[3]: 24:00 does not divide a day, which begins and ends there; ` +
					`write a time within the day, such as 12:00, or leave it out`,
				`16: callbacks.attempts.parts[5]: 12:00 is here twice; keep one of the two`,
				`16: callbacks.attempts.parts[6]: it must be text, not the number 12; ` +
					`put it in quotes, as "12", if that is meant`,
			},
		},
		"no number": {
			[]string{"entries:\n  - {number: \"140570\", first: {team: kcc}}", "entries: []"},
			[]string{
				`8: entries: no number is answered; ` +
					`add the number that callers dial, such as [{number: "140570", first: {team: kcc}}]`,
			},
		},
		"values that are not there": {
			[]string{"name: Deventer", "name:", "members: [kcc1]", "members: [kcc1, ], music: \"\", greeting: ~"},
			[]string{
				`4: municipalities.deventer.name: it has no value; ` +
					`write a value, such as Deventer, or leave the key out`,
				`13: teams.kcc.music: it is empty; write a value, such as default, or leave the key out`,
				`13: teams.kcc.greeting: it has no value; write a value, such as searching-agent, or leave the key out`,
			},
		},
		"anchors, aliases and merging": {
			[]string{
				"  kcc1: {endpoint: PJSIP/kcc1}",
				"  kcc1: &one {endpoint: PJSIP/kcc1}\n  kcc2: *one\n  kcc3:\n    <<: *one",
			},
			[]string{
				`11: agents.kcc1: anchors (&) and aliases (*) are not read here; write the value out; ` +
					`a text that begins with & or * goes in quotes`,
				`12: agents.kcc2: anchors (&) and aliases (*) are not read here; write the value out; ` +
					`a text that begins with & or * goes in quotes`,
				`14: agents.kcc3.<<: merging (<<) is not read here; write the keys out`,
				`13: agents.kcc3.endpoint: it is missing; add endpoint: PJSIP/kcc1`,
			},
		},
		"a whole section of the wrong kind": {
			[]string{"teams:\n  kcc: {name: KCC, members: [kcc1]}", "teams: [kcc]"},
			[]string{
				`12: teams: it must hold keys with values, not a list; ` +
					`write keys and values under it, such as {kcc: {name: KCC, members: [kcc1]}}`,
			},
		},
		"types of YAML's own": {
			[]string{"name: Deventer", "name: !!binary RGV2ZW50ZXI=", "name: KCC", "name: !town KCC"},
			[]string{
				`4: municipalities.deventer.name: it must be text, not a value of the type !!binary; ` +
					`put it in quotes, as "RGV2ZW50ZXI=", if that is meant`,
				`13: teams.kcc.name: it must be text, not a value of the type !town; ` +
					`put it in quotes, as "KCC", if that is meant`,
			},
		},
		"a key that is no word": {
			[]string{"name: KCC", "[a, b]: c, name: KCC"},
			[]string{`13: teams.kcc.?: a key must be a plain word; a key that begins with *, & or ? goes in quotes`},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			problems := refused(t, changed(t, smallest, test.change...))
			require.ElementsMatch(t, test.want, listed(problems))
			for i := 1; i < len(problems); i++ {
				require.LessOrEqual(t, problems[i-1].Line, problems[i].Line, "problems come in the order of the file")
			}
		})
	}
}

func TestTextThatIsNotYAML(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		line int
		want string
	}{
		"nothing":            {"", 1, "the file is empty"},
		"only comments":      {"# a\n# b\n", 1, "the file is empty"},
		"only a line":        {"---\n", 1, "the file is empty"},
		"a list":             {"# a\n- b\n", 2, "a list instead of keys with values"},
		"a word":             {"hello\n", 1, `the text "hello" instead of keys`},
		"a tab":              {"ari:\n\turl: x\n", 2, "a tab stands before the text"},
		"a tab after spaces": {"ari:\n  \turl: x\n", 2, "a tab stands before the text"},
		"a quote left open": {
			"ari:\n  url: \"x\nlisten:\n  operations: y\n", 2, "cannot be read as YAML",
		},
		"a bracket left open": {"a: b\nc: [d, e\nf: g\n", 2, "cannot be read as YAML"},
		"wrong indentation": {
			"ari:\n  url: x\n   application: y\nlog:\n  level: info\n", 3, "cannot be read as YAML",
		},
		"two colons": {"a: b\nc: d: e\nf: g\n", 2, "cannot be read as YAML"},
		"after brackets over several lines": {
			"a: [b,\n  c,\n  d,\n  e,\n  f]\ng: h\ni: j\nk: l: m\n", 8, "cannot be read as YAML",
		},
		"an alias of nothing": {"a: b\nc: *d\n", 2, "cannot be read as YAML"},
		"two documents":       {"a: b\n---\nc: d\n", 2, "a second document begins here"},
		"a picture":           {"\x89PNG\r\n\x1a\n\x00\x00", 1, "not text in UTF-8"},
		"zeros":               {"a: b\nc: \x00\n", 2, "not text in UTF-8"},
		"UTF-16":              {"\xff\xfea\x00:\x00", 1, "not text in UTF-8"},
		"Latin-1":             {"a: b\nc: caf\xe9\n", 2, "not text in UTF-8"},
		"a thousand brackets": {strings.Repeat("[", 100000), 1, "cannot be read as YAML"},
		"a key of many megabyte": {
			"a: " + strings.Repeat("x", 900000) + "\nb: [", 2, "cannot be read as YAML",
		},
	} {
		t.Run(name, func(t *testing.T) {
			problems := refused(t, test.text)
			require.Len(t, problems, 1)
			require.Contains(t, problems[0].What, test.want)
			require.Equal(t, test.line, problems[0].Line)
			require.Less(t, len(problems.Error()), 1000)
		})
	}
}

func TestProblemsAreListedAPerLine(t *testing.T) {
	path := write(t, changed(t, smallest, "name: KCC", "nam: KCC", "PJSIP/", "PJSIP"))
	_, err := config.Load(path, nil)
	require.EqualError(t, err, fmt.Sprintf(`%[1]s:11: agents.kcc1.endpoint: "PJSIPkcc1" is not of the right form; write it as Asterisk dials it, TECHNOLOGY/name, such as PJSIP/kcc1 or PJSIP/1234@pbx
%[1]s:13: teams.kcc.nam: this key is not known; did you mean name?
%[1]s:13: teams.kcc.name: it is missing; add name: Vergunningen`, path))
}
