package call_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
)

// All ways in which people write a number that exists.
func TestParseTyped(t *testing.T) {
	const mobile = "+31612345678"
	for in, want := range map[string]string{
		"06 12345678":                   mobile,
		"06\u00a012345678":              mobile, // no-break space
		"06\u202f12345678":              mobile, // narrow no-break space
		"06\u200912\u200a34\u200956 78": mobile, // thin spaces
		"06\u300012345678":              mobile, // ideographic space
		"06\t12345678":                  mobile,
		"  0612345678\r\n":              mobile,
		"06/12345678":                   mobile,
		"0475/12.34.56":                 "",
		"0570/69/39/11":                 "+31570693911",
		"06\uff0f12345678":              mobile,
		"06-12345678":                   mobile,
		"06\u201012345678":              mobile,
		"06\u201112345678":              mobile, // non-breaking hyphen
		"06\u201212345678":              mobile,
		"06 \u2013 12345678":            mobile,
		"06\u201412345678":              mobile,
		"06\u201512345678":              mobile,
		"06\u221212345678":              mobile, // minus sign
		"06\ufe6312345678":              mobile,
		"06\uff0d12345678":              mobile,
		"(06) 12345678":                 mobile,
		"[06] 12345678":                 mobile,
		"\uff0806\uff0912345678":        mobile,
		"06.12.34.56.78":                mobile,
		"06·12345678":                   mobile,
		"+31 (0)6 12345678":             mobile,
		"+31(0)612345678":               mobile,
		"0031 (0)6-12345678":            mobile,
		"0031612345678":                 mobile,
		"(+31) 6 12345678":              mobile,
		"+ 31 6 12345678":               mobile,
		"\uff0b31612345678":             mobile,
		"612345678":                     mobile, // a spreadsheet took the zero off
		"'+31612345678":                 mobile, // as our own exports guard it
		`"0612345678"`:                  mobile,
		"“06 12345678”":                 mobile,
		"‘06 12345678’":                 mobile,
		"„06-12345678”":                 mobile,
		"«06 12345678»":                 mobile,
		`="0612345678"`:                 mobile, // a spreadsheet was told that it is text
		` = "06 12345678" `:             mobile,
		"06 12345678.":                  mobile,
		"06 1234 5678,":                 mobile,
		"0612345678;":                   mobile, // the last of a list
		"00 31 (0)6 12345678":           mobile,
		"+31 (0) 6 12345678":            mobile,

		"tel:+31612345678":                          mobile,
		"TEL:06-12345678":                           mobile,
		"tel:+31-6-12345678;isub=1":                 mobile,
		"tel:+31612345678;phone-context=example.nl": mobile,
		"tel:0612345678;phone-context=+31":          mobile,
		"tel://+31612345678":                        mobile,
		"<tel:+31612345678>":                        mobile,
		"tel:%2B31612345678":                        mobile, // as a page writes it in a link
		"tel:+31%206%2012345678":                    mobile,

		"\u202d0612345678\u202c":       mobile,
		"\u200e06\u200f12345678\u200e": mobile,
		"\u202a0612345678\u202c":       mobile,
		"\u202b0612345678\u202c":       mobile,
		"\u20660612345678\u2069":       mobile,
		"\u2067\u20680612345678\u2069": mobile,
		"\ufeff0612345678":             mobile,
		"06\u00ad12345678":             mobile, // soft hyphen
		"06\u200b12345678":             mobile, // zero width space
		"06\u206012345678":             mobile, // word joiner
		"０６１２３４５６７８":                   mobile,
		"０６-1234５６７８":                  mobile, // full width is ASCII, only wider
		"٠٦١٢٣٤٥٦٧٨":                   mobile, // Arabic-Indic
		"۰۶۱۲۳۴۵۶۷۸":                   mobile, // Persian
		"14 0570":                      "+31140570",
		"+44 (0)20 7946 0958":          "+442079460958",
		"0049 30/123456":               "+4930123456",
		"+32 475/12.34.56":             "+32475123456",
	} {
		if want == "" { // a Belgian number without its country
			want = "+31475123456"
		}
		n, err := call.ParseTyped(in)
		require.NoError(t, err, "%+q", in)
		require.Equal(t, want, n.E164, "%+q", in)
		plain, err := call.ParseNumber(want)
		require.NoError(t, err)
		require.Equal(t, plain, n, "the rules see the same number: %+q", in)
	}
}

// A refusal names the character that is in the way, and nothing of the rest.
func TestParseTypedSaysWhatIsInTheWay(t *testing.T) {
	for in, says := range map[string]string{
		"":                                  "empty: no valid",
		" \u200e\ufeff ":                    "empty: no valid",
		"+":                                 "empty: no valid",
		"tel:":                              "empty: no valid",
		"112":                               "not a number that exists",
		"0612":                              "not a number that exists",
		"O612345678":                        `"O" (U+004F) is a letter and no part of a number (is a zero meant?)`,
		"06l2345678":                        "is a one meant?",
		"0800-FLOWERS":                      `"F" (U+0046) is a letter`,
		"06123456б8":                        `"б" (U+0431) is a letter`,
		"bel mij 0612345678":                `"b" (U+0062) is a letter`,
		"0612345678 tst. 12":                "an extension cannot be dialled",
		"0612345678 toestel 12":             "an extension cannot be dialled",
		"0612345678x12":                     "an extension cannot be dialled",
		"0612345678#12":                     `"#" (U+0023) is no part`,
		"tel:+31612345678;ext=12":           "an extension (;ext=)",
		"tel:22345678;phone-context=+32":    "write it in full",
		"tel:0612345678;phone-context=x.nl": "write it in full",
		"sip:0612345678@trunk":              "a SIP address is none",
		"sips:0612345678@trunk":             "a SIP address is none",
		"0612345678@trunk":                  `"@" (U+0040) is no part`,
		"PJSIP/0612345678":                  `"P" (U+0050) is a letter`,
		"0612345678,1":                      `"," (U+002C) is no part`,
		`"0612345678" "0687654321"`:         `"\"" (U+0022) is no part`,
		"=0612345678":                       `"=" (U+003D) is no part`,
		`="0612345678"&"1"`:                 `"\"" (U+0022) is no part`,
		"3,16E+10":                          `"," (U+002C) is no part`,
		"6.12346E+08":                       `"E" (U+0045) is a letter`,
		"tel:0612345678;phone-context=31":   "write it in full",
		"tel:06%zz12345678":                 `"%" (U+0025) is no part`,
		"tel:06%0012345678":                 "the invisible character U+0000",
		"tel:06%ff12345678":                 "not text in UTF-8",
		"0612345678; 0687654321":            `";" (U+003B) is no part`,
		"0612345678 0687654321":             "more than the 15 digits",
		"0612345678\n0687654321":            "the invisible character U+000A",
		"0612345678/0687654321":             `a number has ended before "/"`,
		"0570-693911/12":                    `a number has ended before "/"`,
		"0612345678 +31687654321":           "a plus comes after the beginning",
		"++31612345678":                     "a plus comes after",
		"0612345678\x00":                    "the invisible character U+0000",
		"06\x1b[2J12345678":                 "the invisible character U+001B",
		"0\ufe0f\u20e3612345678":            "the invisible character U+FE0F", // a key cap
		"\u202e8765432160\u202c":            "U+202E turns round the digits",
		"06١٢٣":                             `"١" (U+0661) is a digit of a second script`,
		"06₁₂345678":                        `"₁" (U+2081) is no part`,
		"06%2012345678":                     `"%" (U+0025) is no part`,
		"06\xff12345678":                    "not text in UTF-8",
		strings.Repeat("0612345678", 20):    "longer than 128 characters",
		"1e9":                               `"e" (U+0065) is a letter`,
		"+31 6 1234567８９０１２３４５６７８９": "more than the 15 digits",
		"+810066000000000000":       "not a number that exists",
	} {
		n, err := call.ParseTyped(in)
		require.ErrorContains(t, err, says, "%+q", in)
		require.ErrorIs(t, err, call.ErrNoNumber)
		require.Zero(t, n)
		require.NotRegexp(t, `[0-9]{5}`, err.Error(), "it may end in a log")
	}
}

func FuzzParseTyped(f *testing.F) {
	for _, seed := range []string{
		"06\u00a012345678", "06/12345678", "\u202d0612345678\u202c", "tel:+31612345678;ext=1", "０６１２３４５６７８",
		"+31 (0)6 12345678",
		"0612345678 tst. 12", "'+31612345678", "٠٦١٢٣٤٥٦٧٨", "0612345678/9", "+", "\xff", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		n, err := call.ParseTyped(raw)
		if strict, refused := call.ParseNumber(raw); refused == nil && err == nil {
			require.Equal(t, strict, n, "the two rules never read two numbers in one text")
		}
		if err != nil {
			require.ErrorIs(t, err, call.ErrNoNumber)
			require.Zero(t, n)
			require.NotRegexp(t, `[0-9]{7}`, err.Error(), "no number ends in a log")
			require.True(t, utf8.ValidString(err.Error()))
			return
		}
		require.Regexp(t, `^\+[0-9]{5,15}$`, n.E164)
		again, err := call.ParseTyped(n.E164)
		require.NoError(t, err)
		require.Equal(t, n, again)
	})
}
