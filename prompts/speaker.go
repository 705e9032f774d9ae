package prompts

import (
	"fmt"
	"slices"
	"time"
)

// Speaker composes what is said in one language. It holds no files and no state; the zero value speaks Dutch.
type Speaker struct{ language Language }

// NewSpeaker returns the speaker of a language, or an error that lists the known languages.
func NewSpeaker(language Language) (Speaker, error) {
	if _, known := grammars[language]; !known {
		return Speaker{}, fmt.Errorf("no prompts in language %q: use one of %v", language, Languages())
	}
	return Speaker{language: language}, nil
}

// Language is the language that s speaks.
func (s Speaker) Language() Language {
	if s.language == "" {
		return Dutch
	}
	return s.language
}

// Say joins fixed texts.
func (s Speaker) Say(ids ...ID) Utterance { return s.utter(ids) }

// Digits reads a telephone number digit by digit, with a short pause between its groups. Groups that the number is
// written in are kept when they are short; a Dutch national number without spaces is grouped by the Dutch number plan.
// The plus of a foreign number is spoken; every other character is skipped.
func (s Speaker) Digits(number string) Utterance { return s.utter(spell(phoneGroups(number))) }

// Reference reads a reference digit by digit in pairs. It is not read as two-digit numbers, because Dutch says the
// units first ("achtenveertig") and people who write along turn them round. Other characters are skipped.
func (s Speaker) Reference(reference string) Utterance {
	return s.utter(spell(pairs(onlyDigits(reference))))
}

// Number reads a cardinal from 0 to 9999. Others are read digit by digit, without their sign.
func (s Speaker) Number(n int) Utterance {
	if n < 0 || n > 9999 {
		return s.utter(spell([]string{onlyDigits(fmt.Sprint(n))}))
	}
	return s.utter(s.grammar().number(n))
}

// Date reads weekday, day and month of t, by t's own clock and zone: "dinsdag 24 november".
func (s Speaker) Date(t time.Time) Utterance { return s.utter(s.grammar().date(t)) }

// Time reads hours and minutes of t, by t's own clock and zone: "17 uur", "9 uur 30", "middernacht". Seconds are
// dropped.
func (s Speaker) Time(t time.Time) Utterance {
	return s.utter(s.grammar().clock(t.Hour(), t.Minute()))
}

// noLaterThan reads a limit by its date and time: "dinsdag 24 november om 17 uur". A limit at midnight is said as the
// end of the day before: half of the callers would take "woensdag om middernacht" for a day too late.
func (s Speaker) noLaterThan(t time.Time) []ID {
	if t.Hour() == 0 && t.Minute() == 0 {
		return join(s.grammar().date(t.AddDate(0, 0, -1)), []ID{atEndOfDay})
	}
	return join(s.grammar().date(t), []ID{atTime}, s.grammar().clock(t.Hour(), t.Minute()))
}

func (s Speaker) grammar() grammar {
	if g, known := grammars[s.language]; known {
		return g
	}
	return grammars[Dutch]
}

func (s Speaker) utter(parts ...[]ID) Utterance {
	return Utterance{Language: s.Language(), Parts: join(parts...)}
}

// join concatenates into memory of its own, so that utterances never share parts.
func join(parts ...[]ID) []ID { return slices.Concat(parts...) }
