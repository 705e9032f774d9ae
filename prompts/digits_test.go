package prompts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// written puts an utterance of digits as groups: "nul zes, één twee" as "06 12".
func written(u Utterance) string {
	groups := [][]ID{nil}
	for _, part := range u.Parts {
		if part == PauseShort {
			groups = append(groups, nil)
			continue
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], part)
	}
	var out []string
	for _, g := range groups {
		out = append(out, heard(Utterance{Parts: g}))
	}
	return strings.Join(out, " ")
}

func TestTelephoneNumbersAreReadInGroups(t *testing.T) {
	for _, c := range []struct{ name, number, groups string }{
		{"mobile", "0612345678", "06 12 34 56 78"},
		{"mobile as phonenumbers writes it", "06 12345678", "06 12 34 56 78"},
		{"short area code", "0201234567", "020 123 45 67"},
		{"short area code as phonenumbers writes it", "020 123 4567", "020 123 4567"},
		{"long area code, Deventer", "0570693911", "0570 69 39 11"},
		{"long area code as phonenumbers writes it", "0570 693 911", "0570 693 911"},
		{"with a hyphen and brackets", "(0570) 69-39-11", "0570 69 39 11"},
		{"business", "0881234567", "088 123 45 67"},
		{"foreign", "+49 30 123456", "+49 30 12 34 56"},
		{"foreign without spaces", "+4930123456", "+49 30 12 34 56"},
		{"an odd number of digits ends in three", "+4930123", "+49 30 123"},
		{"international with zeros", "0049301234", "00 49 30 12 34"},
		{"star and hash are passed over", "06*12#", "0612"},
		{"short", "112", "112"},
		{"nothing", "", ""},
		{"no number at all", "anonymous", ""},
		{"letters are passed over", "06x12", "0612"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.groups, written(speaker(t, Dutch).Digits(c.number)))
		})
	}
}

func TestReferencesAreReadInPairs(t *testing.T) {
	for reference, groups := range map[string]string{
		"481720": "48 17 20", "4817203": "48 17 203", "48-17-20": "48 17 20", "7": "7", "": "", "123": "123",
	} {
		require.Equal(t, groups, written(speaker(t, English).Reference(reference)), "reference %q", reference)
	}
}
