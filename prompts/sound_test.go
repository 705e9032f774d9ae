package prompts

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestExpandingAgreesWithFFmpeg holds our own decoding of all 256 values against ffmpeg's.
func TestExpandingAgreesWithFFmpeg(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for form, expand := range map[string]func(byte) int{"alaw": alawSample, "mulaw": ulawSample} {
		file := filepath.Join(t.TempDir(), form)
		require.NoError(t, os.WriteFile(file, all, 0o644))
		out, err := exec.CommandContext(
			bounded(t), "ffmpeg", "-loglevel", "error", "-f", form, "-i", file, "-f", "s16le", "-",
		).Output()
		require.NoError(t, err)
		theirs := fromPCM16(8000, out)
		require.Len(t, theirs.samples, 256)
		for i, sample := range theirs.samples {
			require.Equal(t, int(sample*32768), expand(byte(i)), "%s %d", form, i)
		}
	}
}

func TestSpeechIsTrimmedLevelledAndPadded(t *testing.T) {
	speech := fromPCM16(8000, []byte(string(make([]byte, 8000))+tone(8000, 1, 0.03)+string(make([]byte, 8000))))
	part, err := speech.shape(false)
	require.NoError(t, err)
	require.InDelta(t, 1.0, seconds(part), 0.1, "silence at both ends is gone")
	require.InDelta(t, speechLevel, decibel(part.activeLevel()), 0.3)
	require.Zero(t, part.samples[0])
	require.Zero(t, part.samples[len(part.samples)-1])

	sentence, err := speech.shape(true)
	require.NoError(t, err)
	require.InDelta(t, seconds(part)+tailOfSentence.Seconds(), seconds(sentence), 0.001)
}

func seconds(s sound) float64 { return float64(len(s.samples)) / float64(s.rate) }

func TestPausesInsideSpeechDoNotMakeItLouder(t *testing.T) {
	plain := fromPCM16(8000, []byte(tone(8000, 1, 0.1)))
	paused := fromPCM16(8000, []byte(tone(8000, 0.5, 0.1)+string(make([]byte, 16000))+tone(8000, 0.5, 0.1)))
	require.InDelta(t, decibel(plain.level().activeLevel()), decibel(paused.level().activeLevel()), 0.3)
}

func TestPeaksAreBentNotCut(t *testing.T) {
	last := -1.0
	for v := -4.0; v <= 4; v += 0.01 {
		bent := bend(v)
		require.LessOrEqual(t, math.Abs(bent), speechCeiling)
		require.GreaterOrEqual(t, bent, last)
		last = bent
	}
	require.InDelta(t, 0.5, bend(0.5), 1e-9, "below the knee nothing changes")
}

func TestNothingToHearIsAnError(t *testing.T) {
	for name, s := range map[string]sound{
		"nothing": {rate: 8000}, "silence": silence(8000, time.Second),
		"noise of one bit": fromPCM16(8000, []byte(tone(8000, 1, 0.0001))),
	} {
		_, err := s.shape(true)
		require.ErrorIs(t, err, errOnlySilence, name)
	}
	short, err := sound{rate: 8000, samples: []float64{0.5}}.shape(false)
	require.NoError(t, err)
	require.Less(t, seconds(short), 0.03)
}

func FuzzReadWAV(f *testing.F) {
	f.Add([]byte(wav(8000, "xx")))
	f.Add([]byte("RIFF\x24\xf0\xff\x7fWAVEfmt \xff\xff\xff\xff"))
	f.Add([]byte("RIFF\x24\xf0\xff\x7fWAVELIST\x03\x00\x00\x00abc\x00data\x00\xf0\xff\x7f"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		format, samples, err := readWAV(raw)
		if err == nil {
			require.NotZero(t, format.rate)
			require.LessOrEqual(t, len(samples), len(raw))
		}
		for ext := range playable {
			_, length, _ := readSound("x"+ext, raw)
			require.GreaterOrEqual(t, length, time.Duration(0))
		}
	})
}

func TestWAVWrittenIntoAPipeHasNoLength(t *testing.T) {
	piped := []byte(wav(22050, "abcd"))
	copy(piped[40:], "\x00\xf0\xff\x7f")
	format, samples, err := readWAV(piped)
	require.NoError(t, err)
	require.Equal(t, wavFormat{coding: 1, channels: 1, bits: 16, rate: 22050}, format)
	require.Equal(t, "abcd", string(samples))
}

func TestSpeechThatStartsAtOnceIsFadedIn(t *testing.T) {
	square := sound{rate: 8000, samples: make([]float64, 8000)}
	for i := range square.samples {
		square.samples[i] = 0.5
	}
	part, err := square.shape(false)
	require.NoError(t, err)
	start := samplesIn(8000, lead)
	require.Zero(t, part.samples[start])
	require.Less(t, part.samples[start+1], part.samples[start+8])
	require.Zero(t, part.samples[len(part.samples)-1])
}

func TestTheLastFrameIsFilledNotCut(t *testing.T) {
	for _, length := range []int{1, 159, 160, 161, 4000} {
		speech := sound{rate: 8000, samples: make([]float64, length)}
		filled := len(speech.wholeFrames().samples) - samplesIn(8000, frameSlack)
		require.Zero(t, filled%frameBytes)
		require.GreaterOrEqual(t, filled, length)
		require.Less(t, filled, length+frameBytes)
	}
}
