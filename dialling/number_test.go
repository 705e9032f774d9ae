package dialling_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func TestDialable(t *testing.T) {
	tests := map[string]struct {
		number string
		want   dialling.Code
	}{
		"a mobile":                             {"0612345678", ""},
		"a land line":                          {"0570693911", ""},
		"a company's 088":                      {"0881234567", ""},
		"a company's 085":                      {"0851234567", ""},
		"a Belgian mobile":                     {"+32470123456", ""},
		"a German mobile":                      {"+4915112345678", dialling.CodeCountry},
		"New York":                             {"+12125550123", dialling.CodeCountry},
		"Bonaire, part of the country but not": {"+5997151234", dialling.CodeCountry},
		"the municipality itself":              {"140570", dialling.CodeKind},
		"Amsterdam's 14 020":                   {"14020", dialling.CodeKind},
		"0800":                                 {"08001234", dialling.CodeKind},
		"0900":                                 {"0900123456", dialling.CodeKind},
		"0906":                                 {"0906123456", dialling.CodeKind},
		"0909":                                 {"0909123456", dialling.CodeKind},
		"084, at the caller's cost":            {"0840123456", dialling.CodeKind},
		"087, at the caller's cost":            {"0870123456", dialling.CodeKind},
		"a machine":                            {"097012345678", dialling.CodeKind},
		"a pager":                              {"0660123456", dialling.CodeKind},
		"a Belgian land line":                  {"+3225119400", ""},
		"a Belgian service number":             {"+3278050123", dialling.CodeKind},
		"a German service number":              {"+4918500123456", dialling.CodeKind},
		"Iridium":                              {"+881612345678", dialling.CodeKind},
		"Inmarsat":                             {"+870773111632", dialling.CodeKind},
		"international premium rate":           {"+979123456789", dialling.CodeKind},
		"international freephone":              {"+80012345678", dialling.CodeKind},
		"an American 900":                      {"+19005551234", dialling.CodeKind},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n, err := call.ParseNumber(test.number)
			require.NoError(t, err)
			err = dialling.Dialable(storetest.Benelux, n)
			require.Equal(t, test.want, storetest.CodeOf(t, err))
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
		want   dialling.Code
	}{
		"withheld": {call.Withheld(), dialling.CodeWithheld},
		"withheld, though the trunk reveals it": {
			call.Number{E164: "+31612345678", Kind: call.KindWithheld}, dialling.CodeWithheld,
		},
		"none":                                 {call.Number{}, dialling.CodeInvalid},
		"112 dressed as a mobile":              {mobile("+31112"), dialling.CodeInvalid},
		"a dial string":                        {mobile("+31612345678,1"), dialling.CodeInvalid},
		"a channel technology":                 {mobile("PJSIP/0612345678"), dialling.CodeInvalid},
		"an extension of the exchange":         {mobile("100"), dialling.CodeInvalid},
		"two numbers":                          {mobile("+31612345678+31612345678"), dialling.CodeInvalid},
		"national form, which is never stored": {mobile("0612345678"), dialling.CodeInvalid},
		"0900 stored as if it were a mobile":   {mobile("+31900123456"), dialling.CodeKind},
		"Germany stored as if it were here":    {mobile("+4915112345678"), dialling.CodeCountry},
		"a zero too many, which still parses":  {mobile("+310612345678"), dialling.CodeInvalid},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, storetest.CodeOf(t, dialling.Dialable(storetest.Benelux, test.number)))
		})
	}
	t.Run("a policy that was never set allows nothing", func(t *testing.T) {
		require.Equal(
			t, dialling.CodeCountry, storetest.CodeOf(t, dialling.Dialable(dialling.Policy{}, mobile("+31612345678"))),
		)
	})
}

func TestParseKeyed(t *testing.T) {
	tests := map[string]struct {
		keyed string
		e164  string
		want  dialling.Code
	}{
		"a mobile":                           {"0612345678", "+31612345678", ""},
		"a land line":                        {"0570693911", "+31570693911", ""},
		"from abroad, Dutch":                 {"0031612345678", "+31612345678", ""},
		"from abroad, German":                {"004915112345678", "+4915112345678", ""},
		"0900 is a number, for Dialable":     {"0900123456", "+31900123456", ""},
		"14 0570 is a number, for Dialable":  {"140570", "+31140570", ""},
		"nothing but the hash":               {"", "", dialling.CodeTooShort},
		"one digit forgotten":                {"061234567", "", dialling.CodeTooShort},
		"without the area code":              {"693911", "", dialling.CodeTooShort},
		"without the leading zero":           {"612345678", "", dialling.CodeTooShort},
		"112":                                {"112", "", dialling.CodeTooShort},
		"one digit too many":                 {"06123456789", "", dialling.CodeTooLong},
		"a key that hung":                    {strings.Repeat("0612345678", 40), "", dialling.CodeTooLong},
		"a foreign number beyond all bounds": {"0049" + strings.Repeat("1", 20), "", dialling.CodeTooLong},
		"a service number of Japan":          {"00810066000000000000", "", dialling.CodeTooLong},
		"country code without 00":            {"31612345678", "", dialling.CodeTooLong},
		"ten digits that do not exist":       {"0000000000", "", dialling.CodeInvalid},
		"ten digits without a zero":          {"6123456789", "", dialling.CodeInvalid},
		"a foreign number that is not one":   {"00999123456", "", dialling.CodeInvalid},
		"a star":                             {"06*2345678", "", dialling.CodeInvalid},
		"the fourth column of old phones":    {"061234567A", "", dialling.CodeInvalid},
		"a plus, which no phone can key":     {"+31612345678", "", dialling.CodeInvalid},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n, err := dialling.ParseKeyed(test.keyed)
			require.Equal(t, test.want, storetest.CodeOf(t, err))
			require.Equal(t, test.e164, n.E164)
		})
	}
}

func FuzzParseKeyed(f *testing.F) {
	for _, seed := range []string{
		"0612345678", "", "00", "0", "14", "140570", "0031612345678", "*#", "٠٦", "00810066000000000000",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, digits string) {
		n, err := dialling.ParseKeyed(digits)
		if err != nil {
			var refusal *dialling.Refusal
			require.ErrorAs(t, err, &refusal)
			require.Zero(t, n)
			return
		}
		require.Regexp(t, `^\+[0-9]{5,15}$`, n.E164)
		if dialling.Dialable(storetest.Benelux, n) == nil {
			require.Contains(t, []call.Kind{call.KindGeographic, call.KindMobile, call.KindBusiness}, n.Kind)
			require.Contains(t, storetest.Benelux.Countries, n.Country)
		}
	})
}
