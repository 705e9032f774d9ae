package noteview_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
)

// in full or masked, with a next attempt for live notes.
func look(digits bool) noteview.Look {
	return noteview.Look{Digits: digits, Next: func(n note.Note) time.Time {
		if !n.State.Live() {
			return time.Time{}
		}
		return at.Add(2 * time.Hour)
	}}
}

var at = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)

func aNote(t testing.TB) note.Note {
	t.Helper()
	number, err := call.ParseNumber("0612345678")
	require.NoError(t, err)
	window, err := calendar.ParseSpan("09:00-12:00")
	require.NoError(t, err)
	return note.Note{
		ID: "01JD5V3Z5QXKZ9W7M2R4T6Y8AB", Reference: "10000004", Municipality: "deventer", Team: "vergunningen",
		Owner: "kcc", State: note.Resolved,
		Ver: 5, Number: number, Verified: true, Language: "nl", Name: "José van der Ven", Subject: "dakkapel",
		Reason: "Wanneer is het klaar?",
		Window: window, Made: at,
		Warn: at.Add(time.Hour), Deadline: at.Add(24 * time.Hour), Mark: note.MarkedWarned, Priority: 2, Repeats: 1,
		Reroutes: 1,
		Attempts: []attempt.Attempt{
			{
				Began: at.Add(time.Minute), Ended: at.Add(2 * time.Minute), By: "cem", Line: attempt.LineAnswered,
				Talked: 1500 * time.Millisecond, Result: attempt.Reached,
			},
		},
		Stints:  []note.Stint{{Team: "vergunningen", From: at, Until: at.Add(time.Hour)}},
		Outcome: note.Reached, NormMet: true, Closed: at.Add(time.Hour), Call: "1732300000.17",
	}
}

func TestNumbersAreMaskedWithoutTheRight(t *testing.T) {
	full, masked := look(true).Of(aNote(t)), look(false).Of(aNote(t))
	require.Equal(t, "+31612345678", full.Number)
	require.False(t, full.Masked)
	require.Equal(t, "**********78", masked.Number)
	require.True(t, masked.Masked)
	elsewhere := aNote(t)
	elsewhere.Shown = call.Number{E164: "+31570693911"}
	require.Equal(t, "+31570693911", look(true).Of(elsewhere).Shown)
	require.Equal(t, "**********11", look(false).Of(elsewhere).Shown)
	purged := look(false).Of(note.Note{State: note.Purged})
	require.Empty(t, purged.Number)
	require.False(t, purged.Masked)
}

// Every field of a note is shown, or left out on purpose.
func TestNoFieldOfANoteIsForgotten(t *testing.T) {
	leftOut := []string{"Key", "Earlier"} // for the machine only; shown at each attempt
	view := reflect.TypeFor[noteview.Note]()
	source := reflect.TypeFor[note.Note]()
	for i := range source.NumField() {
		name := source.Field(i).Name
		_, shown := view.FieldByName(name)
		require.Equal(t, !strings.Contains(strings.Join(leftOut, " "), name), shown, name)
	}
}

func TestAttemptsBeforeAReopeningAreMarked(t *testing.T) {
	n := aNote(t)
	require.False(t, look(true).Of(n).Attempts[0].Earlier)
	n.Earlier = 1
	require.True(t, look(true).Of(n).Attempts[0].Earlier)
}

func TestLiveNotesShowTheNextAttempt(t *testing.T) {
	n := aNote(t)
	require.Zero(t, look(true).Of(n).NextAttempt)
	n.State = note.Open
	require.Equal(t, at.Add(2*time.Hour), look(true).Of(n).NextAttempt)
}

func TestNotesWithAnOutcomeShowTheNorm(t *testing.T) {
	n := aNote(t)
	require.True(t, *look(true).Of(n).NormMet)
	n.NormMet = false
	require.False(t, *look(true).Of(n).NormMet)
	n.Outcome = ""
	require.Nil(t, look(true).Of(n).NormMet)
}

func TestCellsThatASpreadsheetCouldRun(t *testing.T) {
	tests := map[string]string{
		"=1+1": "'=1+1", "+31612345678": "'+31612345678", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1",
		"\r=1": "'=1", "\n=1": "'\n=1", "x\n=1": "x\n'=1", " =1": "' =1",
		"＝1+1": "'＝1+1", "＋31": "'＋31", "－1": "'－1", "＠x": "'＠x", "\u200b=1": "'\u200b=1", ";=1+1": ";'=1+1",
		"x;=1+1": "x;'=1+1",
		"x,@y":   "x,'@y", "x;\"=1": "x;'\"=1", "x\t＝1": "x\t'＝1", "Den Haag, - bellen": "Den Haag, - bellen",
		"a;b":       "a;b",
		"\u200b =1": "'\u200b =1", " \u200b@x": "' \u200b@x", "\u3000＝1": "'\u3000＝1", "\u2003=1": "'\u2003=1",
		"\ufeff\u00a0+1": "'\ufeff\u00a0+1", "x; =1": "x;' =1", "x;\u200b @y": "x;'\u200b @y", "x, + 2": "x, + 2",
		"x;\"\u200b=1": "x;'\"\u200b=1", "x; \"=1": "x;' \"=1", "\"=1": "\"=1",
		"": "", "Wanneer?": "Wanneer?", "a=1": "a=1", "é": "é",
		"regel \"een\"\nregel, twee": "regel \"een\"\nregel, twee",
	}
	for said, want := range tests {
		for comma, dialect := range map[rune]noteview.Dialect{
			',': noteview.ForPrograms(), ';': noteview.ForPeople(time.UTC),
		} {
			n := aNote(t)
			n.Reason = said
			var text bytes.Buffer
			out := noteview.NewCSV(&text, look(true), dialect)
			require.NoError(t, out.Write([]note.Note{n}))
			require.NoError(t, out.Close())
			reader := csv.NewReader(&text)
			reader.Comma = comma
			rows, err := reader.ReadAll()
			require.NoError(t, err)
			require.Len(t, rows, 2, "the names of the columns stand there once")
			for i, column := range rows[0] {
				if column == "reason" {
					require.Equal(t, want, rows[1][i])
				}
			}
		}
	}
}

// A spreadsheet that is set to Dutch opens it by itself, with local times, and numbers as people dial them.
func TestTheRowOfANoteForPeople(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	n := aNote(t)
	n.Subject = "café; Ünïcode"
	abroad := aNote(t)
	abroad.Number, err = call.ParseNumber("+4930123456")
	require.NoError(t, err)
	var text bytes.Buffer
	out := noteview.NewCSV(&text, look(true), noteview.ForPeople(amsterdam))
	require.NoError(t, out.Write([]note.Note{n}))
	require.NoError(t, out.Write([]note.Note{abroad}))
	lines := strings.Split(text.String(), "\r\n")
	require.True(t, strings.HasPrefix(lines[0], "\ufeffid;reference;municipality;"))
	require.Equal(t, `01JD5V3Z5QXKZ9W7M2R4T6Y8AB;10000004;deventer;vergunningen;kcc;resolved;reached;true;06 12345678;true;nl;"café; Ünïcode";Wanneer is het klaar?;09:00-12:00;`+
		`2026-11-20 16:00:00;2026-11-20 17:00:00;2026-11-21 16:00:00;warned;2026-11-20 17:00:00;2;1;1;1;2026-11-20 16:01:00;;;;José van der Ven`, lines[1])
	require.Contains(t, lines[2], ";0049 30 123456;")
	require.NotContains(t, text.String(), "'")
	require.Equal(t, 1, strings.Count(text.String(), "\ufeff"))
}

func TestTheRowOfANote(t *testing.T) {
	var text bytes.Buffer
	out := noteview.NewCSV(&text, look(false), noteview.ForPrograms())
	require.NoError(t, out.Write([]note.Note{aNote(t)}))
	lines := strings.Split(text.String(), "\r\n")
	require.Equal(
		t,
		"id,reference,municipality,team,owner,state,outcome,norm_met,number,number_verified,language,subject,reason,window,made,warn,deadline,mark,closed,priority,repeats,reroutes,attempts,first_attempt,colleague,personal,next_attempt,name",
		lines[0],
	)
	require.Equal(
		t,
		"01JD5V3Z5QXKZ9W7M2R4T6Y8AB,10000004,deventer,vergunningen,kcc,resolved,reached,true,**********78,true,nl,dakkapel,Wanneer is het klaar?,09:00-12:00,2026-11-20T15:00:00Z,2026-11-20T16:00:00Z,2026-11-21T15:00:00Z,warned,2026-11-20T16:00:00Z,2,1,1,1,2026-11-20T15:01:00Z,,,,José van der Ven",
		lines[1],
	)
}

func TestALineOfANote(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, noteview.NewLines(&text, look(true)).Write([]note.Note{aNote(t), aNote(t)}))
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	require.Len(t, lines, 2)
	var back noteview.Note
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &back))
	require.Equal(t, look(true).Of(aNote(t)), back)
}

func TestTablesForPeople(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	n := aNote(t)
	n.State, n.Colleague, n.Reason = note.Claimed, "cem", "eerste regel\n\x1b[2Jtweede "+strings.Repeat("lang ", 20)
	var list bytes.Buffer
	require.NoError(t, noteview.Table(&list, []note.Note{n}, look(true), amsterdam, n.Deadline.Add(time.Second)))
	require.Contains(t, list.String(), "Sat 21 Nov 16:00 !", "overdue, by the municipality's clock")
	for _, part := range []string{"10000004", "vergunningen", "claimed", "cem", "06 12345678", "…"} {
		require.Contains(t, list.String(), part)
	}
	require.NotContains(t, list.String(), "\x1b", "a caller's words move no cursor")
	require.Equal(t, 2, strings.Count(list.String(), "\n"))
	require.Contains(t, list.String(), "now", "the caller can be tried at once")
	require.NotContains(t, list.String(), "not verified")
	keyed := n
	keyed.Verified = false
	var other bytes.Buffer
	require.NoError(t, noteview.Table(&other, []note.Note{keyed}, look(true), amsterdam, at))
	require.Contains(t, other.String(), "06 12345678 not verified")
	var early bytes.Buffer
	require.NoError(t, noteview.Table(&early, []note.Note{n}, look(true), amsterdam, at))
	require.Contains(t, early.String(), "Fri 20 Nov 18:00", "and another later")

	var sheet bytes.Buffer
	events := []note.Event{
		note.Made(aNote(t), note.ByCaller),
		{Ver: 2, Kind: note.EventRerouted, At: at, Who: note.ByAgent("cem"), Team: "kcc", Reason: "niet van ons"},
	}
	require.NoError(t, noteview.Sheet(&sheet, aNote(t), events, look(true), amsterdam))
	for _, part := range []string{
		"resolved (version 5)", "reached, within the norm", "06 12345678", "09:00-12:00", "Fri 20 Nov 2026 16:00:00",
		"agent:cem", "kcc, niet van ons",
	} {
		require.Contains(t, sheet.String(), part)
	}
}
