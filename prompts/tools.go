package prompts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The programs that make sound files, which are also the names of their Debian packages.
const (
	espeak = "espeak-ng"
	ffmpeg = "ffmpeg"
)

// The files made for each prompt. Asterisk plays the one that fits the call's codec unchanged: A-law for the public
// network, G.722 for wideband phones. Both take 8000 bytes for a second.
const (
	alawExt = ".alaw"
	g722Ext = ".g722"
)

// wordsPerMinute is slower than espeak-ng's 175: prompts are for people who follow speech with difficulty too.
const wordsPerMinute = 150

// toolGrace is how long a stopped program may take to close its pipes.
const toolGrace = 2 * time.Second

// voices are the voices of espeak-ng for each language.
var voices = map[Language]string{Dutch: "nl", English: "en-gb"}

// findTools names all missing programs in one error, with what to install.
func findTools(names ...string) error {
	var missing []string
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		list := strings.Join(missing, " ")
		return fmt.Errorf("not installed: %s; install with: apt-get install --no-install-recommends %s", list, list)
	}
	return nil
}

// runTool returns a program's output; its error holds the program's own last lines.
func runTool(ctx context.Context, name string, input []byte, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, args...)
	var out, words bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(input), &out, &words
	command.WaitDelay = toolGrace
	err := command.Run()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return nil, findTools(name)
	case err != nil:
		return nil, fmt.Errorf("%s failed (%w): %s; if it is broken, install it anew: apt-get install --reinstall --no-install-recommends %s",
			name, err, lastWords(words.String()), name)
	}
	return out.Bytes(), nil
}

func lastWords(stderr string) string {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	words := strings.Join(lines[max(0, len(lines)-3):], "; ")
	if words == "" {
		return "it gave no reason"
	}
	return words
}

// synthesize speaks a text.
func synthesize(ctx context.Context, language Language, text string) (sound, error) {
	wav, err := runTool(
		ctx, espeak, []byte(text), "-b", "1", "-v", voices[language], "-s", strconv.Itoa(wordsPerMinute), "--stdin",
		"--stdout",
	)
	if err != nil {
		return sound{}, err
	}
	format, samples, err := readWAV(wav)
	if err != nil {
		return sound{}, fmt.Errorf("%s wrote no usable sound: %w", espeak, err)
	}
	if format.channels != 1 || format.bits != 16 {
		return sound{}, fmt.Errorf(
			"%s wrote %d channels of %d bits, wanted 1 of 16", espeak, format.channels, format.bits,
		)
	}
	return fromPCM16(int(format.rate), samples), nil
}

// importRate is the rate at which recordings are processed.
const importRate = 48000

// longestRecording in seconds; a longer one was not meant as a prompt.
const longestRecording = "180"

// decode reads a recording in any form that ffmpeg knows, mixed to one channel, without rumble.
func decode(ctx context.Context, file string) (sound, error) {
	raw, err := runTool(ctx, ffmpeg, nil, "-hide_banner", "-loglevel", "error", "-nostdin",
		"-protocol_whitelist", "file,pipe", "-t", longestRecording, "-i", "file:"+file, "-vn",
		"-af", "highpass=f=80", "-ac", "1", "-ar", strconv.Itoa(importRate), "-f", "s16le", "pipe:1")
	if err != nil {
		return sound{}, err
	}
	return fromPCM16(importRate, raw), nil
}

// clip is one prompt on its way to disk: raw samples in a working directory.
type clip struct {
	id   ID
	rate int
	raw  string // file of 16-bit samples
}

func (c clip) encoded(ext string) string { return strings.TrimSuffix(c.raw, filepath.Ext(c.raw)) + ext }

// encode writes the A-law and G.722 files of several clips beside their raw files. One run for several: starting ffmpeg
// costs more than the work.
func encode(ctx context.Context, clips []clip) error {
	args := []string{"-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-threads", "1"}
	for _, c := range clips {
		args = append(args, "-f", "s16le", "-ar", strconv.Itoa(c.rate), "-ac", "1", "-i", "file:"+c.raw)
	}
	for i, c := range clips {
		stream := strconv.Itoa(i) + ":a"
		args = append(args, "-map", stream, "-ar", "8000", "-c:a", "pcm_alaw", "-f", "alaw", "file:"+c.encoded(alawExt),
			"-map", stream, "-ar", "16000", "-c:a", "g722", "-f", "g722", "file:"+c.encoded(g722Ext))
	}
	_, err := runTool(ctx, ffmpeg, nil, args...)
	return err
}
