package call_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
)

func TestParseNumber(t *testing.T) {
	tests := map[string]struct {
		in   string
		want call.Number
	}{
		"14 0570 with country code": {
			"+31140570", call.Number{E164: "+31140570", Kind: call.KindMunicipal, Country: "NL"},
		},
		"14 0570 as people dial it": {
			"140570", call.Number{E164: "+31140570", Kind: call.KindMunicipal, Country: "NL"},
		},
		"14 0570 with a zero before it": {
			"0140570", call.Number{E164: "+31140570", Kind: call.KindMunicipal, Country: "NL"},
		},
		"14 0570 from abroad": {
			"0031140570", call.Number{E164: "+31140570", Kind: call.KindMunicipal, Country: "NL"},
		},
		"Amsterdam's shorter 14 020": {
			"14020", call.Number{E164: "+3114020", Kind: call.KindMunicipal, Country: "NL"},
		},
		"a mobile": {
			"06 12345678", call.Number{E164: "+31612345678", Kind: call.KindMobile, Country: "NL"},
		},
		"a land line in Deventer": {
			"0570-693911", call.Number{E164: "+31570693911", Kind: call.KindGeographic, Country: "NL"},
		},
		"a company's 088": {
			"0881234567", call.Number{E164: "+31881234567", Kind: call.KindBusiness, Country: "NL"},
		},
		"a company's 085": {
			"0851234567", call.Number{E164: "+31851234567", Kind: call.KindBusiness, Country: "NL"},
		},
		"0800 is free for the caller": {
			"08001234", call.Number{E164: "+318001234", Kind: call.KindFreephone, Country: "NL"},
		},
		"0900 costs": {
			"0900123456", call.Number{E164: "+31900123456", Kind: call.KindPremium, Country: "NL"},
		},
		"0909 costs": {
			"0909123456", call.Number{E164: "+31909123456", Kind: call.KindPremium, Country: "NL"},
		},
		"a machine's 097 is not a mobile": {
			"097012345678", call.Number{E164: "+3197012345678", Kind: call.KindOther, Country: "NL"},
		},
		"084 forwards at a price": {
			"0840123456", call.Number{E164: "+31840123456", Kind: call.KindOther, Country: "NL"},
		},
		"087 forwards at a price": {
			"0870123456", call.Number{E164: "+31870123456", Kind: call.KindOther, Country: "NL"},
		},
		"a German mobile": {
			"+4915112345678", call.Number{E164: "+4915112345678", Kind: call.KindMobile, Country: "DE"},
		},
		"a German service number, 018": {
			"+4918500123456", call.Number{E164: "+4918500123456", Kind: call.KindOther, Country: "DE"},
		},
		"a German 0180, at shared cost": {
			"+49180112345", call.Number{E164: "+49180112345", Kind: call.KindPremium, Country: "DE"},
		},
		"a Belgian service number, 078": {
			"+3278050123", call.Number{E164: "+3278050123", Kind: call.KindOther, Country: "BE"},
		},
		"a line of the internet in Paris": {
			"+33912345678", call.Number{E164: "+33912345678", Kind: call.KindOther, Country: "FR"},
		},
		"Brussels": {
			"+3225119400", call.Number{E164: "+3225119400", Kind: call.KindGeographic, Country: "BE"},
		},
		"Berlin": {
			"+4930123456", call.Number{E164: "+4930123456", Kind: call.KindGeographic, Country: "DE"},
		},
		"London": {
			"+442079460958", call.Number{E164: "+442079460958", Kind: call.KindGeographic, Country: "GB"},
		},
		"Iridium": {
			"+881612345678", call.Number{E164: "+881612345678", Kind: call.KindSatellite, Country: "001"},
		},
		"Inmarsat": {
			"+870773111632", call.Number{E164: "+870773111632", Kind: call.KindSatellite, Country: "001"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := call.ParseNumber(test.in)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestParseNumberRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":                     "",
		"blanks":                      "   ",
		"112, which parses":           "112",
		"anonymous":                   "anonymous",
		"a SIP name":                  "jan.jansen",
		"letters that spell a number": "0800-FLOWERS",
		"a dial string with a comma":  "0612345678,123",
		"a channel name":              "0612345678@trunk",
		"a mobile too short":          "061234",
		"longer than E.164 allows":    "+810066000000000000", // a number of Japan that only Japan can dial
		"a hundred digits":            "06123456780612345678061234567806123456780612345678",
		"only a plus":                 "+",
		"digits of another script":    "٠٦١٢٣٤٥٦٧٨",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := call.ParseNumber(in)
			require.ErrorIs(t, err, call.ErrNoNumber)
			require.Zero(t, got)
			if in != "" && in != "+" {
				require.NotContains(t, err.Error(), in, "an error may end in a log: it must not carry the input")
			}
		})
	}
}

func TestNumberIsReadInGroups(t *testing.T) {
	for in, want := range map[string][]string{
		"0612345678":    {"06", "12345678"},
		"0570693911":    {"0570", "693", "911"},
		"+442079460958": {"+44", "20", "7946", "0958"},
	} {
		n, err := call.ParseNumber(in)
		require.NoError(t, err)
		require.Equal(t, want, n.Groups())
	}
	require.Nil(t, call.Withheld().Groups())
}

func TestNumberNeverPrintsItsDigits(t *testing.T) {
	n, err := call.ParseNumber("0612345678")
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "number", n, "caller", call.Call{Caller: n}.Caller)
	for _, printed := range []string{n.String(), fmt.Sprint(n), fmt.Sprintf("%v", n), log.String()} {
		require.NotContains(t, printed, "61234")
		require.Contains(t, printed, "78")
	}
	require.Equal(t, "withheld", call.Withheld().String())
	require.Equal(t, "unknown", call.Number{}.String())
}

func FuzzParseNumber(f *testing.F) {
	for _, seed := range []string{
		"140570", "+31612345678", "0031570693911", "anonymous", "+", "", "06-12 34 56 78", "\x00", "1e9",
		"+0000000000000000000000",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		n, err := call.ParseNumber(raw)
		if err != nil {
			require.ErrorIs(t, err, call.ErrNoNumber)
			require.Zero(t, n)
			return
		}
		require.Regexp(t, `^\+[0-9]{5,15}$`, n.E164)
		require.NotEmpty(t, n.Groups())
		again, err := call.ParseNumber(n.E164)
		require.NoError(t, err, "a number we store must parse again at dial time")
		require.Equal(t, n, again)
	})
}
