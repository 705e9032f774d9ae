package prompts

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestImportOfARecordedVoice(t *testing.T) {
	m := small(t)
	dir, studio := t.TempDir(), t.TempDir()
	quiet := string(make([]byte, 48000)) // half a second before and after
	put(t, studio, "welcome.wav", wav(48000, quiet+tone(48000, 1.5, 0.05)+quiet))
	put(t, studio, "weekday-2.wav", wav(44100, tone(44100, 0.6, 0.9)))
	put(t, studio, "welcom.wav", wav(48000, tone(48000, 1, 0.2)))
	put(t, studio, "digit-5.wav", wav(48000, quiet))
	put(t, studio, "number-24.txt", "vierentwintig")
	put(t, dir, "recorded/nl/welcome.wav", wav(8000, tone(8000, 1, 0.2)))

	report, refused, err := Import(bounded(t), ImportOptions{Dir: dir, Manifest: m, Language: Dutch, From: studio})
	require.NoError(t, err)
	require.Equal(t, Report{Total: 4, Made: 2}, report)
	require.ElementsMatch(t, []Fault{Unknown, Silent, Unplayable}, faults(refused), "%v", refused)
	for _, p := range refused {
		require.FileExists(t, p.File)
	}

	rms, peak, length := soxLevel(
		t, filepath.Join(dir, "recorded/nl/welcome.alaw"), "-t", "al", "-r", "8000", "-c", "1",
	)
	require.InDelta(t, -18.2, rms, 1.8)
	require.Less(t, peak, -0.2)
	require.InDelta(t, 1.5+tailOfSentence.Seconds(), length, 0.1, "trimmed, with a breath after the sentence")
	_, _, length = soxLevel(t, filepath.Join(dir, "recorded/nl/weekday-2.alaw"), "-t", "al", "-r", "8000", "-c", "1")
	require.InDelta(t, 0.6, length, 0.05, "a part has no breath after it")
	require.NoFileExists(t, filepath.Join(dir, "recorded/nl/welcome.wav"), "Asterisk might go on playing it")

	l, err := OpenLibrary(dir, "prompts")
	require.NoError(t, err)
	media, _ := l.Media(speaker(t, Dutch).Say(Welcome, "weekday-2"))
	require.Equal(t, []string{"sound:prompts/recorded/nl/welcome", "sound:prompts/recorded/nl/weekday-2"}, media)

	require.NotContains(t, faults(Check(dir, m, []Language{Dutch})), Stale)
	require.NoError(t, m.add(Dutch, Welcome, "Welkom bij de gemeente Deventer."))
	require.Contains(t, faults(Check(dir, m, []Language{Dutch})), Stale, "the voice still says the old text")
}

func TestImportThatCannotStart(t *testing.T) {
	m := manifest(t)
	_, _, err := Import(bounded(t), ImportOptions{Dir: t.TempDir(), Manifest: m, Language: "fr", From: t.TempDir()})
	require.ErrorContains(t, err, `no prompts in language "fr"`)
	_, _, err = Import(bounded(t), ImportOptions{
		Dir: t.TempDir(), Manifest: m, Language: Dutch, From: filepath.Join(t.TempDir(), "none"),
	})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, _, err = Import(bounded(t), ImportOptions{Language: Dutch})
	require.ErrorContains(t, err, "a directory and a manifest are needed")
	t.Setenv("PATH", t.TempDir())
	_, _, err = Import(bounded(t), ImportOptions{Dir: t.TempDir(), Manifest: m, Language: Dutch, From: t.TempDir()})
	require.ErrorContains(t, err, "apt-get install --no-install-recommends ffmpeg")
}

func TestTwoRecordingsOfOnePrompt(t *testing.T) {
	dir, studio := t.TempDir(), t.TempDir()
	put(t, studio, "welcome.wav", wav(48000, tone(48000, 1.5, 0.2)))
	put(t, studio, "welcome.flac", "x")
	report, refused, err := Import(bounded(t), ImportOptions{
		Dir: dir, Manifest: small(t), Language: Dutch, From: studio,
	})
	require.NoError(t, err)
	require.Equal(t, 1, report.Total)
	require.Contains(t, refused[0].Detail, "there is another recording of it")
}

func TestScriptForTheVoice(t *testing.T) {
	m, err := NewManifest(Extra{Dutch: {"menu-formula": "=1+1, of toets 2."}})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, WriteScript(&out, m, Dutch))
	lines, err := csv.NewReader(&out).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"file", "text", "reading"}, lines[0])
	require.Len(t, lines, 1+len(m.IDs(Dutch))-2, "all but the two silences")
	require.Contains(t, lines, []string{"welcome", "Welkom bij de gemeente.", "a sentence of its own"})
	require.Contains(t, lines, []string{
		"weekday-2", "dinsdag", "part of a sentence: keep the voice up, as before a comma",
	})
	require.Contains(t, lines, []string{"menu-formula", "\t=1+1, of toets 2.", "a sentence of its own"})
	require.Error(t, WriteScript(&out, m, "fr"))
}
