package api_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
)

func lines(t *testing.T, got reply) []noteview.Note {
	t.Helper()
	require.Equal(t, 200, got.StatusCode, "%s", got.body)
	require.Equal(t, "application/jsonl", got.Header.Get("Content-Type"))
	var notes []noteview.Note
	for decoder := json.NewDecoder(strings.NewReader(string(got.body))); ; {
		var n noteview.Note
		err := decoder.Decode(&n)
		if errors.Is(err, io.EOF) {
			return notes
		}
		require.NoError(t, err)
		notes = append(notes, n)
	}
}

func ids(notes []noteview.Note) []note.ID {
	var list []note.ID
	for _, n := range notes {
		list = append(list, n.ID)
	}
	return list
}

func TestExport(t *testing.T) {
	d := open(t)
	var live []note.ID
	for range 5 {
		live = append(live, d.note(permits).ID)
	}
	others := d.note(tax).ID
	closed, otherClosed := d.closed(permits).ID, d.closed(tax).ID
	period := url.Values{
		"closed_from":  {time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)},
		"closed_until": {time.Now().Add(time.Hour).UTC().Format(time.RFC3339)},
	}.Encode()
	past := url.Values{
		"closed_from":  {time.Now().Add(-3 * time.Hour).UTC().Format(time.RFC3339)},
		"closed_until": {time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)},
	}.Encode()

	asks := func(who, query string) []note.ID {
		return ids(lines(t, d.asks(who, http.MethodGet, "/api/export?"+query, "")))
	}
	require.ElementsMatch(t, live, asks("lead", ""), "live, of their teams")
	require.ElementsMatch(t, append([]note.ID{others}, live...), asks("admin", ""), "live, of all teams")
	require.ElementsMatch(t, live, asks("admin", "team=vergunningen"))
	require.ElementsMatch(t, []note.ID{closed}, asks("lead", period), "closed, of their teams")
	require.ElementsMatch(t, []note.ID{closed, otherClosed}, asks("admin", period))
	require.ElementsMatch(t, []note.ID{otherClosed}, asks("admin", "team=belastingen&"+period))
	require.Empty(t, asks("admin", past))
	require.Empty(t, asks("neighbour", ""), "another municipality's are not theirs")
	require.Empty(t, asks("neighbour", period))
	require.NotContains(t, d.log.String(), string(live[0]), "the log counts an export")
	require.Contains(t, d.log.String(), `"did":"export","status":200,"team":"vergunningen","count":5`)
	require.Regexp(
		t, `"did":"export begins","team":"belastingen","closed_from":"[^"]+Z","closed_until":"[^"]+Z"}`, d.log.String(),
	)
}

func TestExportAsCSV(t *testing.T) {
	d := open(t)
	d.note(permits, func(r *callback.Request) { r.Reason = "=HYPERLINK(\"http://evil.example\")\nen verder" })
	got := d.asks("lead", http.MethodGet, "/api/export?format=csv&dialect=rfc4180", "")
	require.Equal(t, "text/csv; charset=utf-8; header=present", got.Header.Get("Content-Type"))
	require.Contains(t, got.Header.Get("Content-Disposition"), "attachment")
	rows, err := csv.NewReader(strings.NewReader(string(got.body))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	cells := map[string]string{}
	for i, name := range rows[0] {
		cells[name] = rows[1][i]
	}
	require.Equal(t, "'"+caller, cells["number"])
	require.Equal(t, "'=HYPERLINK(\"http://evil.example\")\nen verder", cells["reason"])
	require.Equal(t, "vergunningen", cells["team"])
}

// clockedWriter keeps the last time until which it may be written to.
type clockedWriter struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (c *clockedWriter) SetWriteDeadline(until time.Time) error {
	c.until = until
	return nil
}

// A workbook is sent at its end: the limit of the last batch is not for that.
func TestAWorkbookHasTimeToBeSent(t *testing.T) {
	d, handler := unreached(t)
	for format, least := range map[string]time.Duration{"xlsx": 9 * time.Minute, "csv": 20 * time.Second} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/export?format="+format, nil)
		r.Header.Set("Authorization", "Bearer "+d.tokens["lead"])
		w := &clockedWriter{ResponseRecorder: httptest.NewRecorder()}
		handler.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code)
		require.Greater(t, time.Until(w.until), least, format)
	}
}

func TestAnEmptyExport(t *testing.T) {
	d := open(t)
	require.Empty(t, lines(t, d.asks("lead", http.MethodGet, "/api/export", "")))
	got := d.asks("lead", http.MethodGet, "/api/export?format=csv", "")
	require.True(t, strings.HasPrefix(string(got.body), "\ufeffid;reference;"), "%s", got.body)
	got = d.asks("lead", http.MethodGet, "/api/export?format=csv&dialect=rfc4180", "")
	require.True(t, strings.HasPrefix(string(got.body), "id,reference,"), "%s", got.body)
}

func TestExportAsAWorkbook(t *testing.T) {
	d := open(t)
	n := d.note(permits)
	got := d.asks("lead", http.MethodGet, "/api/export?format=xlsx", "")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.Equal(
		t, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", got.Header.Get("Content-Type"),
	)
	require.Contains(t, got.Header.Get("Content-Disposition"), "terugbelnotities.xlsx")
	book, err := excelize.OpenReader(bytes.NewReader(got.body))
	require.NoError(t, err)
	defer book.Close()
	id, err := book.GetCellValue("Terugbelnotities", "A2")
	require.NoError(t, err)
	require.Equal(t, string(n.ID), id)
	_ = d.asks("lead", http.MethodGet, "/api/export?format=xlsx&dialect=excel", "").problem(t, 400, "query")
}

func TestAPeriodThatBeginsAtTheZeroTimeIsOneOfClosedNotes(t *testing.T) {
	d := open(t)
	d.note(permits)
	const period = "closed_from=0001-01-01T00:00:00Z&closed_until=0001-02-01T00:00:00Z"
	require.Empty(t, lines(t, d.asks("lead", http.MethodGet, "/api/export?"+period, "")))
}
