package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/townhall"
)

// run runs the command as the shell does: its standard output, and its error.
func run(t testing.TB, path string, args ...string) (string, error) {
	t.Helper()
	var out, problems bytes.Buffer
	cmd := root(io.Discard)
	cmd.SetOut(&out)
	cmd.SetErr(&problems)
	cmd.SetArgs(append(args, "--config", path))
	err := cmd.ExecuteContext(t.Context())
	if err != nil {
		require.Empty(t, out.String(), "a command that fails prints no answer")
	}
	return out.String(), err
}

func TestDeadlineCommand(t *testing.T) {
	tests := map[string]struct{ team, at, want string }{
		"Friday at four, as the norm says": {"kcc", "2026-11-20 16:00", "2026-11-23T17:00:00+01:00"},
		"a minute before opening":          {"kcc", "2026-02-02 08:59", "2026-02-03T17:00:00+01:00"},
		"a minute before closing":          {"kcc", "2026-02-02 16:59", "2026-02-03T17:00:00+01:00"},
		"a minute after closing":           {"kcc", "2026-02-02 17:01", "2026-02-03T17:00:00+01:00"},
		"on Saturday":                      {"kcc", "2026-11-21 11:00", "2026-11-23T17:00:00+01:00"},
		// Saturday already
		"in RFC 3339, of another zone":             {"kcc", "2026-11-20T23:30:00Z", "2026-11-23T17:00:00+01:00"},
		"before Easter":                            {"kcc", "2026-04-03 16:00", "2026-04-07T17:00:00+02:00"},
		"before King's Day 2025, kept on the 26th": {"kcc", "2025-04-25 16:00", "2025-04-28T17:00:00+02:00"},
		"before King's Day 2026":                   {"kcc", "2026-04-24 16:00", "2026-04-28T17:00:00+02:00"},
		"before 5 May":                             {"kcc", "2026-05-04 16:00", "2026-05-06T17:00:00+02:00"},
		"before Ascension, closed on the Friday":   {"kcc", "2026-05-13 11:00", "2026-05-18T17:00:00+02:00"},
		"before Whit Monday":                       {"kcc", "2026-05-22 11:00", "2026-05-26T17:00:00+02:00"},
		"before Christmas on Thursday and Friday":  {"kcc", "2025-12-24 11:00", "2025-12-29T17:00:00+01:00"},
		"before Christmas Eve until noon":          {"kcc", "2026-12-23 11:00", "2026-12-24T12:00:00+01:00"},
		"before New Year":                          {"kcc", "2026-12-31 11:00", "2027-01-04T17:00:00+01:00"},
		"over the change to summer time":           {"kcc", "2026-03-27 16:00", "2026-03-30T17:00:00+02:00"},
		"over the change to winter time":           {"kcc", "2026-10-23 16:00", "2026-10-26T17:00:00+01:00"},
		"the second time of the doubled hour":      {"kcc", "2026-10-25T02:30:00+01:00", "2026-10-26T17:00:00+01:00"},
		"two days a week does not stretch it":      {"parttime", "2026-02-03 11:00", "2026-02-04T17:00:00+01:00"},
		"two days a week, due on its own day":      {"parttime", "2026-02-02 11:00", "2026-02-03T15:00:00+01:00"},
		"own days":                                 {"owndays", "2026-02-03 11:00", "2026-02-05T15:00:00+01:00"},
		"own days, 5 May is its Tuesday":           {"owndays", "2026-05-04 11:00", "2026-05-07T15:00:00+02:00"},
		"the same time":                            {"strict", "2026-02-06 10:15", "2026-02-09T10:15:00+01:00"},
	}
	path := townhall.Written(t, townhall.YAML)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, path, "deadline", "--team", test.team, "--at", test.at, "--json")
			require.NoError(t, err)
			var answer struct{ Deadline, Team string }
			require.NoError(t, json.Unmarshal([]byte(out), &answer))
			require.Equal(t, test.want, answer.Deadline, out)
			require.Equal(t, test.team, answer.Team)
		})
	}
}

func TestDeadlineIsPrinted(t *testing.T) {
	path := townhall.Written(t, townhall.YAML)
	out, err := run(t, path, "deadline", "--team", "parttime", "--at", "2026-05-13 11:00", "--json")
	require.NoError(t, err)
	require.JSONEq(t, `{
  "deadline": "2026-05-18T17:00:00+02:00",
  "warn": "2026-05-18T10:00:00+02:00",
  "team": "parttime",
  "made": "2026-05-13T11:00:00+02:00",
  "rule": "closing_time",
  "steps": [
    "Wednesday 13 May 2026: the note is made at 11:00 (Europe/Amsterdam), the day itself does not count",
    "Thursday 14 May 2026: no working day (Hemelvaartsdag)",
    "Friday 15 May 2026: no working day (Dag na Hemelvaart)",
    "Saturday 16 May 2026: no working day (closed on Saturdays)",
    "Sunday 17 May 2026: no working day (closed on Sundays)",
    "Monday 18 May 2026: the first working day, the team is closed (closed on Mondays), the municipality's closing time counts: 17:00"
  ]
}
`, out)
	out, err = run(t, path, "deadline", "--team", "owndays", "--at", "2026-02-06 16:00")
	require.NoError(t, err)
	require.Equal(t, `deadline  Tuesday 10 February 2026 15:00 CET
warning   Tuesday 10 February 2026 12:00 CET
rule      closing_time

Friday 6 February 2026: the note is made at 16:00 (Europe/Amsterdam), the day itself does not count
Saturday 7 February 2026: no working day (closed on Saturdays)
Sunday 8 February 2026: no working day (closed on Sundays)
Monday 9 February 2026: no working day (closed on Mondays)
Tuesday 10 February 2026: the first working day, closing time 15:00
`, out)
}

func TestDeadlineWarnsAsConfigured(t *testing.T) {
	for percent, want := range map[string]string{"25": `"warn": "2026-11-23T10:15:00+01:00"`, "0": `"warn": null`} {
		path := townhall.Written(t, townhall.YAML, "agents:", "callbacks: {warn_percent: "+percent+"}\nagents:")
		out, err := run(t, path, "deadline", "--team", "kcc", "--at", "2026-11-20 16:00", "--json")
		require.NoError(t, err)
		require.Contains(t, out, want)
	}
	path := townhall.Written(t, townhall.YAML, "agents:", "callbacks: {warn_percent: 0}\nagents:")
	out, err := run(t, path, "deadline", "--team", "kcc", "--at", "2026-11-20 16:00")
	require.NoError(t, err)
	require.Contains(t, out, "warning   none\n")
}

func TestHoursCommand(t *testing.T) {
	path := townhall.Written(t, townhall.YAML)
	out, err := run(t, path, "hours", "--team", "owndays", "--month", "2026-05")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	require.Len(t, lines, 32, "a heading and 31 days")
	require.Equal(t, `date        day        hours                    working day  why`, lines[0])
	require.Equal(t, `2026-05-04  Monday     closed                   no           closed on Mondays`, lines[4])
	require.Equal(t, `2026-05-05  Tuesday    closed                   no           Bevrijdingsdag`, lines[5])
	require.Equal(t, `2026-05-07  Thursday   10:00-15:00              yes`, lines[7])
	require.Equal(t, `2026-05-12  Tuesday    10:00-12:00 13:00-15:00  yes`, lines[12])
	require.Equal(t, `2026-05-15  Friday     closed                   no           Dag na Hemelvaart`, lines[15])

	out, err = run(t, path, "hours", "--team", "parttime", "--month", "2026-12", "--json")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(out, `{
  "team": "parttime",
  "month": "2026-12",
  "time_zone": "Europe/Amsterdam",
  "days": [
    {
      "date": "2026-12-01",
      "weekday": "Tuesday",
      "hours": [
        "10:00-15:00"
      ],
      "working_day": true,
      "why": ""
    },
    {
      "date": "2026-12-02",
      "weekday": "Wednesday",
      "hours": [],
      "working_day": true,
      "why": "closed on Wednesdays"
    },
`), out)
	var answer hoursAnswer
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.Len(t, answer.Days, 31)
	require.Equal(
		t, dayAnswer{"2026-12-24", "Thursday", []string{"10:00-12:00"}, true, "special hours"}, answer.Days[23],
	)
	require.Equal(t, dayAnswer{"2026-12-25", "Friday", []string{}, false, "Eerste Kerstdag"}, answer.Days[24])
}

func TestNumberCommand(t *testing.T) {
	tests := map[string]struct {
		number string
		want   numberAnswer
	}{
		"mobile": {
			"06 12345678", numberAnswer{E164: "+31612345678", Kind: "mobile", Country: "NL", CallbackAllowed: true},
		},
		"Deventer": {
			"0570693911", numberAnswer{E164: "+31570693911", Kind: "geographic", Country: "NL", CallbackAllowed: true},
		},
		"business": {
			"088-1234567", numberAnswer{E164: "+31881234567", Kind: "business", Country: "NL", CallbackAllowed: true},
		},
		"with two zeros": {
			"0031612345678", numberAnswer{E164: "+31612345678", Kind: "mobile", Country: "NL", CallbackAllowed: true},
		},
		"an allowed country": {
			"+32 470 12 34 56",
			numberAnswer{E164: "+32470123456", Kind: "mobile", Country: "BE", CallbackAllowed: true},
		},
		"a country that is not": {
			"+33612345678",
			numberAnswer{
				E164: "+33612345678", Kind: "mobile", Country: "FR", Code: "country",
				Reason: "numbers of country FR are not called back",
			},
		},
		"14 0570": {
			"14 0570",
			numberAnswer{
				E164: "+31140570", Kind: "municipal", Country: "NL", Code: "kind",
				Reason: "a municipal number is never called back",
			},
		},
		"freephone": {
			"0800-1234",
			numberAnswer{
				E164: "+318001234", Kind: "freephone", Country: "NL", Code: "kind",
				Reason: "a freephone number is never called back",
			},
		},
		"premium": {
			"0900-1234",
			numberAnswer{
				E164: "+319001234", Kind: "premium", Country: "NL", Code: "kind",
				Reason: "a premium number is never called back",
			},
		},
		"satellite": {
			"+881612345678",
			numberAnswer{
				E164: "+881612345678", Kind: "satellite", Country: "001", Code: "kind",
				Reason: "a satellite number is never called back",
			},
		},
		"with a no-break space": {
			"06\u00a012345678",
			numberAnswer{E164: "+31612345678", Kind: "mobile", Country: "NL", CallbackAllowed: true},
		},
		"as a tel: address": {
			"tel:+31-6-12345678",
			numberAnswer{E164: "+31612345678", Kind: "mobile", Country: "NL", CallbackAllowed: true},
		},
		"premium, dressed up": {
			"\u202d０９００/1234\u202c",
			numberAnswer{
				E164: "+319001234", Kind: "premium", Country: "NL", Code: "kind",
				Reason: "a premium number is never called back",
			},
		},
		"112": {
			"112",
			numberAnswer{
				Kind: "unknown", Code: "invalid", Reason: "not a number that exists: no valid telephone number",
			},
		},
		"a digit short": {
			"061234567",
			numberAnswer{
				Kind: "unknown", Code: "invalid", Reason: "not a number that exists: no valid telephone number",
			},
		},
		"nothing": {
			"", numberAnswer{Kind: "unknown", Code: "invalid", Reason: "empty: no valid telephone number"},
		},
		"a name": {
			"anonymous",
			numberAnswer{
				Kind: "unknown", Code: "invalid",
				Reason: `"a" (U+0061) is a letter and no part of a number: no valid telephone number`,
			},
		},
		"a dial string of a kind": {
			"0612345678,,9",
			numberAnswer{
				Kind: "unknown", Code: "invalid",
				Reason: `"," (U+002C) is no part of a number, write one number and nothing else: no valid telephone number`,
			},
		},
	}
	path := townhall.Written(t, townhall.YAML, "agents:", "callbacks: {countries: [NL, BE]}\nagents:")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, path, "number", test.number, "--json")
			require.NoError(t, err, "a number that may not be called back is an answer, not a fault")
			var answer numberAnswer
			require.NoError(t, json.Unmarshal([]byte(out), &answer))
			require.Equal(t, test.want, answer)
		})
	}
	out, err := run(t, path, "number", "0900-1234", "--json")
	require.NoError(t, err)
	require.JSONEq(t, `{
  "e164": "+319001234",
  "kind": "premium",
  "country": "NL",
  "callback_allowed": false,
  "code": "kind",
  "reason": "a premium number is never called back"
}
`, out)
	out, err = run(t, path, "number", "112")
	require.NoError(t, err)
	require.Equal(
		t,
		"number     none\nkind       unknown\ncountry    none\ncall back  no: not a number that exists: no valid telephone number\n",
		out,
	)
}

// Several municipalities must be told apart, and one need not be named.
func TestWhichMunicipality(t *testing.T) {
	path := townhall.Written(t, townhall.YAML,
		"\nentries:",
		"\n  raalte: {name: Raalte, contact: r, caller_id: \"+31140572\", hours: {friday: [\"09:00-12:00\"]}}\nentries:",
		"{number: \"140570\", ", "{number: \"140570\", municipality: deventer, ", "{name: KCC, ",
		"{name: KCC, municipality: deventer, ",
		"{name: Twee dagen, ", "{name: Twee dagen, municipality: deventer, ", "{name: Eigen dagen, ",
		"{name: Eigen dagen, municipality: deventer, ",
		"{name: Streng, members: [kcc1], norm: same_time}", "{name: Streng, municipality: deventer, members: [kcc1]}\n  r: {name: R, municipality: raalte, members: [kcc1]}")
	_, err := run(t, path, "number", "0612345678")
	require.EqualError(t, err, "--municipality is missing: name one of deventer, raalte")
	_, err = run(t, path, "number", "0612345678", "--municipality", "olst")
	require.EqualError(t, err, `--municipality "olst" is not in `+path+": name one of deventer, raalte")
	out, err := run(t, path, "number", "0612345678", "--municipality", "raalte")
	require.NoError(t, err)
	require.Contains(t, out, "call back  yes")
	out, err = run(t, path, "deadline", "--team", "r", "--at", "2026-02-02 10:00", "--json")
	require.NoError(t, err)
	require.Contains(t, out, `"deadline": "2026-02-06T12:00:00+01:00"`, "the town's own working days")
}

func TestBadUsage(t *testing.T) {
	path := townhall.Written(t, townhall.YAML)
	broken := townhall.Written(t, townhall.YAML, "members: [kcc1], norm: same_time", "members: [kcc9]")
	tests := map[string]struct {
		path string
		args string // blanks part them
		want string
	}{
		"no team": {
			path, "deadline", "--team is missing: name one of kcc, owndays, parttime, strict",
		},
		"a team that is not there": {
			path, "deadline --team verg",
			`--team "verg" is not in ` + path + ": name one of kcc, owndays, parttime, strict",
		},
		"hours of such a team": {path, "hours --team verg", `--team "verg" is not in`},
		"no moment": {
			path, "deadline --team kcc --at morgen",
			`--at: "morgen" is not a moment that exists, write it as 2026-11-20 16:00 (in Europe/Amsterdam)`,
		},
		"an empty moment is not now":   {path, "deadline --team kcc --at=", `--at: "" is not a moment`},
		"an hour that the clocks skip": {path, "deadline --team kcc --at 2026-03-29T02:30", "the clocks skip it"},
		"a day that does not exist": {
			path, "deadline --team kcc --at 2026-02-30T10:00", "not a moment that exists",
		},
		"a year without clocks": {
			path, "deadline --team kcc --at 1800-01-01T10:00",
			"team kcc: a deadline cannot be counted from the year 1800",
		},
		"no month": {
			path, "hours --team kcc --month mei", `--month: "mei" is not a month, write it as 2026-05`,
		},
		"an empty month": {path, "hours --team kcc --month=", `--month: "" is not a month`},
		"no number":      {path, "number", "give one number, not 0"},
		"two numbers": {
			path, "number 14 0570", `give one number, not 2: one with blanks in it goes in quotes, as "14 0570"`,
		},
		"an option that is not there":  {path, "deadline --teem kcc", "unknown flag: --teem"},
		"a word too many":              {path, "hours kcc", "unknown command"},
		"a configuration with a fault": {broken, "deadline --team kcc", errReported.Error()},
		"a number, and such a fault":   {broken, "number 112", errReported.Error()},
		"hours, and such a fault":      {broken, "hours --team kcc", errReported.Error()},
		"no configuration":             {"/nonexistent/bereikbaar.yaml", "number 112", errReported.Error()},
		"a municipality that is not it": {
			path, "number 112 --municipality raalte", `--municipality "raalte" is not in`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, test.path, strings.Fields(test.args)...)
			require.ErrorContains(t, err, test.want)
			require.Equal(t, 1, exitCode(err))
		})
	}
}

// A team need not be named where there is only one.
func TestTheOnlyTeam(t *testing.T) {
	only := townhall.YAML[:strings.Index(townhall.YAML, "  parttime:")]
	out, err := run(t, townhall.Written(t, only), "deadline", "--at", "2026-11-20 16:00")
	require.NoError(t, err)
	require.Contains(t, out, "deadline  Monday 23 November 2026 17:00 CET")
}
