// Package prompts owns what callers hear: the texts per language, the sentences composed from parts, and the sound
// files that speak them.
package prompts

import "strings"

// ID names one sound file of one language, for example "welcome", "number-24" or "month-4". An ID may carry a language
// of its own, as in "en/welcome": such a part is spoken in that language inside an utterance of another.
type ID string

// Language is an ISO 639-1 code. Dutch and English are built in.
type Language string

// The languages that this package can speak.
const (
	Dutch   Language = "nl"
	English Language = "en"
)

// Languages lists the languages that this package can speak, the first language of callers first.
func Languages() []Language { return []Language{Dutch, English} }

// Utterance is what is said in one go: parts to be played one after another. The zero value is silence; it takes the
// language of the utterance that is joined to it.
type Utterance struct {
	Language Language
	Parts    []ID
}

// Empty reports whether there is nothing to say.
func (u Utterance) Empty() bool { return len(u.Parts) == 0 }

// Then returns u followed by next. Neither is changed. Parts in another language than u's keep theirs,
// so that a Dutch welcome can be followed by "For English, press 9" in an English voice.
func (u Utterance) Then(next Utterance) Utterance {
	if u.Language == "" {
		u.Language = next.Language
	}
	parts := make([]ID, 0, len(u.Parts)+len(next.Parts))
	parts = append(parts, u.Parts...)
	for _, part := range next.Parts {
		parts = append(parts, part.spokenIn(next.Language, u.Language))
	}
	return Utterance{Language: u.Language, Parts: parts}
}

// spokenIn moves a part from one language's utterance into another's.
func (id ID) spokenIn(from, to Language) ID {
	language, bare := id.split(from)
	if language == to {
		return bare
	}
	return ID(string(language) + "/" + string(bare))
}

// split returns the language and the plain name of a part of an utterance in the given language.
func (id ID) split(utterance Language) (Language, ID) {
	if language, bare, found := strings.Cut(string(id), "/"); found {
		return Language(language), ID(bare)
	}
	return utterance, id
}
