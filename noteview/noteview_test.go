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

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/noteview"
)

var at = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)

func note(t testing.TB) callback.Note {
	t.Helper()
	number, err := call.ParseNumber("0612345678")
	require.NoError(t, err)
	window, err := calendar.ParseSpan("09:00-12:00")
	require.NoError(t, err)
	return callback.Note{
		ID: "01JD5V3Z5QXKZ9W7M2R4T6Y8AB", Reference: "10000004", Municipality: "deventer", Team: "vergunningen", Owner: "kcc", State: callback.Resolved,
		Ver: 5, Number: number, Verified: true, Language: "nl", Subject: "dakkapel", Reason: "Wanneer is het klaar?", Window: window, Made: at,
		Warn: at.Add(time.Hour), Deadline: at.Add(24 * time.Hour), Mark: callback.MarkedWarned, Priority: 2, Repeats: 1, Reroutes: 1,
		Attempts: []callback.Attempt{{Began: at.Add(time.Minute), Ended: at.Add(2 * time.Minute), By: "cem", Line: callback.LineAnswered, Talked: 1500 * time.Millisecond, Result: callback.ResultReached}},
		Stints:   []callback.Stint{{Team: "vergunningen", From: at, Until: at.Add(time.Hour)}},
		Outcome:  callback.Reached, NormMet: true, Closed: at.Add(time.Hour), Call: "1732300000.17",
	}
}

func TestNumbersAreMaskedForWhoNeedNotKnow(t *testing.T) {
	full, masked := noteview.Of(note(t), true), noteview.Of(note(t), false)
	require.Equal(t, "+31612345678", full.Number)
	require.False(t, full.Masked)
	require.Equal(t, "**********78", masked.Number)
	require.True(t, masked.Masked)
	purged := noteview.Of(callback.Note{State: callback.Purged}, false)
	require.Empty(t, purged.Number)
	require.False(t, purged.Masked)
}

// What a note has is shown, or left out on purpose.
func TestNothingOfANoteIsForgotten(t *testing.T) {
	leftOut := []string{"Key"} // of the machine that made it
	view := reflect.TypeFor[noteview.Note]()
	source := reflect.TypeFor[callback.Note]()
	for i := range source.NumField() {
		name := source.Field(i).Name
		_, shown := view.FieldByName(name)
		require.Equal(t, !strings.Contains(strings.Join(leftOut, " "), name), shown, name)
	}
}

func TestTheNormIsToldOfNotesThatHaveAnOutcome(t *testing.T) {
	n := note(t)
	require.True(t, *noteview.Of(n, true).NormMet)
	n.NormMet = false
	require.False(t, *noteview.Of(n, true).NormMet)
	n.Outcome = ""
	require.Nil(t, noteview.Of(n, true).NormMet)
}

func TestCellsThatASpreadsheetCouldRun(t *testing.T) {
	tests := map[string]string{
		"=1+1": "'=1+1", "+31612345678": "'+31612345678", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'=1", "\n=1": "'\n=1",
		"": "", "Wanneer?": "Wanneer?", "a=1": "a=1", "é": "é", "regel \"een\"\nregel, twee": "regel \"een\"\nregel, twee",
	}
	for said, want := range tests {
		n := note(t)
		n.Reason = said
		var text bytes.Buffer
		out := noteview.NewCSV(&text, true)
		require.NoError(t, out.Write([]callback.Note{n}))
		require.NoError(t, out.Close())
		rows, err := csv.NewReader(&text).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 2, "the names of the columns stand there once")
		for i, column := range rows[0] {
			if column == "reason" {
				require.Equal(t, want, rows[1][i])
			}
		}
	}
}

func TestTheRowOfANote(t *testing.T) {
	var text bytes.Buffer
	out := noteview.NewCSV(&text, false)
	require.NoError(t, out.Write([]callback.Note{note(t)}))
	lines := strings.Split(text.String(), "\r\n")
	require.Equal(t, "id,reference,municipality,team,owner,state,outcome,norm_met,number,number_verified,language,subject,reason,window,made,warn,deadline,mark,closed,priority,repeats,reroutes,attempts,first_attempt,colleague,personal", lines[0])
	require.Equal(t, "01JD5V3Z5QXKZ9W7M2R4T6Y8AB,10000004,deventer,vergunningen,kcc,resolved,reached,true,**********78,true,nl,dakkapel,Wanneer is het klaar?,09:00-12:00,2026-11-20T15:00:00Z,2026-11-20T16:00:00Z,2026-11-21T15:00:00Z,warned,2026-11-20T16:00:00Z,2,1,1,1,2026-11-20T15:01:00Z,,", lines[1])
}

func TestALineOfANote(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, noteview.NewLines(&text, true).Write([]callback.Note{note(t), note(t)}))
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	require.Len(t, lines, 2)
	var back noteview.Note
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &back))
	require.Equal(t, noteview.Of(note(t), true), back)
}

func TestTablesForPeople(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	n := note(t)
	n.State, n.Colleague, n.Reason = callback.Claimed, "cem", "eerste regel\n\x1b[2Jtweede "+strings.Repeat("lang ", 20)
	var list bytes.Buffer
	require.NoError(t, noteview.Table(&list, []callback.Note{n}, amsterdam, n.Deadline.Add(time.Second)))
	require.Contains(t, list.String(), "Sat 21 Nov 16:00 !", "overdue, by the municipality's clock")
	for _, part := range []string{"10000004", "vergunningen", "claimed", "cem", "06 12345678", "…"} {
		require.Contains(t, list.String(), part)
	}
	require.NotContains(t, list.String(), "\x1b", "what a caller said moves no cursor")
	require.Equal(t, 2, strings.Count(list.String(), "\n"))

	var sheet bytes.Buffer
	events := []callback.Event{callback.Made(note(t), callback.ByCaller), {Ver: 2, Kind: callback.EventRerouted, At: at, Who: callback.ByAgent("cem"), Team: "kcc", Reason: "niet van ons"}}
	require.NoError(t, noteview.Sheet(&sheet, note(t), events, amsterdam))
	for _, part := range []string{"resolved (version 5)", "reached, within the norm", "06 12345678", "09:00-12:00", "Fri 20 Nov 2026 16:00:00", "agent:cem", "kcc, niet van ons"} {
		require.Contains(t, sheet.String(), part)
	}
}
