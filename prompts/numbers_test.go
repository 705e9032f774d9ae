package prompts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumbersAsPeopleSayThem(t *testing.T) {
	m := manifest(t)
	for n, spoken := range map[int][2]string{
		0:    {"nul", "zero"},
		1:    {"één", "one"},
		8:    {"acht", "eight"},
		14:   {"veertien", "fourteen"},
		20:   {"twintig", "twenty"},
		21:   {"eenentwintig", "twenty-one"},
		22:   {"tweeëntwintig", "twenty-two"},
		33:   {"drieëndertig", "thirty-three"},
		80:   {"tachtig", "eighty"},
		99:   {"negenennegentig", "ninety-nine"},
		100:  {"honderd", "one hundred"},
		101:  {"honderdéén", "one hundred and one"},
		110:  {"honderdtien", "one hundred and ten"},
		234:  {"tweehonderdvierendertig", "two hundred and thirty-four"},
		900:  {"negenhonderd", "nine hundred"},
		1000: {"duizend", "one thousand"},
		1001: {"duizend één", "one thousand and one"},
		1050: {"duizend vijftig", "one thousand and fifty"},
		1100: {"elfhonderd", "one thousand one hundred"},
		1234: {"twaalfhonderdvierendertig", "one thousand two hundred and thirty-four"},
		1900: {"negentienhonderd", "one thousand nine hundred"},
		2000: {"tweeduizend", "two thousand"},
		2026: {"tweeduizend zesentwintig", "two thousand and twenty-six"},
		7421: {"zevenduizend vierhonderdeenentwintig", "seven thousand four hundred and twenty-one"},
		9999: {"negenduizend negenhonderdnegenennegentig", "nine thousand nine hundred and ninety-nine"},
	} {
		require.Equal(t, spoken[0], m.Text(speaker(t, Dutch).Number(n)), "%d in Dutch", n)
		require.Equal(t, spoken[1], m.Text(speaker(t, English).Number(n)), "%d in English", n)
	}
}

func TestNumbersOutsideTheRangeAreReadDigitByDigit(t *testing.T) {
	m := manifest(t)
	require.Equal(t, "één nul nul nul nul", m.Text(speaker(t, Dutch).Number(10000)))
	require.Equal(t, "vijf", m.Text(speaker(t, Dutch).Number(-5)))
}

// TestEveryNumberAgainstASpeller spells all numbers by another way than the manifest's: by rules instead of whole
// words.
func TestEveryNumberAgainstASpeller(t *testing.T) {
	m := manifest(t)
	dutchSpeaker, englishSpeaker := speaker(t, Dutch), speaker(t, English)
	for n := range 10000 {
		require.Equal(t, spellDutch(n), m.Text(dutchSpeaker.Number(n)), "%d", n)
		require.Equal(t, spellEnglish(n), m.Text(englishSpeaker.Number(n)), "%d", n)
	}
}

var (
	dutchUnits = strings.Fields(
		"nul een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien zeventien achttien negentien",
	)
	dutchTens    = strings.Fields("- - twintig dertig veertig vijftig zestig zeventig tachtig negentig")
	englishUnits = strings.Fields(
		"zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
	)
	englishTens = strings.Fields("- - twenty thirty forty fifty sixty seventy eighty ninety")
)

func spellDutch(n int) string {
	switch {
	case n == 1:
		return "één" // stressed, so that nobody hears the article
	case n < 20:
		return dutchUnits[n]
	case n < 100 && n%10 == 0:
		return dutchTens[n/10]
	case n < 100:
		link := "en"
		if strings.HasSuffix(dutchUnits[n%10], "e") {
			link = "ën"
		}
		return dutchUnits[n%10] + link + dutchTens[n/10]
	case n < 1000 || n >= 1100 && n < 2000:
		word := "honderd"
		if n >= 200 {
			word = dutchUnits[n/100] + word
		}
		return word + dutchRest(n%100)
	}
	word := "duizend"
	if n >= 2000 {
		word = dutchUnits[n/1000] + word
	}
	return strings.TrimSpace(word + " " + dutchRest(n%1000))
}

func dutchRest(n int) string {
	if n == 0 {
		return ""
	}
	return spellDutch(n)
}

func spellEnglish(n int) string {
	switch {
	case n < 20:
		return englishUnits[n]
	case n < 100 && n%10 == 0:
		return englishTens[n/10]
	case n < 100:
		return englishTens[n/10] + "-" + englishUnits[n%10]
	}
	size, name := 100, " hundred"
	if n >= 1000 {
		size, name = 1000, " thousand"
	}
	word, rest := englishUnits[n/size]+name, n%size
	switch {
	case rest == 0:
		return word
	case rest < 100:
		return word + " and " + spellEnglish(rest)
	}
	return word + " " + spellEnglish(rest)
}
