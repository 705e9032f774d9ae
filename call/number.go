package call

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Kind is the sort of a telephone number. The callback rules need it (domain.md, "Numbers").
type Kind string

// The kinds that the rules tell apart.
const (
	KindUnknown    Kind = "unknown"
	KindGeographic Kind = "geographic"
	KindMobile     Kind = "mobile"
	KindBusiness   Kind = "business"  // 088 and 085
	KindFreephone  Kind = "freephone" // 0800
	KindPremium    Kind = "premium"   // 0900, 0906, 0909, 18xx
	KindMunicipal  Kind = "municipal" // 14 0xx, the shared number of a municipality
	KindSatellite  Kind = "satellite" // +881, +882, +883, +870
	KindOther      Kind = "other"     // pagers, voicemail, machine-to-machine, 084 and 087, service numbers abroad
	KindWithheld   Kind = "withheld"  // the caller asked not to be shown
)

const (
	homeRegion     = "NL"
	homeCode       = 31
	maxNumberRunes = 32
	maxE164        = 1 + 15 // the plus and the digits that ITU-T E.164 allows, country code included
	shownDigits    = 2      // of a masked number
)

// ErrNoNumber is returned for input that holds no valid telephone number.
var ErrNoNumber = errors.New("no valid telephone number")

// Number is a caller's telephone number. The zero value is "unknown". It prints masked everywhere: only E164 holds the
// digits, for the few places that dial or store them.
type Number struct {
	E164    string // "+31570123456"; empty when unknown or withheld
	Kind    Kind
	Country string // ISO 3166 code such as "NL"; "001" for international networks
}

// Withheld is the number of a caller who asked not to be shown: never stored or shown, even where the trunk reveals it.
func Withheld() Number { return Number{Kind: KindWithheld} }

// ParseNumber reads a number as a trunk or a caller's keys give it: national, 0031…, +… or a municipality's 14 0xx.
// ParseTyped reads what people type. An invalid number gives ErrNoNumber (wrapped). Its text leaves out the input,
// which may be a person's number.
func ParseNumber(raw string) (Number, error) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return Number{}, fmt.Errorf("empty: %w", ErrNoNumber)
	}
	if len([]rune(raw)) > maxNumberRunes {
		return Number{}, fmt.Errorf("longer than %d characters: %w", maxNumberRunes, ErrNoNumber)
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return !strings.ContainsRune("+0123456789 -().", r) }) {
		return Number{}, fmt.Errorf("holds something else than digits: %w", ErrNoNumber)
	}
	parsed, err := phonenumbers.Parse(raw, homeRegion)
	if err != nil {
		return Number{}, fmt.Errorf("%w: %w", ErrNoNumber, err)
	}
	t := phonenumbers.GetNumberType(parsed)
	if t == phonenumbers.UNKNOWN { // IsValidNumber would repeat this costly look-up
		return Number{}, fmt.Errorf("not a number that exists: %w", ErrNoNumber)
	}
	e164 := phonenumbers.Format(parsed, phonenumbers.E164)
	// the library knows service numbers, such as those of Japan, that only their own country can dial
	if len(e164) > maxE164 {
		return Number{}, fmt.Errorf("more than %d digits: %w", maxE164-1, ErrNoNumber)
	}
	return Number{
		E164:    e164,
		Kind:    kindOf(parsed, t),
		Country: phonenumbers.GetRegionCodeForNumber(parsed),
	}, nil
}

func kindOf(n *phonenumbers.PhoneNumber, t phonenumbers.PhoneNumberType) Kind {
	national := phonenumbers.GetNationalSignificantNumber(n)
	switch n.GetCountryCode() {
	case 870, 881, 882, 883:
		return KindSatellite
	case homeCode:
		switch {
		case strings.HasPrefix(national, "14"):
			return KindMunicipal
		case strings.HasPrefix(national, "97"): // machine-to-machine, which the library counts as mobile
			return KindOther
		case strings.HasPrefix(national, "85"), strings.HasPrefix(national, "88"):
			return KindBusiness
		}
	}
	switch t {
	case phonenumbers.FIXED_LINE, phonenumbers.FIXED_LINE_OR_MOBILE:
		return KindGeographic
	case phonenumbers.MOBILE:
		return KindMobile
	case phonenumbers.TOLL_FREE:
		return KindFreephone
	case phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST, phonenumbers.PERSONAL_NUMBER:
		return KindPremium
	default:
		// pagers, voicemail, 084 and 087 (forwarded at a caller's cost), service numbers abroad, and kinds that the
		// library adds later
		return KindOther
	}
}

// Known reports whether there are digits to dial or store.
func (n Number) Known() bool { return n.E164 != "" }

// Groups returns the number as people in the Netherlands read it, in groups of digits: "0570", "123", "456". A foreign
// number keeps its "+" on the first group. It is nil when the number is not known.
func (n Number) Groups() []string {
	if !n.Known() {
		return nil
	}
	parsed, err := phonenumbers.Parse(n.E164, homeRegion)
	if err != nil {
		return []string{n.E164}
	}
	format := phonenumbers.INTERNATIONAL
	if parsed.GetCountryCode() == homeCode {
		format = phonenumbers.NATIONAL
	}
	return strings.FieldsFunc(phonenumbers.Format(parsed, format), func(r rune) bool { return r == ' ' || r == '-' })
}

// String masks the number, so that a stray print shows no more than its last digits.
func (n Number) String() string {
	switch {
	case n.Kind == KindWithheld:
		return "withheld"
	case len(n.E164) <= shownDigits:
		return "unknown"
	default:
		return strings.Repeat("*", len(n.E164)-shownDigits) + n.E164[len(n.E164)-shownDigits:]
	}
}

// LogValue keeps the digits out of logs.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.String()) }
