package prompts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Nothing that can be composed may need a part that no voice has recorded.

func everyLanguage(t *testing.T, check func(t *testing.T, s Speaker, sayable func(Utterance))) {
	m := manifest(t)
	for _, language := range Languages() {
		t.Run(string(language), func(t *testing.T) {
			check(t, speaker(t, language), func(u Utterance) {
				if !m.Has(u) || u.Empty() {
					require.Fail(t, "cannot be spoken", "%v: %s", u.Parts, m.Text(u))
				}
			})
		})
	}
}

func TestEveryNumberCanBeSpoken(t *testing.T) {
	everyLanguage(t, func(t *testing.T, s Speaker, sayable func(Utterance)) {
		for n := range 10000 {
			sayable(s.Number(n))
			sayable(s.Position(n))
		}
	})
}

func TestEveryDayOfALeapYearCanBeSpoken(t *testing.T) {
	everyLanguage(t, func(t *testing.T, s Speaker, sayable func(Utterance)) {
		for day := at(t, "2028-01-01 00:00:00"); day.Year() == 2028; day = day.AddDate(0, 0, 1) {
			sayable(s.Date(day))
			sayable(s.Deadline(day))
			sayable(s.Reopens(day))
		}
	})
}

func TestEveryMinuteOfTheDayCanBeSpoken(t *testing.T) {
	m, midnight := manifest(t), at(t, "2026-11-24 00:00:00")
	everyLanguage(t, func(t *testing.T, s Speaker, sayable func(Utterance)) {
		said := map[string]time.Duration{}
		for minute := range 24 * 60 {
			passed := time.Duration(minute) * time.Minute
			sayable(s.Time(midnight.Add(passed)))
			sayable(s.Deadline(midnight.Add(passed)))
			sayable(s.ExpectedWait(passed))
			sayable(s.OpeningWeek(workingDays(passed, 24*time.Hour)))
			text := m.Text(s.Time(midnight.Add(passed)))
			require.NotContains(t, said, text, "two times sound alike")
			said[text] = passed
		}
	})
}

func TestAnyWeekCanBeSpoken(t *testing.T) {
	m := manifest(t)
	rapid.Check(t, func(r *rapid.T) {
		var week Week
		open := false
		for day := range week {
			for range rapid.IntRange(0, 3).Draw(r, "spans") {
				from := rapid.IntRange(-60, 1500).Draw(r, "from")
				to := rapid.IntRange(-60, 1500).Draw(r, "to")
				week[day] = append(week[day], Span{
					From: time.Duration(from) * time.Minute, To: time.Duration(to) * time.Minute,
				})
				open = open || from >= 0 && to <= 1440 && from < to
			}
		}
		language := rapid.SampledFrom(Languages()).Draw(r, "language")
		s, err := NewSpeaker(language)
		if err != nil {
			r.Fatal(err)
		}
		u := s.OpeningWeek(week)
		if !m.Has(u) {
			r.Fatalf("cannot be spoken: %s", m.Text(u))
		}
		if u.Empty() == open {
			r.Fatalf("open is %v, but spoken is %q", open, m.Text(u))
		}
	})
}

func FuzzDigits(f *testing.F) {
	for _, seed := range []string{
		"0612345678", "0570 693 911", "+49 30 123456", "+", "", "anonymous", "\xff0", "٣", "*#06#",
		"00000000000000000000",
	} {
		f.Add(seed)
	}
	m := manifest(f)
	f.Fuzz(func(t *testing.T, number string) {
		for _, language := range Languages() {
			s := speaker(t, language)
			for _, u := range []Utterance{
				s.Digits(number), s.Reference(number), s.ReadBack(number), s.GiveReference(number),
			} {
				require.True(t, m.Has(u), "%v", u.Parts)
			}
			require.Equal(t, onlyNumber(number), heard(s.Digits(number)), "a digit was lost, added or moved")
			require.Equal(t, onlyDigits(number), heard(s.Reference(number)))
		}
	})
}

// heard writes down the digits and the plus in an utterance.
func heard(u Utterance) string {
	signs := map[ID]string{digitPlus: "+"}
	for digit := '0'; digit <= '9'; digit++ {
		signs[digitID(digit)] = string(digit)
	}
	written := ""
	for _, part := range u.Parts {
		written += signs[part]
	}
	return written
}

func FuzzExtra(f *testing.F) {
	f.Add("nl", "menu", "Toets 1.")
	f.Add("nl", "number-3", "drie")
	f.Add("xx", "../../etc", "[[x]]")
	f.Add("en", "welcome", "\x00")
	f.Fuzz(func(t *testing.T, language, id, text string) {
		m, err := NewManifest(Extra{Language(language): {ID(id): text}})
		if err != nil {
			require.NotContains(t, err.Error(), "\n", "one problem is one line")
			return
		}
		p, known := m.Prompt(Language(language), ID(id))
		require.True(t, known)
		require.False(t, p.Part)
		require.Regexp(t, `^[a-z0-9-]+$`, string(p.ID))
		require.NoError(t, speakable(p.Text))
	})
}
