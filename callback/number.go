package callback

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bereikbaar/bereikbaar/call"
)

// Policy says which numbers may be called back, and how many promises are made. The kinds of number are fixed (see Dialable); the zero
// value allows no country.
type Policy struct {
	Countries []string // ISO 3166 codes such as "NL"
	Limits    Limits
}

// Code is the reason of a refusal for a machine: it picks the prompt, the metric label, the text on a page.
type Code string

// The reasons to refuse a request.
const (
	CodeWithheld Code = "withheld"  // the caller asked not to be shown: he can key a number in
	CodeInvalid  Code = "invalid"   // no number, or none that exists
	CodeTooShort Code = "too_short" // keyed in with digits missing
	CodeTooLong  Code = "too_long"  // keyed in with digits too many
	CodeCountry  Code = "country"   // of a country that is not called back
	CodeKind     Code = "kind"      // of a kind that is never called back: 0800, 0900, 14xx, satellite, …
	CodeTeam     Code = "team"      // the team is not in the configuration
	CodeRequest  Code = "request"   // a field is missing or malformed: a fault of whoever asks, not of the caller

	CodeCallerLimit Code = "caller_limit" // this caller has had enough notes made today, see Limits
	CodeTargetLimit Code = "target_limit" // enough notes were made for this number today
	CodeDayLimit    Code = "day_limit"    // enough notes were made today
)

// Codes lists every code, for metrics that must exist before the first refusal.
func Codes() []Code {
	return []Code{
		CodeWithheld, CodeInvalid, CodeTooShort, CodeTooLong, CodeCountry, CodeKind, CodeTeam, CodeRequest,
		CodeCallerLimit, CodeTargetLimit, CodeDayLimit,
	}
}

// Refusal says that a request cannot become a note as it is, whatever the state of the store.
type Refusal struct {
	Code Code
	Text string // for people; never holds digits
}

// Error is the text with its code.
func (r *Refusal) Error() string { return fmt.Sprintf("refused (%s): %s", r.Code, r.Text) }

func refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Text: fmt.Sprintf(format, args...)}
}

const (
	nationalDigits = 10 // of a Dutch number with its leading zero (numbering plan: geographic, mobile, 085, 088)
	abroad         = "00"
	abroadDigits   = len(abroad) + 15 // ITU-T E.164: at most 15, country code included
)

// Dialable says whether a number may be called back: only geographic, mobile and business numbers of the allowed countries
// (domain.md, "Numbers"), because a system that dials what it is told is a toll-fraud machine. It judges the digits anew
// and does not believe the kind that came along, so that it also guards stored numbers at the time of dialling. The error
// is a *Refusal.
func Dialable(p Policy, n call.Number) error {
	if n.Kind == call.KindWithheld {
		return refuse(CodeWithheld, "the number is withheld")
	}
	if !strings.HasPrefix(n.E164, "+") || strings.ContainsFunc(n.E164[1:], notDigit) {
		return refuse(CodeInvalid, "there is no number in international form")
	}
	again, err := call.ParseNumber(n.E164)
	if err != nil || again.E164 != n.E164 {
		return refuse(CodeInvalid, "the number does not exist")
	}
	switch again.Kind {
	case call.KindGeographic, call.KindMobile, call.KindBusiness:
	default:
		return refuse(CodeKind, "a %s number is never called back", again.Kind)
	}
	if !slices.Contains(p.Countries, again.Country) {
		return refuse(CodeCountry, "numbers of country %s are not called back", again.Country)
	}
	return nil
}

// ParseKeyed reads a number that a caller keyed in, without the closing hash: the national form with its leading zero, or
// 00 and a country code. Whether it may be called back is for Dialable. The error is a *Refusal with CodeTooShort,
// CodeTooLong or CodeInvalid.
func ParseKeyed(digits string) (call.Number, error) {
	if at := strings.IndexFunc(digits, notDigit); at >= 0 {
		key, _ := utf8.DecodeRuneInString(digits[at:])
		return call.Number{}, refuse(CodeInvalid, "the key %q was pressed, which is no digit", key)
	}
	if strings.HasPrefix(digits, "0") || strings.HasPrefix(digits, "14") { // without the zero only a municipality's 14 0xx
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
		return call.Number{}, refuse(CodeTooShort, "%d digits were keyed in, a number has %d", len(digits), nationalDigits)
	case len(digits) > most:
		return call.Number{}, refuse(CodeTooLong, "%d digits were keyed in, a number has at most %d", len(digits), most)
	}
	return call.Number{}, refuse(CodeInvalid, "no such number exists")
}

func notDigit(r rune) bool { return r < '0' || r > '9' }
