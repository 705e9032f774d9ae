package prompts

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

//go:embed manifest/*/*.yaml
var builtIn embed.FS

// Prompt is one entry of the manifest: what one sound file says.
type Prompt struct {
	ID       ID
	Language Language
	// Text is what a caller hears and what a recorded voice reads out; for a silence it is the punctuation in its
	// place.
	Text string
	// Part marks a piece that the program joins to others; the configuration cannot replace its text.
	Part bool
	// Silence is the length of a pause; zero for speech.
	Silence time.Duration

	say  string // what the synthesizer reads, when the text as written comes out wrong
	glue bool   // the next number is written against it
}

// Extra holds texts from the configuration, per language: new prompts such as menu texts, or other words for a whole
// sentence such as the welcome with the municipality's name.
type Extra map[Language]map[ID]string

// Manifest is everything that can be spoken, in every language. It does not change after NewManifest and may be shared.
type Manifest struct {
	prompts map[Language]map[ID]Prompt
}

// NewManifest merges the built-in texts with those of the configuration. The error names every entry of extra that
// cannot be used, and why.
func NewManifest(extra Extra) (*Manifest, error) {
	texts, err := builtInTexts()
	if err != nil {
		return nil, err
	}
	m := &Manifest{prompts: map[Language]map[ID]Prompt{}}
	for language, entries := range texts {
		m.prompts[language] = maps.Clone(entries)
	}
	var problems []error
	for _, language := range slices.Sorted(maps.Keys(extra)) {
		for _, id := range slices.Sorted(maps.Keys(extra[language])) {
			if err := m.add(language, id, extra[language][id]); err != nil {
				problems = append(problems, fmt.Errorf("prompt %q in language %q: %w", id, language, err))
			}
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return m, nil
}

// Text writes an utterance as it is spoken, numbers in words. A part that the manifest does not have shows as [id].
func (m *Manifest) Text(u Utterance) string {
	var written strings.Builder
	last, glued := "", false
	for _, part := range u.Parts {
		language, id := part.split(u.Language)
		p, known := m.Prompt(language, id)
		if !known {
			p.Text = "[" + string(part) + "]"
		}
		switch {
		case p.Silence > 0:
			if written.Len() == 0 || endsSentence(last) || strings.HasSuffix(last, p.Text) {
				continue
			}
		case written.Len() > 0 && !(glued && strings.HasPrefix(string(id), "number-")):
			written.WriteByte(' ')
		}
		written.WriteString(p.Text)
		last, glued = p.Text, p.glue
	}
	return written.String()
}

// Prompt returns the entry for an id.
func (m *Manifest) Prompt(language Language, id ID) (Prompt, bool) {
	p, known := m.prompts[language][id]
	return p, known
}

// Has reports whether every part of an utterance has a text. Library knows whether it has a sound file.
func (m *Manifest) Has(u Utterance) bool {
	for _, part := range u.Parts {
		if _, known := m.Prompt(part.split(u.Language)); !known {
			return false
		}
	}
	return true
}

// IDs lists the prompts of a language in alphabetical order.
func (m *Manifest) IDs(language Language) []ID { return slices.Sorted(maps.Keys(m.prompts[language])) }

var wellFormedID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// longestText in characters; a minute of speech, far more than a caller wants to hear at once.
const longestText = 1000

func (m *Manifest) add(language Language, id ID, text string) error {
	entries, known := m.prompts[language]
	if !known {
		return fmt.Errorf("there is no language %q; use one of %v", language, Languages())
	}
	if !wellFormedID.MatchString(string(id)) {
		return errors.New(
			"the name becomes a file name: use small letters, digits and single hyphens, as in menu-applications",
		)
	}
	if entries[id].Part {
		return errors.New("this name belongs to a part that the program joins to others; choose another name")
	}
	text = strings.TrimSpace(text)
	if err := speakable(text); err != nil {
		return err
	}
	entries[id] = Prompt{ID: id, Language: language, Text: text}
	return nil
}

// speakable refuses text that a synthesizer would turn into silence or take for its own commands.
func speakable(text string) error {
	switch {
	case strings.IndexFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) < 0:
		return errors.New("the text has nothing to speak; write a sentence")
	case len([]rune(text)) > longestText:
		return fmt.Errorf("the text is longer than %d characters; split it into several prompts", longestText)
	case strings.Contains(text, "[["):
		return errors.New("the text contains [[, which espeak-ng reads as phonemes; leave it out")
	case strings.ContainsFunc(
		text, func(r rune) bool { return r == unicode.ReplacementChar || unicode.IsControl(r) && r != '\n' },
	):
		return errors.New("the text contains control characters or is not UTF-8; retype it")
	}
	return nil
}

// manifestFile is the form of the files under manifest/.
type manifestFile struct {
	Texts map[ID]manifestEntry `yaml:"texts"`
	Parts map[ID]manifestEntry `yaml:"parts"`
}

// manifestEntry is a bare text, or a mapping when there is more to say.
type manifestEntry struct {
	Text    string        `yaml:"text"`
	Say     string        `yaml:"say"`
	Silence time.Duration `yaml:"silence"`
	Glue    bool          `yaml:"glue"`
}

// UnmarshalYAML reads both forms.
func (e *manifestEntry) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&e.Text)
	}
	type mapping manifestEntry
	return node.Decode((*mapping)(e))
}

// builtInTexts reads the embedded manifests once.
var builtInTexts = sync.OnceValues(func() (map[Language]map[ID]Prompt, error) {
	texts := map[Language]map[ID]Prompt{}
	for _, language := range Languages() {
		entries, err := readBuiltIn(builtIn, language)
		if err != nil {
			return nil, err
		}
		texts[language] = entries
	}
	return texts, nil
})

func readBuiltIn(files fs.FS, language Language) (map[ID]Prompt, error) {
	names, err := fs.Glob(files, path.Join("manifest", string(language), "*.yaml"))
	if err != nil {
		return nil, err
	}
	entries := map[ID]Prompt{}
	for _, name := range names {
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		var file manifestFile
		if err := yaml.Unmarshal(raw, &file); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		for part, section := range map[bool]map[ID]manifestEntry{false: file.Texts, true: file.Parts} {
			for id, e := range section {
				if _, twice := entries[id]; twice {
					return nil, fmt.Errorf("read %s: %s is in the manifest twice", name, id)
				}
				entries[id] = Prompt{
					ID: id, Language: language, Text: e.Text, Part: part, Silence: e.Silence, say: e.Say, glue: e.Glue,
				}
			}
		}
	}
	return entries, nil
}
