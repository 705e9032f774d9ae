package dialling

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bereikbaar/bereikbaar/call"
)

// Policy says which numbers of a municipality's callers may be called back, how many notes are made, and how many
// calls. The kinds of number are fixed (see Dialable); the zero value allows no country.
type Policy struct {
	Countries []string       // ISO 3166 codes such as "NL"
	Clocks    *time.Location // of the municipality: its days are counted; nil only when nothing is
	Limits    Limits
	Caps      Caps
}

// Limits bound how many notes are made in one day of the municipality's calendar: a caller can key in strangers'
// numbers, and colleagues would ring them. 0 sets no bound.
type Limits struct {
	Caller int // by telephone from one number, as the line showed it
	Target int // to ring one number back, for all askers
	Day    int // by telephone, in all
}

const (
	nationalDigits = 10 // of a Dutch number with its leading zero (numbering plan: geographic, mobile, 085, 088)
	abroad         = "00"
	abroadDigits   = len(abroad) + 15 // ITU-T E.164: at most 15, country code included
)

// Dialable says whether a number may be called back: only geographic, mobile and business numbers of the allowed
// countries (domain.md, "Numbers"), because a system that dials what it is told is a toll-fraud machine. It judges the
// digits and not the stored kind, so that it also guards stored numbers at the time of dialling. The error is a
// *Refusal.
func Dialable(p Policy, n call.Number) error {
	if n.Kind == call.KindWithheld {
		return Refuse(CodeWithheld, "the number is withheld")
	}
	if !strings.HasPrefix(n.E164, "+") || strings.ContainsFunc(n.E164[1:], notDigit) {
		return Refuse(CodeInvalid, "there is no number in international form")
	}
	again, err := call.ParseNumber(n.E164)
	if err != nil || again.E164 != n.E164 {
		return Refuse(CodeInvalid, "the number does not exist")
	}
	switch again.Kind {
	case call.KindGeographic, call.KindMobile, call.KindBusiness:
	default:
		return Refuse(CodeKind, "a %s number is never called back", again.Kind)
	}
	if !slices.Contains(p.Countries, again.Country) {
		return Refuse(CodeCountry, "numbers of country %s are not called back", again.Country)
	}
	return nil
}

// ParseKeyed reads a number that a caller keyed in, without the closing hash: the national form with its leading zero,
// or 00 and a country code. Dialable says whether it may be called back. The error is a *Refusal with CodeTooShort,
// CodeTooLong or CodeInvalid.
func ParseKeyed(digits string) (call.Number, error) {
	if at := strings.IndexFunc(digits, notDigit); at >= 0 {
		key, _ := utf8.DecodeRuneInString(digits[at:])
		return call.Number{}, Refuse(CodeInvalid, "the key %q was pressed, which is no digit", key)
	}
	// without the zero only a municipality's 14 0xx
	if strings.HasPrefix(digits, "0") || strings.HasPrefix(digits, "14") {
		if n, err := call.ParseNumber(digits); err == nil {
			return n, nil
		}
	}
	most := nationalDigits
	if strings.HasPrefix(digits, abroad) {
		most = abroadDigits
	}
	switch {
	case len(digits) < nationalDigits:
		return call.Number{}, Refuse(
			CodeTooShort, "%d digits were keyed in, a number has %d", len(digits), nationalDigits,
		)
	case len(digits) > most:
		return call.Number{}, Refuse(CodeTooLong, "%d digits were keyed in, a number has at most %d", len(digits), most)
	}
	return call.Number{}, Refuse(CodeInvalid, "no such number exists")
}

func notDigit(r rune) bool { return r < '0' || r > '9' }
