package callback_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
)

var benelux = callback.Policy{Countries: []string{"NL", "BE"}}

func codeOf(t *testing.T, err error) callback.Code {
	t.Helper()
	if err == nil {
		return ""
	}
	var refusal *callback.Refusal
	require.ErrorAs(t, err, &refusal)
	require.NotEmpty(t, refusal.Text)
	require.Contains(t, callback.Codes(), refusal.Code)
	return refusal.Code
}

func TestDialable(t *testing.T) {
	tests := map[string]struct {
		number string
		want   callback.Code
	}{
		"a mobile":                             {"0612345678", ""},
		"a land line":                          {"0570693911", ""},
		"a company's 088":                      {"0881234567", ""},
		"a company's 085":                      {"0851234567", ""},
		"a Belgian mobile":                     {"+32470123456", ""},
		"a German mobile":                      {"+4915112345678", callback.CodeCountry},
		"New York":                             {"+12125550123", callback.CodeCountry},
		"Bonaire, part of the country but not": {"+5997151234", callback.CodeCountry},
		"the municipality itself":              {"140570", callback.CodeKind},
		"Amsterdam's 14 020":                   {"14020", callback.CodeKind},
		"0800":                                 {"08001234", callback.CodeKind},
		"0900":                                 {"0900123456", callback.CodeKind},
		"0906":                                 {"0906123456", callback.CodeKind},
		"0909":                                 {"0909123456", callback.CodeKind},
		"084, at the caller's cost":            {"0840123456", callback.CodeKind},
		"087, at the caller's cost":            {"0870123456", callback.CodeKind},
		"a machine":                            {"097012345678", callback.CodeKind},
		"a pager":                              {"0660123456", callback.CodeKind},
		"a Belgian land line":                  {"+3225119400", ""},
		"a Belgian service number":             {"+3278050123", callback.CodeKind},
		"a German service number":              {"+4918500123456", callback.CodeKind},
		"Iridium":                              {"+881612345678", callback.CodeKind},
		"Inmarsat":                             {"+870773111632", callback.CodeKind},
		"international premium rate":           {"+979123456789", callback.CodeKind},
		"international freephone":              {"+80012345678", callback.CodeKind},
		"an American 900":                      {"+19005551234", callback.CodeKind},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n, err := call.ParseNumber(test.number)
			require.NoError(t, err)
			err = callback.Dialable(benelux, n)
			require.Equal(t, test.want, codeOf(t, err))
			if err != nil {
				require.NotContains(t, err.Error(), n.E164[3:], "an error may end in a log")
			}
		})
	}
}

func TestDialableWithoutAGoodNumber(t *testing.T) {
	mobile := func(e164 string) call.Number { return call.Number{E164: e164, Kind: call.KindMobile, Country: "NL"} }
	tests := map[string]struct {
		number call.Number
		want   callback.Code
	}{
		"withheld":                             {call.Withheld(), callback.CodeWithheld},
		"withheld, though the trunk tells":     {call.Number{E164: "+31612345678", Kind: call.KindWithheld}, callback.CodeWithheld},
		"none":                                 {call.Number{}, callback.CodeInvalid},
		"112 dressed as a mobile":              {mobile("+31112"), callback.CodeInvalid},
		"a dial string":                        {mobile("+31612345678,1"), callback.CodeInvalid},
		"a channel technology":                 {mobile("PJSIP/0612345678"), callback.CodeInvalid},
		"an extension of the exchange":         {mobile("100"), callback.CodeInvalid},
		"two numbers":                          {mobile("+31612345678+31612345678"), callback.CodeInvalid},
		"national form, which is never stored": {mobile("0612345678"), callback.CodeInvalid},
		"0900 stored as if it were a mobile":   {mobile("+31900123456"), callback.CodeKind},
		"Germany stored as if it were here":    {mobile("+4915112345678"), callback.CodeCountry},
		"a zero too many, which still parses":  {mobile("+310612345678"), callback.CodeInvalid},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, codeOf(t, callback.Dialable(benelux, test.number)))
		})
	}
	t.Run("a policy that was never set allows nothing", func(t *testing.T) {
		require.Equal(t, callback.CodeCountry, codeOf(t, callback.Dialable(callback.Policy{}, mobile("+31612345678"))))
	})
}

func TestParseKeyed(t *testing.T) {
	tests := map[string]struct {
		keyed string
		e164  string
		want  callback.Code
	}{
		"a mobile":                           {"0612345678", "+31612345678", ""},
		"a land line":                        {"0570693911", "+31570693911", ""},
		"from abroad, Dutch":                 {"0031612345678", "+31612345678", ""},
		"from abroad, German":                {"004915112345678", "+4915112345678", ""},
		"0900 is a number, for Dialable":     {"0900123456", "+31900123456", ""},
		"14 0570 is a number, for Dialable":  {"140570", "+31140570", ""},
		"nothing but the hash":               {"", "", callback.CodeTooShort},
		"one digit forgotten":                {"061234567", "", callback.CodeTooShort},
		"without the area code":              {"693911", "", callback.CodeTooShort},
		"without the leading zero":           {"612345678", "", callback.CodeTooShort},
		"112":                                {"112", "", callback.CodeTooShort},
		"one digit too many":                 {"06123456789", "", callback.CodeTooLong},
		"a key that hung":                    {strings.Repeat("0612345678", 40), "", callback.CodeTooLong},
		"a foreign number beyond all bounds": {"0049" + strings.Repeat("1", 20), "", callback.CodeTooLong},
		"a service number of Japan":          {"00810066000000000000", "", callback.CodeTooLong},
		"country code without 00":            {"31612345678", "", callback.CodeTooLong},
		"ten digits that do not exist":       {"0000000000", "", callback.CodeInvalid},
		"ten digits without a zero":          {"6123456789", "", callback.CodeInvalid},
		"a foreign number that is not one":   {"00999123456", "", callback.CodeInvalid},
		"a star":                             {"06*2345678", "", callback.CodeInvalid},
		"the fourth column of old phones":    {"061234567A", "", callback.CodeInvalid},
		"a plus, which no phone can key":     {"+31612345678", "", callback.CodeInvalid},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n, err := callback.ParseKeyed(test.keyed)
			require.Equal(t, test.want, codeOf(t, err))
			require.Equal(t, test.e164, n.E164)
		})
	}
}

func FuzzParseKeyed(f *testing.F) {
	for _, seed := range []string{"0612345678", "", "00", "0", "14", "140570", "0031612345678", "*#", "٠٦", "00810066000000000000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, digits string) {
		n, err := callback.ParseKeyed(digits)
		if err != nil {
			var refusal *callback.Refusal
			require.ErrorAs(t, err, &refusal)
			require.Zero(t, n)
			return
		}
		require.Regexp(t, `^\+[0-9]{5,15}$`, n.E164)
		if callback.Dialable(benelux, n) == nil {
			require.Contains(t, []call.Kind{call.KindGeographic, call.KindMobile, call.KindBusiness}, n.Kind)
			require.Contains(t, benelux.Countries, n.Country)
		}
	})
}
