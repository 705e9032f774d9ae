package call

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxTypedRunes = 128 // of what a person typed or pasted, invisible marks included
	maxDigits     = maxE164 - 1
)

func unreadable(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrNoNumber)
}

// ParseTyped reads a number that a person typed or pasted, in any way that people write one: with blanks, dashes,
// slashes, dots and brackets of all kinds, with the invisible marks that come along from a web page, in full-width
// digits or in those of another script, and as a tel: address (RFC 3966). The API, the command and the configuration
// read numbers by this rule alone. ParseNumber, which is strict, reads what a trunk sends. The policy decides whether
// the number may be dialled. The error wraps ErrNoNumber and names at most one character, so it may be shown and
// logged.
func ParseTyped(raw string) (Number, error) {
	switch {
	case !utf8.ValidString(raw):
		return Number{}, unreadable("not text in UTF-8")
	case utf8.RuneCountInString(raw) > maxTypedRunes:
		return Number{}, unreadable("longer than %d characters, write one number and nothing else", maxTypedRunes)
	}
	t := typed{}
	raw, err := t.address(trimmed(raw))
	if err != nil {
		return Number{}, err
	}
	for i, r := range raw {
		if err := t.take(r, raw[i:]); err != nil {
			return Number{}, err
		}
	}
	digits := t.kept.String()
	switch {
	case strings.Trim(digits, "+") == "":
		return Number{}, unreadable("empty")
	case t.digits > maxDigits+len("00")+len("0"): // of 0031 (0)6
		return Number{}, unreadable(
			"more than the %d digits of the longest number, write one number and nothing else", maxDigits,
		)
	}
	n, err := ParseNumber(digits)
	if err != nil {
		return Number{}, unreadable("not a number that exists")
	}
	return n, nil
}

// trimmed takes off invisible characters around a number, quotes, the marks by which a spreadsheet knows text ('06…,
// ="06…"), and the comma or semicolon of a list.
func trimmed(raw string) string {
	unseen := func(r rune) bool { return unicode.IsSpace(r) || invisible(r) }
	quotes := func(r rune) bool {
		return unseen(r) || strings.ContainsRune("\"'`“”„‟‘’‚‛«»‹›<>＂＇", r)
	}
	raw = strings.TrimFunc(raw, unseen)
	if text, ok := strings.CutPrefix(raw, "="); ok && strings.HasPrefix(strings.TrimLeftFunc(text, unseen), `"`) {
		raw = text
	}
	return strings.TrimRightFunc(
		strings.TrimFunc(raw, quotes), func(r rune) bool { return quotes(r) || r == ',' || r == ';' },
	)
}

// typed is a number that is being read.
type typed struct {
	kept   strings.Builder // the plus and the digits, in ASCII
	digits int
	script rune // of the digits so far, see digitOf; 0 for none yet
}

// address reduces a tel: address to its number. It refuses a parameter that would ring another telephone.
func (t *typed) address(raw string) (string, error) {
	const scheme = "tel:"
	if len(raw) < len(scheme) || !strings.EqualFold(raw[:len(scheme)], scheme) {
		return raw, nil
	}
	number, parameters, _ := strings.Cut(raw[len(scheme):], ";")
	if plain, err := url.PathUnescape(number); err == nil { // a link writes + and blanks as %2B and %20
		number = plain
	}
	if !utf8.ValidString(number) {
		return "", unreadable("not text in UTF-8")
	}
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		switch {
		case strings.EqualFold(name, "ext"):
			return "", unreadable(
				"an extension (;ext=) cannot be dialled, leave it out and say in the reason whom to ask for",
			)
		case strings.EqualFold(name, "phone-context") && value != "+31" && !strings.HasPrefix(number, "+"):
			return "", unreadable(
				"local to another country or network (;phone-context=), write it in full with + and the country code",
			)
		}
	}
	return number, nil
}

// take reads one character. rest is the text from it on.
func (t *typed) take(r rune, rest string) error {
	value, script, isDigit := digitOf(r)
	switch {
	case isDigit:
		if t.script != 0 && t.script != script {
			return unreadable("%s is a digit of a second script, write all of them in one", named(r))
		}
		t.script = script
		t.digits++
		t.kept.WriteRune('0' + value)
	case strings.ContainsRune("+\uFF0B\uFE62", r):
		if t.kept.Len() > 0 {
			return unreadable("a plus comes after the beginning, write one number and nothing else")
		}
		t.kept.WriteByte('+')
	case r == reversing:
		return unreadable("%s turns round the digits that are shown after it, type the number by hand", named(r))
	case invisible(r), between(r):
	case oblique(r):
		if _, err := ParseNumber(t.kept.String()); err == nil {
			return unreadable("a number has ended before %s, write one number and nothing else", named(r))
		}
	case unicode.IsLetter(r):
		return unreadable("%s is a letter and no part of a number%s", named(r), hint(r, rest))
	default:
		return unreadable("%s is no part of a number, write one number and nothing else", named(r))
	}
	return nil
}

// digitOf returns the value of a decimal digit, and its script, named by its zero. Digits in full width are ASCII's.
func digitOf(r rune) (value, script rune, ok bool) {
	lowest := rune(-1)
	for _, of := range unicode.Nd.R16 { // each range holds whole scripts, of ten digits from the zero on
		if r >= rune(of.Lo) && r <= rune(of.Hi) {
			lowest = rune(of.Lo)
		}
	}
	for _, of := range unicode.Nd.R32 {
		if r >= rune(of.Lo) && r <= rune(of.Hi) {
			lowest = rune(of.Lo)
		}
	}
	switch {
	case lowest < 0:
		return 0, 0, false
	case lowest == fullWidthZero:
		return r - lowest, '0', true
	}
	value = (r - lowest) % 10
	return value, r - value, true
}

const fullWidthZero = '\uFF10'

// reversing is RIGHT-TO-LEFT OVERRIDE: the person who copied the number saw its digits in the other order.
const reversing = '\u202E'

// invisible are marks for the direction of text, soft hyphens, joiners and byte order marks, which come along when a
// number is copied.
func invisible(r rune) bool { return unicode.Is(unicode.Cf, r) && r != reversing }

// between are what people write between digits: blanks, dashes, dots and brackets.
func between(r rune) bool {
	return r == '\t' || unicode.In(r, unicode.Zs, unicode.Pd) || strings.ContainsRune("()[]（）［］.·•․．‧−⁃", r)
}

// oblique are the strokes that people write after an area code, and also between two numbers.
func oblique(r rune) bool { return strings.ContainsRune("/⁄∕／", r) }

// hint guesses what a letter stands for.
func hint(r rune, rest string) string {
	lower := strings.ToLower(rest)
	switch {
	case strings.HasPrefix(lower, "sip"):
		return " (a SIP address is none, write the number alone)"
	case strings.HasPrefix(lower, "tst"), strings.HasPrefix(lower, "toestel"), strings.HasPrefix(lower, "ext"),
		strings.HasPrefix(lower, "x"):
		return " (an extension cannot be dialled, leave it out and say in the reason whom to ask for)"
	case r == 'o' || r == 'O':
		return " (is a zero meant?)"
	case r == 'l' || r == 'I':
		return " (is a one meant?)"
	}
	return ""
}

// named names a character so that it can be found, even an invisible one.
func named(r rune) string {
	if unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.M, r) {
		return fmt.Sprintf("%q (%U)", string(r), r)
	}
	return fmt.Sprintf("the invisible character %U", r)
}
