package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/daemon"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/townhall"
	"github.com/bereikbaar/bereikbaar/web/api"
)

// counter is an operator at the machine, with a Redis of their own.
type counter struct{ *townhall.Office }

func atTheCounter(t *testing.T) *counter {
	t.Helper()
	return &counter{townhall.Open(t, func(cfg *config.Config) (*redisstore.Store, *callback.Service) {
		settings := daemon.NewSettings(cfg)
		store := redisstore.Open(daemon.RedisOptions(cfg.Redis))
		return store, callback.NewService(store, settings, settings, nil)
	})}
}

// notes runs a command. It is asked again while a busy machine makes Redis slow.
func (c *counter) runs(args ...string) (string, error) {
	c.T.Helper()
	lost := false // whether a busy machine made Redis slow: what was asked may have been done
	for tries := 0; ; tries++ {
		out, err := run(c.T, c.Path, append([]string{"notes"}, args...)...)
		switch {
		case exitCode(err) == exitStore && tries < 20:
			lost = true
		case exitCode(err) == exitConflict && lost:
			return run(c.T, c.Path, "notes", "show", args[1], fmt.Sprint("--json=", slices.Contains(args, "--json")))
		default:
			return out, err
		}
	}
}

func (c *counter) does(args ...string) string {
	c.T.Helper()
	out, err := c.runs(args...)
	require.NoError(c.T, err)
	return out
}

func (c *counter) gives(args ...string) noteview.Note {
	c.T.Helper()
	var n noteview.Note
	require.NoError(c.T, json.Unmarshal([]byte(c.does(append(args, "--json")...)), &n))
	return n
}

func TestAnOperatorWorksANote(t *testing.T) {
	c := atTheCounter(t)
	n := c.Note("kcc")
	reference := string(n.Reference)
	claimed := c.gives("claim", reference, "--as", "kcc1")
	require.Equal(t, note.Claimed, claimed.State)
	require.Equal(t, call.AgentID("kcc1"), claimed.Colleague)
	require.Equal(t, note.Open, c.gives("release", reference, "--as", "kcc1", "--reason", "pauze").State)
	moved := c.gives("reroute", string(n.ID), "--as", "kcc1", "--team", "parttime", "--reason", "van hen")
	require.Equal(t, call.TeamID("parttime"), moved.Team)
	require.True(t, n.Deadline.Equal(moved.Deadline))
	c.does("comment", reference, "--as", "kcc1", "--text", "belt liever 's ochtends")
	c.does("claim", reference, "--as", "kcc1")
	require.Equal(
		t, attempt.Reached, c.gives("attempt", reference, "--as", "kcc1", "--result", "reached").Attempts[0].Result,
	)
	done := c.gives("resolve", reference, "--as", "kcc1", "--outcome", "reached")
	require.Equal(t, note.Resolved, done.State)
	require.Equal(t, note.Open, c.gives("reopen", reference, "--as", "kcc1", "--reason", "toch niet").State)
	require.Equal(t, note.Cancelled, c.gives("cancel", reference, "--as", "kcc1").State)

	shown := c.gives("show", reference)
	require.Len(t, shown.History, 11)
	require.Equal(t, note.ByAgent("kcc1"), shown.History[10].Who)
	sheet := c.does("show", reference)
	for _, part := range []string{
		reference, "cancelled (version 11)", "06 12345678", "belt liever", "agent:kcc1", "rerouted",
	} {
		require.Contains(t, sheet, part)
	}
}

func TestAnOperatorSeesWhatIsDue(t *testing.T) {
	c := atTheCounter(t)
	one, other := c.Note("kcc"), c.Note("parttime")
	c.does("claim", string(other.ID), "--as", "kcc1")
	all := c.does("list")
	require.Contains(t, all, "DEADLINE")
	require.Contains(t, all, string(one.Reference))
	require.Contains(t, all, string(other.Reference))
	require.Contains(t, all, "06 12345678")
	of := c.does("list", "--team", "kcc")
	require.Contains(t, of, string(one.Reference))
	require.NotContains(t, of, string(other.Reference))
	var mine []noteview.Note
	require.NoError(t, json.Unmarshal([]byte(c.does("list", "--colleague", "kcc1", "--json")), &mine))
	require.Len(t, mine, 1)
	require.Equal(t, other.ID, mine[0].ID)
	require.False(t, mine[0].NextAttempt.IsZero(), "when to try the caller")
	require.Equal(t, "1 notes were released\n", c.does("absent", "kcc1", "--as", "lead1"))
	require.JSONEq(t, `[]`, c.does("list", "--colleague", "kcc1", "--json"))
	history := c.gives("show", string(other.ID)).History
	require.Equal(t, note.ByAgent("lead1"), history[len(history)-1].Who, "the one who marked them absent")
	require.Regexp(t, `COLLEAGUE +SINCE +SAYS\nkcc1 +\d{4}-\d\d-\d\d \d\d:\d\d +agent:lead1\n`, c.does("absent"))
	var away []map[string]any
	require.NoError(t, json.Unmarshal([]byte(c.does("absent", "--json")), &away))
	require.Len(t, away, 1)
	require.Equal(t, "kcc1", away[0]["colleague"])
	require.Empty(t, c.does("present", "kcc1", "--as", "lead1"))
	require.JSONEq(t, `[]`, c.does("absent", "--json"))
}

// More notes than one batch, nearly all with one deadline: none is left out and none comes twice.
func TestAnOperatorExports(t *testing.T) {
	c := atTheCounter(t)
	made := map[note.ID]bool{}
	for range 450 {
		made[c.Note("kcc").ID] = true
	}
	closed := c.Note("parttime")
	c.does("cancel", string(closed.ID), "--as", "kcc1")

	lines := strings.Split(strings.TrimSpace(c.does("export", "--as", "kcc1", "--format", "jsonl")), "\n")
	require.Len(t, lines, len(made))
	for _, line := range lines {
		var n noteview.Note
		require.NoError(t, json.Unmarshal([]byte(line), &n))
		require.True(t, made[n.ID], "twice, or not asked for")
		delete(made, n.ID)
	}
	today := time.Now()
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	rows, err := csv.NewReader(
		strings.NewReader(
			c.does(
				"export", "--as", "kcc1", "--dialect", "rfc4180", "--closed-from", day(today.AddDate(0, 0, -1)),
				"--closed-until", day(today.AddDate(0, 0, 2)),
			),
		),
	).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Equal(t, string(closed.ID), rows[1][0])
	require.Contains(t, rows[1], "'+31612345678")
	require.Contains(t, rows[1], "'=Wanneer?")
	people := c.does(
		"export", "--as", "kcc1", "--closed-from", day(today.AddDate(0, 0, -1)), "--closed-until",
		day(today.AddDate(0, 0, 2)),
	)
	require.True(t, strings.HasPrefix(people, "\ufeffid;reference;"), "as a Dutch spreadsheet opens it")
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	for _, cell := range []string{"06 12345678", "'=Wanneer?", closed.Made.In(amsterdam).Format(time.DateTime)} {
		require.Contains(t, people, ";"+cell+";")
	}
	rows, err = csv.NewReader(
		strings.NewReader(
			c.does(
				"export", "--as", "kcc1", "--dialect", "rfc4180", "--closed-from", "2020-01-01", "--closed-until",
				"2020-02-01",
			),
		),
	).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1)
}

func TestAnOperatorErases(t *testing.T) {
	c := atTheCounter(t)
	one, other := c.Note("kcc"), c.Note("parttime")
	require.Equal(t, "2 notes were erased\n", c.does("erase", "06-12345678", "--as", "kcc1"))
	for _, n := range []note.Note{one, other} {
		shown := c.gives("show", string(n.ID))
		require.Equal(t, note.Purged, shown.State)
		require.Empty(t, shown.Number+shown.Reason+string(shown.Reference))
	}
}

func TestWhatAnOperatorIsRefused(t *testing.T) {
	c := atTheCounter(t)
	n := c.Note("kcc")
	id, mine := string(n.ID), string(c.Note("kcc").ID)
	c.does("claim", mine, "--as", "kcc1")
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"a reference that cannot be": {[]string{"show", "12345678"}, exitNoNote, "check digit"},
		"a note that is not there": {
			[]string{"show", "01JD5V3Z5QXKZ9W7M2R4T6Y8AB"}, exitNoNote, "no such callback note",
		},
		"a change by nobody":          {[]string{"claim", id}, 1, "--as is missing"},
		"an absence that nobody says": {[]string{"absent", "kcc1"}, 1, "--as is missing"},
		"a presence that nobody says": {[]string{"present", "kcc1"}, 1, "--as is missing"},
		"a version that has passed": {
			[]string{"comment", id, "--as", "kcc1", "--text", "x", "--ver", "7"}, exitConflict, "at version 1, not 7",
		},
		"what its state does not allow": {
			[]string{"reopen", id, "--as", "kcc1"}, exitConflict, "nobody has claimed the note; it is live",
		},
		"what somebody else has": {
			[]string{"claim", mine, "--as", "kcc2"}, exitConflict, "kcc1 has the note until ",
		},
		"a version that somebody else has": {
			[]string{"comment", mine, "--as", "kcc2", "--text", "x", "--ver", "1"},
			exitConflict, "look at it again: kcc1 has the note until ",
		},
		"what the rules do not allow": {
			[]string{"resolve", id, "--as", "kcc1", "--outcome", "reached"}, exitConflict, "nobody has claimed it",
		},
		"a team that is not there": {
			[]string{"reroute", id, "--as", "kcc1", "--team", "nergens", "--reason", "x"}, 1, "name one of kcc",
		},
		"a list of a team that is none":  {[]string{"list", "--team", "nergens"}, 1, "name one of kcc"},
		"a list of nothing":              {[]string{"list", "--limit", "0"}, 1, "--limit"},
		"a municipality that is not":     {[]string{"list", "--municipality", "raalte"}, 1, "name one of deventer"},
		"an export that nobody asks for": {[]string{"export"}, 1, "--as is missing"},
		"an export as something else": {
			[]string{"export", "--as", "kcc1", "--format", "ods"}, 1, "format is csv, xlsx or jsonl",
		},
		"an export of a period backward": {
			[]string{"export", "--as", "kcc1", "--closed-from", "2026-02-01", "--closed-until", "2026-01-01"},
			1, "the first before the second",
		},
		"an attempt without a result": {
			[]string{"attempt", mine, "--as", "kcc1"}, exitConflict, "say what came of it",
		},
		"an attempt with a result of none": {
			[]string{"attempt", mine, "--as", "kcc1", "--result", "opgehangen"}, exitConflict, "say what came of it",
		},
		"an erasure of no number": {[]string{"erase", "0612", "--as", "kcc1"}, 1, "not a number that exists"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := c.runs(test.args...)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.code, exitCode(err))
		})
	}
	require.Equal(t, note.Claimed, c.gives("show", mine).State, "no attempt was begun")
	t.Run("Redis is away", func(t *testing.T) {
		c.Redis.Kill()
		for _, args := range [][]string{
			{"list"}, {"show", id}, {"claim", id, "--as", "kcc1"}, {"export", "--as", "kcc1"},
		} {
			_, err := run(t, c.Path, append([]string{"notes"}, args...)...)
			require.Equal(t, exitStore, exitCode(err), "%v", err)
		}
	})
}

// Root may be anybody behind sudo, and could write any name. Everybody else is named by their account, whatever their
// environment says.
func TestWhoseAccountLooks(t *testing.T) {
	for _, test := range []struct{ uid, name, sudo, want string }{
		{"0", "root", "els", "els"},
		{"0", "root", "", "root"},
		{"1000", "jan", "", "jan"},
		{"1000", "jan", "els", "jan/els"},
		{"1000", "jan", "jan", "jan"},
		{"990", "bereikbaar", "els", "bereikbaar/els"}, // sudo -u bereikbaar
		{"1000", "", "els", "1000/els"},
	} {
		require.Equal(t, test.want, accountOf(&user.User{Uid: test.uid, Username: test.name}, test.sudo), test)
	}
	require.Equal(t, "unknown", accountOf(nil, ""))
	require.Equal(t, "unknown/els", accountOf(nil, "els"))
}

// A look at notes at the machine is logged as one by the API is, without anything of the caller.
func TestWhoLooksAtNotesByTheCommandIsWritten(t *testing.T) {
	c := atTheCounter(t)
	t.Setenv("SUDO_USER", "els")
	who := "user=" + account()
	require.Contains(t, who, "els")
	n := c.Note("kcc")
	for name, test := range map[string]struct {
		args  string
		lines []string
	}{
		"a list": {"list", []string{who + ` as="" municipality=deventer did="command list" count=1`}},
		"a note": {
			"show " + string(n.Reference),
			[]string{who + ` as="" municipality=deventer did="command show" notes=` + string(n.ID)},
		},
		"a change": {
			"comment " + string(n.Reference) + " --as kcc1 --text x",
			[]string{who + ` as=kcc1 municipality=deventer did="command comment" notes=` + string(n.ID)},
		},
		"an export": {"export --as kcc1 --team kcc", []string{
			who + ` as=kcc1 municipality=deventer did="command export begins" team=kcc closed_from="" closed_until=""`,
			who + ` as=kcc1 municipality=deventer did="command export" team=kcc closed_from="" closed_until="" count=1`,
		}},
		"an export of a period": {"export --as kcc1 --closed-from 2026-01-01 --closed-until 2026-02-01", []string{
			who + ` as=kcc1 municipality=deventer did="command export begins" team="" closed_from=2026-01-01 closed_until=2026-02-01`,
			who + ` as=kcc1 municipality=deventer did="command export" team="" closed_from=2026-01-01 closed_until=2026-02-01 count=0`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var access, out bytes.Buffer
			require.Eventually(t, func() bool { // while a busy machine makes Redis slow
				access.Reset()
				out.Reset()
				cmd := root(&access)
				cmd.SetOut(&out)
				cmd.SetArgs(append([]string{"notes", "--config", c.Path}, strings.Fields(test.args)...))
				return cmd.ExecuteContext(t.Context()) == nil
			}, 30*time.Second, 10*time.Millisecond)
			var lines []string
			for line := range strings.Lines(access.String()) {
				_, line, _ = strings.Cut(strings.TrimSpace(line), ` level=INFO msg="access to notes" `)
				lines = append(lines, line)
			}
			require.Equal(t, test.lines, lines)
			require.NotContains(t, out.String(), "access to notes")
			require.NotContains(t, access.String(), string(n.Reference))
		})
	}
}

// hungUp is a reader of an export that stops early, as head does.
type hungUp struct{ access *bytes.Buffer }

func (h hungUp) Write([]byte) (int, error) {
	if !strings.Contains(h.access.String(), "export begins") {
		return 0, errors.New("a number was shown before it was written who asked for it")
	}
	return 0, syscall.EPIPE
}

func TestWhoExportsIsWrittenBeforeAnythingIsShown(t *testing.T) {
	c := atTheCounter(t)
	c.Note("kcc")
	require.Eventually(t, func() bool { // while a busy machine makes Redis slow
		var access bytes.Buffer
		cmd := root(&access)
		cmd.SetOut(hungUp{&access})
		cmd.SetArgs([]string{"notes", "export", "--as", "kcc1", "--config", c.Path})
		err := cmd.ExecuteContext(t.Context())
		return errors.Is(err, syscall.EPIPE)
	}, 30*time.Second, 10*time.Millisecond)
}

func TestALookThatTheMachinesJournalDoesNotTakeIsOnTheScreen(t *testing.T) {
	var screen bytes.Buffer
	log := machineLog{
		screen: &screen,
		send:   func(string, journal.Priority, map[string]string) error { return errors.New("no space left") },
	}
	_, err := log.Write([]byte("who looked\n"))
	require.NoError(t, err)
	require.Contains(t, screen.String(), "no space left")
	require.Contains(t, screen.String(), "who looked\n")

	screen.Reset()
	var sent string
	log.send = func(line string, _ journal.Priority, _ map[string]string) error {
		sent = line
		return nil
	}
	_, err = log.Write([]byte("who looked\n"))
	require.NoError(t, err)
	require.Equal(t, "who looked", sent)
	require.Empty(t, screen.String())
}

// Notes of a team or a municipality that left the configuration are promises all the same.
func TestAnOperatorWorksNotesThatLeftTheConfiguration(t *testing.T) {
	c := atTheCounter(t)
	n, closed := c.Note("strict"), c.Note("strict")
	c.does("cancel", string(closed.ID), "--as", "kcc1")
	before := c.Path
	c.Path = townhall.Written(
		t, townhall.YAML, "agents:", "redis: {address: "+c.Redis.Addr+", username: "+redistest.User+"}\nagents:",
		"  strict: {name: Streng, members: [kcc1], norm: same_time}\n", "",
	)
	require.Contains(t, c.does("list", "--team", "strict"), string(n.Reference))
	require.Contains(t, c.does("export", "--team", "strict", "--as", "kcc1"), string(n.ID))
	day := func(days int) string { return time.Now().AddDate(0, 0, days).Format(time.DateOnly) }
	require.Contains(
		t, c.does("export", "--team", "strict", "--as", "kcc1", "--closed-from", day(-1), "--closed-until", day(2)),
		string(closed.ID),
	)
	_, err := c.runs("reroute", string(n.ID), "--as", "kcc1", "--team", "strict", "--reason", "x")
	require.ErrorContains(t, err, "name one of kcc", "nothing new goes there")

	text, err := os.ReadFile(before)
	require.NoError(t, err)
	c.Path = townhall.Written(t, strings.ReplaceAll(string(text), "  deventer:", "  raalte:"))
	list := c.does("list", "--municipality", "deventer")
	require.Contains(t, list, string(n.Reference))
	require.Contains(t, list, "06 12345678")
	require.Equal(
		t, note.Cancelled, c.gives("cancel", string(n.ID), "--municipality", "deventer", "--as", "kcc1").State,
	)
	_, err = c.runs("list", "--municipality", "nergens")
	require.ErrorContains(t, err, "name one of raalte")
}

func TestATokenIsMade(t *testing.T) {
	out, err := run(
		t, c404, "token", "new", "--name", "desk-anouk", "--agent", "kcc1", "--municipality", "deventer", "--teams",
		"kcc,parttime", "--expires", "2030-01-31",
	)
	require.NoError(t, err)
	require.Regexp(t, `\nbkb_[A-Za-z0-9_-]{43}\n`, out)
	_, line, _ := strings.Cut(out, "The line for the tokens file:\n\n")
	tokens, err := api.ParseTokens([]byte(line))
	require.NoError(t, err)
	require.Len(t, tokens, 1)
	require.Equal(t, map[call.TeamID]staff.Role{"kcc": staff.Agent, "parttime": staff.Agent}, tokens[0].Roles)
	for line := range strings.Lines(out) {
		if token := strings.TrimSpace(line); strings.HasPrefix(token, "bkb_") {
			path := townhall.Written(t, out[strings.Index(out, "- name"):])
			kept, err := api.OpenTokens(path, nil)
			require.NoError(t, err)
			who, ok := kept.Find(token, time.Now())
			require.True(t, ok)
			require.Equal(t, "desk-anouk", who.Name)
		}
	}
	_, err = run(t, c404, "token", "new", "--name", "x", "--role", "boss", "--municipality", "deventer")
	require.ErrorContains(t, err, "--role: write one of")
}

// c404 is a configuration that is not there: a command that needs none does not look.
const c404 = "/nowhere/bereikbaar.yaml"
