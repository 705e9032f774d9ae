package prompts

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func faults(problems []Problem) []Fault {
	found := []Fault{}
	for _, p := range problems {
		found = append(found, p.Fault)
	}
	return found
}

// tone is a sound of 16-bit samples at some level between 0 and 1.
func tone(rate int, seconds, level float64) string {
	raw := []byte{}
	for i := range int(float64(rate) * seconds) {
		v := level * math.Sin(2*math.Pi*440*float64(i)/float64(rate))
		raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(v*math.MaxInt16)))
	}
	return string(raw)
}

func TestCheckFindsWhatIsWrongWithRecordings(t *testing.T) {
	good := tone(8000, 1.5, 0.2)
	for _, c := range []struct {
		name    string
		files   map[string]string
		want    []Fault
		mention string
	}{
		{"no file at all", nil, []Fault{Missing}, "render the prompts"},
		{"a good recording", map[string]string{"welcome.sln": good}, []Fault{}, ""},
		{"a good wav", map[string]string{"welcome.wav": wav(8000, good)}, []Fault{}, ""},
		{"an empty file", map[string]string{"welcome.alaw": ""}, []Fault{Empty, Missing}, "no content"},
		{"silence", map[string]string{"welcome.sln": tone(8000, 1.5, 0)}, []Fault{Silent}, "nothing is heard"},
		{"a whisper", map[string]string{"welcome.sln": tone(8000, 1.5, 0.02)}, []Fault{Level}, "very soft"},
		{"a shout", map[string]string{"welcome.sln": tone(8000, 1.5, 1)}, []Fault{Level}, "distorted"},
		{
			"a wav from the studio",
			map[string]string{"welcome.wav": wav(48000, good)},
			[]Fault{Unplayable, Missing},
			"at 48000 Hz",
		},
		{
			"a wav that is none",
			map[string]string{"welcome.wav": "hello"},
			[]Fault{Unplayable, Missing},
			"not a WAV file",
		},
		{"an mp3", map[string]string{"welcome.mp3": "x"}, []Fault{Unplayable, Missing}, `does not look for ".mp3"`},
		{
			"a misspelt name",
			map[string]string{"welcom.sln": good, "welcome.sln": good},
			[]Fault{Unknown},
			"did you mean welcome?",
		},
		{
			"a name like none",
			map[string]string{"greetings-all.sln": good, "welcome.sln": good},
			[]Fault{Unknown},
			"there is no prompt of this name;",
		},
		{
			"a raw file of another rate",
			map[string]string{"welcome.sln": tone(44100, 1.5, 0.2)},
			[]Fault{Length},
			"does not fit its text",
		},
		{
			"far too short",
			map[string]string{"welcome.sln": tone(8000, 0.1, 0.2)},
			[]Fault{Length},
			"does not fit its text",
		},
		{
			"two forms that differ in length",
			map[string]string{"welcome.sln": good, "welcome.sln16": good},
			[]Fault{Unplayable},
			"its files differ in length",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &Manifest{
				prompts: map[Language]map[ID]Prompt{
					Dutch: {Welcome: {ID: Welcome, Language: Dutch, Text: "Welkom bij de gemeente."}},
				},
			}
			dir := t.TempDir()
			for name, content := range c.files {
				put(t, dir, "recorded/nl/"+name, content)
			}
			problems := Check(dir, m, []Language{Dutch})
			require.Equal(t, c.want, faults(problems), "%v", problems)
			if len(problems) > 0 {
				require.Contains(t, problems[0].String(), c.mention)
			}
		})
	}
}

func TestCheckOfARenderedFileThatARecordingHides(t *testing.T) {
	m := &Manifest{
		prompts: map[Language]map[ID]Prompt{
			Dutch: {Welcome: {ID: Welcome, Language: Dutch, Text: "Welkom bij de gemeente."}},
		},
	}
	dir := t.TempDir()
	put(t, dir, "rendered/nl/welcome.alaw", "old")
	require.Contains(t, faults(Check(dir, m, nil)), Stale)
	put(t, dir, "recorded/nl/welcome.sln", tone(8000, 1.5, 0.2))
	require.Empty(t, Check(dir, m, []Language{Dutch}), "nobody hears the rendered one")
}

func TestCheckWithoutADirectoryNamesEveryPrompt(t *testing.T) {
	m := manifest(t)
	problems := Check(filepath.Join(t.TempDir(), "none"), m, nil)
	require.Len(t, problems, len(m.IDs(Dutch))+len(m.IDs(English)))
	require.Equal(t, "nl/all-busy: missing: there is no sound file for it; render the prompts", problems[0].String())
	require.Contains(t, Check(t.TempDir(), m, []Language{"fr"})[0].String(), `language "fr"`)
}

func TestProblemsAreOnOneLineWithTheirFile(t *testing.T) {
	p := Problem{
		Language: Dutch, ID: Welcome, File: "recorded/nl/welcome.wav", Fault: Silent, Detail: "nothing is heard in it",
	}
	require.Equal(t, "recorded/nl/welcome.wav: silent: nothing is heard in it", p.String())
}
