package noteview_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
)

// opened is a workbook as a spreadsheet reads it: its rows as they are shown.
func opened(t *testing.T, text []byte) (*excelize.File, [][]string) {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(text))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, book.Close()) })
	rows, err := book.GetRows("Terugbelnotities")
	require.NoError(t, err)
	return book, rows
}

func TestAWorkbookOfNotes(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	n := aNote(t)
	n.Subject = "café; Ünïcode"
	evil := aNote(t)
	evil.Reason, evil.Name = "=HYPERLINK(\"https://evil.example\",\"klik\")\x00\x0b", "<b>&+31\nx"
	var text bytes.Buffer
	out := noteview.NewXLSX(&text, look(true), amsterdam)
	require.NoError(t, out.Write([]note.Note{n}))
	require.NoError(t, out.Write([]note.Note{evil}))
	require.Zero(t, text.Len(), "nothing is sent of a workbook that may not come to its end")
	require.NoError(t, out.Close())
	book, rows := opened(t, text.Bytes())
	require.Len(t, rows, 3)
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for name, want := range map[string]string{
		"id": "01JD5V3Z5QXKZ9W7M2R4T6Y8AB", "number": "06 12345678", "subject": "café; Ünïcode", "norm_met": "TRUE",
		"made": "2026-11-20 16:00:00", "attempts": "1", "first_attempt": "2026-11-20 16:01:00",
		"name": "José van der Ven",
	} {
		require.Equal(t, want, rows[1][column[name]], name)
	}
	require.Equal(t, `=HYPERLINK("https://evil.example","klik")`, rows[2][column["reason"]])
	require.Equal(t, "<b>&+31\nx", rows[2][column["name"]])
	for _, name := range []string{"reason", "name", "number"} {
		cell, err := excelize.CoordinatesToCellName(column[name]+1, 3)
		require.NoError(t, err)
		formula, err := book.GetCellFormula("Terugbelnotities", cell)
		require.NoError(t, err)
		require.Empty(t, formula, name)
		kind, err := book.GetCellType("Terugbelnotities", cell)
		require.NoError(t, err)
		require.Equal(t, excelize.CellTypeInlineString, kind, name)
	}
}

func TestAWorkbookWithoutNotesHasItsColumns(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, noteview.NewXLSX(&text, look(false), time.UTC).Close())
	_, rows := opened(t, text.Bytes())
	require.Len(t, rows, 1)
	require.Contains(t, rows[0], "deadline")
}
