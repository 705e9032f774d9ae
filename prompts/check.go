package prompts

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/spelling"
)

// Fault is a kind of problem with a sound file.
type Fault string

// The kinds of problem that Check finds.
const (
	Missing    Fault = "missing"    // no sound file: callers do not hear this prompt
	Empty      Fault = "empty"      // a file without content
	Unplayable Fault = "unplayable" // a form, name or rate that Asterisk does not play
	Silent     Fault = "silent"     // no speech in it
	Level      Fault = "level"      // much too soft, or clipped
	Length     Fault = "length"     // far too short or long for its text: often a wrong rate, or another text
	Stale      Fault = "stale"      // the text changed since the file was made
	Unknown    Fault = "unknown"    // a file whose name is not in the manifest
)

// Problem is one thing wrong with one prompt or file.
type Problem struct {
	Language Language
	ID       ID
	File     string // empty when there is none
	Fault    Fault
	Detail   string // what is wrong and how to mend it
}

// String writes a problem on one line.
func (p Problem) String() string {
	where := p.File
	if where == "" {
		where = string(p.Language) + "/" + string(p.ID)
	}
	return fmt.Sprintf("%s: %s: %s", where, p.Fault, p.Detail)
}

// Check looks at all sound files of the languages (none means all) and returns their problems, by language and name. It
// only reads files and needs no programs. An unreadable directory shows as missing prompts.
func Check(dir string, manifest *Manifest, languages []Language) []Problem {
	chosen, err := chooseLanguages(languages)
	if err != nil {
		return []Problem{{Fault: Missing, Detail: err.Error()}}
	}
	var problems []Problem
	for _, language := range chosen {
		recorded := inspect(dir, recordedTree, language, manifest)
		rendered := inspect(dir, renderedTree, language, manifest)
		problems = append(problems, recorded.problems...)
		for _, id := range manifest.IDs(language) {
			if recorded.playable[id] {
				continue // the rendered one is never heard
			}
			problems = append(problems, rendered.about(id)...)
			if !rendered.playable[id] && len(rendered.about(id)) == 0 {
				problems = append(problems, Problem{
					Language: language, ID: id, Fault: Missing,
					Detail: "there is no sound file for it; render the prompts",
				})
			}
		}
	}
	return problems
}

// inspection holds the findings of one directory.
type inspection struct {
	dir      string
	tree     string
	language Language
	manifest *Manifest
	stamps   map[ID]stamp
	problems []Problem
	playable map[ID]bool
}

func (in *inspection) about(id ID) []Problem {
	var about []Problem
	for _, p := range in.problems {
		if p.ID == id {
			about = append(about, p)
		}
	}
	return about
}

func inspect(root, tree string, language Language, manifest *Manifest) *inspection {
	dir := filepath.Join(root, tree, string(language))
	in := &inspection{
		dir: dir, tree: tree, language: language, manifest: manifest, stamps: readStamps(dir), playable: map[ID]bool{},
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return in
	}
	lengths := map[ID]map[string]time.Duration{}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		id, length := in.file(e.Name())
		if length > 0 {
			if lengths[id] == nil {
				lengths[id] = map[string]time.Duration{}
			}
			lengths[id][filepath.Ext(e.Name())] = length
		}
	}
	for _, id := range slices.Sorted(maps.Keys(lengths)) {
		in.compareLengths(id, lengths[id])
	}
	for _, id := range slices.Sorted(maps.Keys(in.playable)) {
		in.freshness(id)
	}
	return in
}

func (in *inspection) found(id ID, file string, fault Fault, detail string, args ...any) {
	if file != "" {
		file = filepath.Join(in.dir, file)
	}
	in.problems = append(in.problems, Problem{
		Language: in.language, ID: id, File: file, Fault: fault, Detail: fmt.Sprintf(detail, args...),
	})
}

// file checks one file and returns its length, if known.
func (in *inspection) file(name string) (ID, time.Duration) {
	ext := filepath.Ext(name)
	id := ID(strings.TrimSuffix(name, ext))
	prompt, known := in.manifest.Prompt(in.language, id)
	if !known {
		if in.tree == recordedTree { // a rendered one is left over from a removed text, not misspelt
			in.found(
				id, name, Unknown, "there is no prompt of this name%s; rename or remove the file",
				didYouMean(in.manifest.IDs(in.language), id),
			)
		}
		return id, 0
	}
	if !playable[ext] {
		in.found(id, name, Unplayable, "Asterisk does not look for %q; import the recording", ext)
		return id, 0
	}
	raw, err := os.ReadFile(filepath.Join(in.dir, name))
	if err != nil {
		in.found(id, name, Unplayable, "it cannot be read: %v", err)
		return id, 0
	}
	if len(raw) == 0 {
		in.found(id, name, Empty, "the file has no content; make or copy it again")
		return id, 0
	}
	in.playable[id] = true
	content, length, err := readSound(name, raw)
	switch {
	case errors.Is(err, errWrongForm):
		delete(in.playable, id)
		in.found(id, name, Unplayable, "%v; import the recording instead of copying it", err)
	case err == nil && prompt.Silence == 0:
		in.level(id, name, content)
	}
	if in.tree == recordedTree && prompt.Silence == 0 && length > 0 {
		in.length(prompt, name, length)
	}
	return id, length
}

// The levels that are reported, in dBFS RMS while somebody speaks. Prompts are made at speechLevel.
const (
	silentBelow = -45.0
	softBelow   = -30.0
	loudAbove   = -9.0
)

func (in *inspection) level(id ID, name string, content sound) {
	switch level := decibel(content.activeLevel()); {
	case level < silentBelow:
		in.found(id, name, Silent, "nothing is heard in it (%.0f dBFS); record or render it again", level)
	case level < softBelow:
		in.found(
			id, name, Level, "it is very soft (%.0f dBFS, others have %.0f); import the recording, which levels it",
			level, speechLevel,
		)
	case level > loudAbove:
		in.found(
			id, name, Level, "it is so loud that it is distorted (%.0f dBFS, others have %.0f); record it softer",
			level, speechLevel,
		)
	}
}

// Recorded speech takes between these times for a character of text. They are wide: they find a wrong rate or a wrong
// recording, not a slow voice.
const (
	fastestCharacter   = 30 * time.Millisecond
	slowestCharacter   = 160 * time.Millisecond
	slack              = 1500 * time.Millisecond // short words, breath
	charactersForDigit = 5                       // "7" is spoken as "zeven"
)

func (in *inspection) length(prompt Prompt, name string, length time.Duration) {
	digits := len(onlyDigits(prompt.Text))
	characters := time.Duration(len([]rune(prompt.Text)) + digits*(charactersForDigit-1))
	if length < characters*fastestCharacter || length > characters*slowestCharacter+slack {
		in.found(
			prompt.ID, name, Length,
			"it lasts %.1f s, which does not fit its text; listen whether rate and words are right", length.Seconds(),
		)
	}
}

// compareLengths compares the files of one prompt: nothing else shows the wrong rate of a raw file.
func (in *inspection) compareLengths(id ID, lengths map[string]time.Duration) {
	shortest, longest := time.Duration(1<<62), time.Duration(0)
	for _, length := range lengths {
		shortest, longest = min(shortest, length), max(longest, length)
	}
	if longest-shortest > 100*time.Millisecond+longest/20 {
		in.found(
			id, "", Unplayable,
			"its files differ in length, %v; one has the wrong rate: .alaw, .ulaw and .sln are 8 kHz, .g722 and .sln16 16 kHz",
			lengths,
		)
	}
}

// freshness compares the files of a prompt with its text. A recording that was copied in without import has no stamp,
// so its text is unknown.
func (in *inspection) freshness(id ID) {
	prompt, _ := in.manifest.Prompt(in.language, id)
	made, stamped := in.stamps[id]
	switch {
	case in.tree == recordedTree && stamped && made.From != prompt.recordedFrom():
		in.found(id, "", Stale, "the text changed since it was recorded, it is now %q; record it again", prompt.Text)
	case in.tree == renderedTree && made.From != prompt.renderedFrom():
		in.found(id, "", Stale, "the text or the voice changed since it was rendered; render the prompts")
	case in.tree == renderedTree && !made.intact(in.dir, id):
		in.found(id, "", Missing, "one of its files is gone or cut short; render the prompts")
	}
}

// didYouMean names the prompt whose name is most like a wrong one.
func didYouMean(known []ID, wrong ID) string {
	near := spelling.Nearest(wrong, known)
	if near == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", near)
}
