package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddressesThatAreMoreThanAProvidersAreNamed(t *testing.T) {
	for match, want := range map[string]Verdict{
		"198.51.100.20/255.255.255.255":                          OK,
		"198.51.100.0/255.255.255.0":                             OK,
		"198.51.100.20":                                          OK,
		"[2001:db8::20]/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": OK,
		"2001:db8::/ffff:ffff:ffff::":                            OK,
		"198.51.96.0/255.255.240.0":                              Warning,
		"2001:db8::/ffff:ffff:ff00::":                            Warning,
		"10.0.0.0/255.0.0.0":                                     Wrong,
		"0.0.0.0/0.0.0.0":                                        Wrong,
		"::/::":                                                  Wrong,
		"198.51.100.20/255.255.255.255,0.0.0.0/128.0.0.0":        Wrong,
		"!10.0.0.0/255.0.0.0,198.51.100.20/255.255.255.255":      OK,
		"198.51.100.20/255.255.255.255,[fd00::]/ff00::,203.0.113.9/255.255.255.0": Wrong,
	} {
		found := judgeAddresses([]object{{
			role: roleAddress, section: "trunk", shown: "[trunk]",
			answer: answer{values: map[string]string{"match": match}},
		}})
		if want == OK {
			require.Empty(t, found, match)
			continue
		}
		require.Len(t, found, 1, match)
		require.Equal(t, want, found[0].Verdict, match)
		require.Contains(t, found[0].Text, "match of [trunk] takes ")
		require.Contains(t, found[0].Mend, "identify of [trunk]")
	}
	finds(
		t, judgeAddresses([]object{{role: roleAddress, shown: "[trunk]", answer: answer{missing: true}}}), Warning,
		"which addresses are [trunk]",
	)
}
