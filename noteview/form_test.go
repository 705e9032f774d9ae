package noteview_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/noteview"
)

func TestFormsOfAnExport(t *testing.T) {
	for name, begins := range map[[2]string]string{
		{"csv", ""}: "\ufeffid;reference", {"csv", "excel"}: "\ufeffid;reference", {"csv", "rfc4180"}: "id,reference",
		{"jsonl", ""}: `{"id":`, {"xlsx", ""}: "PK",
	} {
		form, err := noteview.FormOf(name[0], name[1])
		require.NoError(t, err, name)
		require.Equal(t, "terugbelnotities."+name[0], form.File)
		require.Equal(t, name[0] == "xlsx", form.Whole)
		var text bytes.Buffer
		out := form.NewWriter(&text, look(true), time.UTC)
		require.NoError(t, out.Write([]note.Note{aNote(t)}))
		require.Equal(t, form.Whole, text.Len() == 0, name)
		require.NoError(t, out.Close())
		require.True(t, bytes.HasPrefix(text.Bytes(), []byte(begins)), name)
	}
	for name, want := range map[[2]string]error{
		{"ods", ""}: noteview.ErrForm, {"", ""}: noteview.ErrForm, {"ods", "excel"}: noteview.ErrForm,
		{"csv", "tsv"}: noteview.ErrDialect, {"jsonl", "rfc4180"}: noteview.ErrDialect,
		{"xlsx", "excel"}: noteview.ErrDialect,
	} {
		_, err := noteview.FormOf(name[0], name[1])
		require.ErrorIs(t, err, want, name)
	}
}

// A workbook is made as a whole, beside live calls.
func TestAWorkbookHoldsSoManyNotes(t *testing.T) {
	var text bytes.Buffer
	out := noteview.NewXLSX(&text, look(true), time.UTC)
	out.SetMost(3)
	require.NoError(t, out.Write([]note.Note{aNote(t), aNote(t), aNote(t)}))
	require.ErrorIs(t, out.Write([]note.Note{aNote(t)}), noteview.ErrRows)
	require.ErrorContains(t, out.Close(), "ask for a shorter period, or for csv")
	require.Empty(t, text.Bytes())
	require.Equal(t, 100_000, noteview.MostRows)
}
