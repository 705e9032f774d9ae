package rig

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALawIsDecodedAndEncodedWithoutLoss(t *testing.T) {
	for b := range 256 {
		require.Equal(t, byte(b), linearToALaw(alawToLinear[b]), "byte %#x", b)
	}
	require.Equal(t, int16(32256), alawToLinear[0xaa], "the loudest sample of G.711")
	require.Equal(t, int16(8), alawToLinear[alawSilence])
}

func TestATone(t *testing.T) {
	tone := Tone(440, time.Second)
	heard := DecodeALaw(tone.ALaw())

	require.Equal(t, time.Second, heard.Duration())
	require.InDelta(t, -15.3, heard.RMS(), 0.2)
	require.Zero(t, heard.Silence())
	require.Greater(t, heard.Pitch(440), 0.95)
	require.Less(t, heard.Pitch(880), 0.05)
}

func TestAToneIsFoundAmongOtherSounds(t *testing.T) {
	music, early := Tone(700, time.Second), Tone(440, 300*time.Millisecond)
	late := Tone(440, 310*time.Millisecond)[9:] // as after a late packet: the tone goes on out of step
	heard := slices.Concat(music, early, late, music)
	require.Greater(t, heard.Purest(440), 0.95)
	require.Less(t, heard.Pitch(440), 0.3)
	require.Less(t, heard.Purest(880), 0.05)
	require.Zero(t, early[:1000].Purest(440), "too short to tell")
}

func TestSilenceIsMeasured(t *testing.T) {
	sound := append(Tone(300, time.Second), make(Sound, 3*sampleRate)...)

	require.InDelta(t, 0.75, sound.Silence(), 0.01)
	require.Equal(t, 3*time.Second, sound.LongestSilence())
	require.Equal(t, 1.0, Sound(nil).Silence(), "nothing heard is silence")
}

func TestARecordingIsReadAsItWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "heard.wav")
	tone := Tone(440, 100*time.Millisecond)
	require.NoError(t, tone.WriteWAV(path))

	read, err := ReadWAV(path)
	require.NoError(t, err)
	require.Equal(t, tone, read)
}

// noise is a phrase unlike all others.
func noise(seed uint32, frames int) []byte {
	data := make([]byte, frames*frameBytes+seed7(seed))
	for i := range data {
		seed = seed*1664525 + 1013904223
		data[i] = byte(seed >> 24)
	}
	return data
}

// seed7 makes the length no whole number of packets, like that of a spoken prompt.
func seed7(seed uint32) int { return int(seed*7) % frameBytes }

func TestPhrasesAreRecognised(t *testing.T) {
	silence := make([]byte, 700)
	for i := range silence {
		silence[i] = alawSilence
	}
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	welcome, menu, start := noise(1, 20), noise(2, 30), noise(3, 12)
	// Two sentences that begin with the same words, and one that is the beginning of another.
	back, by := join(start, noise(4, 10)), join(start, noise(5, 10))
	book := &Phrasebook{index: map[phraseKey][]phrasePlace{}}
	for id, data := range map[string][]byte{"welcome": welcome, "menu": menu, "start": start, "back": back, "by": by} {
		book.add(id, data)
	}

	for name, test := range map[string]struct {
		stream []byte
		heard  []string
	}{
		"nothing":             {nil, nil},
		"silence":             {silence, nil},
		"one after the other": {join(welcome, menu), []string{"welcome", "menu"}},
		"with pauses": {
			join(silence, welcome, silence, menu, silence), []string{"welcome", "menu"},
		},
		"the same one twice":                   {join(welcome, welcome), []string{"welcome", "welcome"}},
		"cut short by a key":                   {join(welcome[:1500], menu), []string{"welcome…", "menu"}},
		"the beginning lost":                   {welcome[777:], []string{"welcome…"}},
		"two that begin alike":                 {join(by, back), []string{"by", "back"}},
		"one that is the beginning of another": {join(start, silence, by), []string{"start", "by"}},
		"something unknown in between":         {join(welcome, noise(9, 30), menu), []string{"welcome", "menu"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := reader{book: book}
			for data := test.stream; len(data) > 0; data = data[min(len(data), frameBytes):] {
				r.feed(data[:min(len(data), frameBytes)])
			}
			var heard []Phrase
			for _, s := range r.spans() {
				heard = append(heard, Phrase{IDs: book.phrases[s.phrase].ids, Whole: book.complete(s)})
			}
			require.Equal(t, test.heard, names(heard))
		})
	}
	t.Run("two names for one sound", func(t *testing.T) {
		book.add("menu too", menu)
		r := reader{book: book}
		r.feed(menu)
		heard := Phrase{IDs: book.phrases[r.spans()[0].phrase].ids}
		require.True(t, heard.Is("menu") && heard.Is("menu too") && !heard.Is("welcome"))
	})
}
