package prompts

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// small is a manifest of a few prompts of each kind, so that the tests stay quick.
func small(t *testing.T) *Manifest {
	t.Helper()
	full := manifest(t)
	m := &Manifest{prompts: map[Language]map[ID]Prompt{}}
	for _, language := range Languages() {
		m.prompts[language] = map[ID]Prompt{}
		for _, id := range []ID{Welcome, OfferCallback, "digit-5", "number-24", "weekday-2", atTime, PauseShort} {
			m.prompts[language][id], _ = full.Prompt(language, id)
		}
	}
	return m
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func render(t *testing.T, dir string, m *Manifest, languages ...Language) Report {
	t.Helper()
	report, err := Render(bounded(t), RenderOptions{Dir: dir, Manifest: m, Languages: languages})
	require.NoError(t, err)
	return report
}

// soxLevel asks sox, which knows nothing of our own decoding, for the RMS level, the peak (both dBFS) and the length
// (s) of a sound.
func soxLevel(t *testing.T, file string, form ...string) (rms, peak, length float64) {
	t.Helper()
	out, err := exec.CommandContext(bounded(t), "sox", append(form, file, "-n", "stats")...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	value := func(name string) float64 {
		for line := range strings.Lines(string(out)) {
			if rest, found := strings.CutPrefix(line, name); found {
				v, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
				require.NoError(t, err)
				return v
			}
		}
		require.Fail(t, "sox told nothing", "%s in %s", name, out)
		return 0
	}
	return value("RMS lev dB"), value("Pk lev dB"), value("Length s")
}

func TestRenderedPromptsAreHeard(t *testing.T) {
	dir, m := t.TempDir(), small(t)
	require.Equal(t, Report{Total: 14, Made: 14}, render(t, dir, m))
	for _, language := range Languages() {
		for _, id := range m.IDs(language) {
			base := filepath.Join(dir, "rendered", string(language), string(id))
			wide := filepath.Join(t.TempDir(), "wide.wav")
			out, err := exec.CommandContext(
				bounded(t), "ffmpeg", "-loglevel", "error", "-f", "g722", "-i", base+".g722", wide,
			).CombinedOutput()
			require.NoError(t, err, "%s", out)
			rms, peak, length := soxLevel(t, base+".alaw", "-t", "al", "-r", "8000", "-c", "1")
			wideRMS, _, wideLength := soxLevel(t, wide)
			require.InDelta(t, length, wideLength, 0.01, "%s/%s: both files last as long", language, id)
			p, _ := m.Prompt(language, id)
			if p.Silence > 0 {
				require.Less(t, rms, -60.0)
				require.InDelta(t, p.Silence.Seconds(), length, 0.01)
				continue
			}
			require.InDelta(t, -18.2, rms, 1.8, "%s/%s at 8 kHz", language, id)
			require.InDelta(t, -18.2, wideRMS, 1.8, "%s/%s at 16 kHz", language, id)
			require.Less(t, peak, -0.2, "%s/%s is clipped", language, id)
			characters := float64(len([]rune(p.Text)))
			require.Greater(t, length, 0.15+0.02*characters, "%s/%s is cut short", language, id)
			require.Less(t, length, 0.6+0.15*characters, "%s/%s has silence around it", language, id)
		}
	}
	require.Empty(t, Check(dir, m, nil))
	for _, id := range []ID{"number-24", atTime} {
		edge := filepath.Join(dir, "rendered", "nl", string(id)+".alaw")
		raw, err := os.ReadFile(edge)
		require.NoError(t, err)
		for _, end := range [][]byte{raw[:4], raw[len(raw)-4:]} {
			require.Less(
				t, rootMeanSquare(companded(end, alawSample).samples), 0.02, "%s starts and ends without a click", id,
			)
		}
	}
}

// TestJoinedPartsStayCleanInWideband plays parts one after another through one G.722 decoder, as a phone does, and
// holds that against the parts decoded each on its own.
func TestJoinedPartsStayCleanInWideband(t *testing.T) {
	dir, m := t.TempDir(), small(t)
	render(t, dir, m, Dutch)
	var joined []byte
	var apart []float64
	for _, id := range []ID{
		"weekday-2", "number-24", atTime, "number-24", PauseShort, "digit-5", "digit-5", OfferCallback, "weekday-2",
	} {
		raw, err := os.ReadFile(filepath.Join(dir, "rendered/nl", string(id)+g722Ext))
		require.NoError(t, err)
		require.Zero(t, len(raw)%frameBytes, "%s ends with a whole packet", id)
		joined = append(joined, raw...)
		apart = append(apart, wideband(t, raw).samples...)
	}
	together := wideband(t, joined).samples
	require.Len(t, together, len(apart))
	distortion := make([]float64, len(apart))
	for i := range apart {
		distortion[i] = together[i] - apart[i]
	}
	require.Greater(
		t, decibel(rootMeanSquare(apart))-decibel(rootMeanSquare(distortion)), 20.0, "signal to distortion in dB",
	)
}

func wideband(t *testing.T, g722 []byte) sound {
	t.Helper()
	raw, err := runTool(bounded(t), ffmpeg, g722, "-loglevel", "error", "-f", "g722", "-i", "-", "-f", "s16le", "-")
	require.NoError(t, err)
	return fromPCM16(16000, raw)
}

func TestRenderingAgainMakesOnlyWhatChanged(t *testing.T) {
	dir, m := t.TempDir(), small(t)
	render(t, dir, m, Dutch)
	t.Run("nothing, and then no program is needed", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		require.Equal(t, Report{Total: 7, Kept: 7}, render(t, dir, m, Dutch))
	})
	t.Run("a text that changed", func(t *testing.T) {
		require.NoError(t, m.add(Dutch, Welcome, "Welkom bij de gemeente Deventer."))
		require.Equal(t, []Fault{Stale}, faults(Check(dir, m, []Language{Dutch})))
		require.Equal(t, Report{Total: 7, Made: 1, Kept: 6}, render(t, dir, m, Dutch))
	})
	t.Run("a file that is gone", func(t *testing.T) {
		require.NoError(t, os.Remove(filepath.Join(dir, "rendered/nl/digit-5.g722")))
		require.Equal(t, []Fault{Missing}, faults(Check(dir, m, []Language{Dutch})))
		require.Equal(t, Report{Total: 7, Made: 1, Kept: 6}, render(t, dir, m, Dutch))
	})
	t.Run("a file that was cut short", func(t *testing.T) {
		require.NoError(t, os.Truncate(filepath.Join(dir, "rendered/nl/digit-5.alaw"), 100))
		require.Equal(t, Report{Total: 7, Made: 1, Kept: 6}, render(t, dir, m, Dutch))
	})
	t.Run("all, when it is not known what was made", func(t *testing.T) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "rendered/nl", stampFile), []byte("{torn"), 0o644))
		require.Equal(t, Report{Total: 7, Made: 7}, render(t, dir, m, Dutch))
	})
	require.Empty(t, Check(dir, m, []Language{Dutch}))
	left, err := filepath.Glob(filepath.Join(dir, "rendered", workPrefix+"*"))
	require.NoError(t, err)
	require.Empty(t, left, "working directories are removed")
}

func TestProgressIsToldInOrder(t *testing.T) {
	m := small(t)
	var told, totals []int
	_, err := Render(bounded(t), RenderOptions{Dir: t.TempDir(), Manifest: m, Progress: func(done, total int) {
		told, totals = append(told, done), append(totals, total)
	}})
	require.NoError(t, err)
	require.Equal(t, slices.Repeat([]int{14}, len(told)), totals)
	require.IsIncreasing(t, told)
	require.Equal(t, 14, told[len(told)-1])
}

func TestTwoRendersInOneDirectory(t *testing.T) {
	dir, m := t.TempDir(), small(t)
	ctx := bounded(t)
	var made [2]Report
	var errs [2]error
	var both sync.WaitGroup
	for i := range made {
		both.Go(func() {
			made[i], errs[i] = Render(ctx, RenderOptions{Dir: dir, Manifest: m, Languages: []Language{Dutch}})
		})
	}
	both.Wait()
	require.NoError(t, errors.Join(errs[:]...))
	require.Equal(t, 7, made[0].Made+made[1].Made, "the second finds the work done")
}

// fakeTool puts a program of that name first on the path.
func fakeTool(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestProgramsThatFail(t *testing.T) {
	tryWith := func(t *testing.T, dir string) error {
		_, err := Render(bounded(t), RenderOptions{Dir: dir, Manifest: small(t)})
		return err
	}
	t.Run("none installed: both are named with what to install", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		require.EqualError(t, tryWith(t, t.TempDir()),
			"render prompts: not installed: espeak-ng ffmpeg; install with: apt-get install --no-install-recommends espeak-ng ffmpeg")
	})
	t.Run("espeak-ng gives its own words", func(t *testing.T) {
		fakeTool(t, espeak, "echo 'Error: no voice data' >&2; exit 1")
		err := tryWith(t, t.TempDir())
		require.ErrorContains(t, err, "espeak-ng failed (exit status 1): Error: no voice data")
		require.ErrorContains(t, err, "--reinstall --no-install-recommends espeak-ng")
	})
	t.Run("ffmpeg gives its own words", func(t *testing.T) {
		fakeTool(t, ffmpeg, "echo 'Unknown encoder g722' >&2; exit 1")
		require.ErrorContains(t, tryWith(t, t.TempDir()), "ffmpeg failed (exit status 1): Unknown encoder g722")
	})
	t.Run("without words", func(t *testing.T) {
		fakeTool(t, espeak, "exit 3")
		require.ErrorContains(t, tryWith(t, t.TempDir()), "it gave no reason")
	})
	t.Run("espeak-ng writes something else", func(t *testing.T) {
		fakeTool(t, espeak, "echo hello")
		require.ErrorContains(t, tryWith(t, t.TempDir()), "espeak-ng wrote no usable sound: it is not a WAV file")
	})
	t.Run("espeak-ng writes silence", func(t *testing.T) {
		silent := filepath.Join(t.TempDir(), "silent.wav")
		require.NoError(t, os.WriteFile(silent, []byte(wav(22050, string(make([]byte, 44100)))), 0o644))
		fakeTool(t, espeak, "cat "+silent)
		require.ErrorContains(t, tryWith(t, t.TempDir()), "there is only silence in it")
	})
	t.Run("ffmpeg says all is well and writes nothing", func(t *testing.T) {
		fakeTool(t, ffmpeg, `for a; do case $a in *.alaw|*.g722) : > "${a#file:}";; esac; done`)
		dir := t.TempDir()
		require.ErrorContains(t, tryWith(t, dir), "ffmpeg wrote an empty file")
		files, err := filepath.Glob(filepath.Join(dir, "rendered", "*", "*.alaw"))
		require.NoError(t, err)
		require.Empty(t, files, "nothing half made is put in place")
	})
	t.Run("what was made before the failure is kept", func(t *testing.T) {
		dir, m := t.TempDir(), small(t)
		render(t, dir, m, Dutch)
		fakeTool(t, espeak, "exit 1")
		report, err := Render(bounded(t), RenderOptions{Dir: dir, Manifest: m})
		require.Error(t, err)
		require.Equal(t, 7, report.Kept)
		require.Empty(t, Check(dir, m, []Language{Dutch}))
	})
}

func TestRenderStopsWhenAsked(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	fakeTool(t, espeak, "echo >> "+started+"; exec sleep 60")
	stopped := errors.New("the operator pressed control-C")
	ctx, stop := context.WithCancelCause(bounded(t))
	m := small(t)
	outcome := make(chan error)
	go func() {
		_, err := Render(ctx, RenderOptions{Dir: t.TempDir(), Manifest: m})
		outcome <- err
	}()
	require.Eventually(
		t, func() bool { _, err := os.Stat(started); return err == nil }, 20*time.Second, 5*time.Millisecond,
	)
	stop(stopped)
	require.ErrorIs(t, <-outcome, stopped)
}

func TestWaitingForAnotherRenderCanBeStopped(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockDir(t.Context(), dir)
	require.NoError(t, err)
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = lockDir(ctx, dir)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "another process is making prompts")
}

func TestRenderOptionsThatMakeNoSense(t *testing.T) {
	_, err := Render(t.Context(), RenderOptions{Dir: t.TempDir(), Manifest: manifest(t), Languages: []Language{"fr"}})
	require.ErrorContains(t, err, `no prompts in language "fr"`)
	_, err = Render(t.Context(), RenderOptions{Dir: t.TempDir()})
	require.ErrorContains(t, err, "a directory and a manifest are needed")
	_, err = Render(t.Context(), RenderOptions{Dir: put(t, t.TempDir(), "file", "x"), Manifest: manifest(t)})
	require.ErrorContains(t, err, "not a directory")
}

func TestLeftoversOfAKilledRenderAreRemoved(t *testing.T) {
	dir, m := t.TempDir(), small(t)
	put(t, dir, "rendered/"+workPrefix+"123/batch-1/nl-welcome.raw", "x")
	render(t, dir, m, Dutch)
	left, err := filepath.Glob(filepath.Join(dir, "rendered", workPrefix+"*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
