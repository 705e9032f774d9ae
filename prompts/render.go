package prompts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// RenderOptions says what to render and where.
type RenderOptions struct {
	Dir       string     // the prompts directory; files go to Dir/rendered/<language>
	Manifest  *Manifest  // what is said
	Languages []Language // none means all
	// Progress is called by one goroutine at a time as prompts get done; prompts that were up to date do not count.
	Progress func(done, total int)
}

// Report counts prompts over all languages.
type Report struct {
	Total int // prompts asked for
	Made  int // made now
	Kept  int // up to date already
}

// String writes the report on one line.
func (r Report) String() string {
	return fmt.Sprintf("%d prompts: %d made, %d up to date", r.Total, r.Made, r.Kept)
}

// pipeline is a version. Raise it when the same text would give another file: every rendered file becomes stale.
const pipeline = "1"

// Render makes the sound files that are missing, damaged or whose text changed, with espeak-ng and ffmpeg. Files appear
// whole or not at all, so a running Asterisk may play from the same directory, and finished files stay when the run is
// cut short. When all is up to date no program is needed. Of two runs in one directory the second waits.
func Render(ctx context.Context, o RenderOptions) (Report, error) {
	languages, err := chooseLanguages(o.Languages)
	if err != nil {
		return Report{}, err
	}
	if o.Manifest == nil || o.Dir == "" {
		return Report{}, errors.New("render prompts: a directory and a manifest are needed")
	}
	tree := filepath.Join(o.Dir, renderedTree)
	p, err := openPress(ctx, tree, languages)
	if err != nil {
		return Report{}, fmt.Errorf("render prompts in %s: %w", o.Dir, err)
	}
	defer p.close()
	p.progress = o.Progress

	var report Report
	var items []item
	for _, language := range languages {
		for _, id := range o.Manifest.IDs(language) {
			prompt, _ := o.Manifest.Prompt(language, id)
			report.Total++
			if p.upToDate(language, id, prompt.renderedFrom()) {
				report.Kept++
				continue
			}
			items = append(items, item{language: language, id: id, from: prompt.renderedFrom(), speak: prompt.render})
		}
	}
	if len(items) == 0 {
		return report, nil
	}
	if err := findTools(espeak, ffmpeg); err != nil {
		return report, fmt.Errorf("render prompts: %w", err)
	}
	report.Made, err = p.run(ctx, items)
	if err != nil {
		return report, fmt.Errorf(
			"render prompts in %s (%d of %d done, these are kept): %w", o.Dir, report.Made, len(items), err,
		)
	}
	return report, nil
}

// chooseLanguages returns all languages for none, and refuses unknown ones.
func chooseLanguages(wanted []Language) ([]Language, error) {
	if len(wanted) == 0 {
		return Languages(), nil
	}
	for _, language := range wanted {
		if !slices.Contains(Languages(), language) {
			return nil, fmt.Errorf("there are no prompts in language %q: use some of %v", language, Languages())
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(wanted))), nil
}

// render makes the sound of a prompt.
func (p Prompt) render(ctx context.Context) (sound, error) {
	if p.Silence > 0 {
		return silence(importRate, p.Silence), nil
	}
	spoken, err := synthesize(ctx, p.Language, p.spoken())
	if err != nil {
		return sound{}, err
	}
	return spoken.shape(endsSentence(p.Text))
}

// spoken is what the synthesizer reads. A part ends on a comma: the voice stays up, because the sentence goes on.
func (p Prompt) spoken() string {
	if p.say != "" {
		return p.say
	}
	if endsSentence(p.Text) {
		return p.Text
	}
	return strings.TrimSuffix(p.Text, ".") + ","
}

// renderedFrom is a fingerprint of all that decides the sound of a rendered file.
func (p Prompt) renderedFrom() string {
	return fingerprint(pipeline, voices[p.Language], fmt.Sprint(wordsPerMinute), p.spoken(), p.Text, p.Silence.String())
}

// recordedFrom is a fingerprint of the text that a recorded voice was asked to read.
func (p Prompt) recordedFrom() string { return fingerprint(p.Text) }

func fingerprint(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// openPress takes the lock of a tree and reads what it holds.
func openPress(ctx context.Context, tree string, languages []Language) (*press, error) {
	for _, language := range languages {
		if err := os.MkdirAll(filepath.Join(tree, string(language)), 0o755); err != nil {
			return nil, err
		}
	}
	unlock, err := lockDir(ctx, tree)
	if err != nil {
		return nil, err
	}
	work, err := workDir(tree)
	if err != nil {
		unlock()
		return nil, err
	}
	p := &press{tree: tree, work: work, unlock: unlock, stamps: map[Language]map[ID]stamp{}}
	for _, language := range languages {
		p.stamps[language] = maps.Clone(readStamps(filepath.Join(tree, string(language))))
	}
	return p, nil
}
