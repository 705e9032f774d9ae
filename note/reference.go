package note

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Reference is the caller's name for their note (kenmerk): eight digits, the first not a zero, the last a check digit.
// Eight digits are said in two groups of four, and a misheard or swapped digit is noticed before a wrong note is found.
type Reference string

// ReferenceDigits is how many digits a reference has.
const ReferenceDigits = 8

const (
	firstReference = 1_000_000 // of the seven digits before the check digit: no leading zero
	references     = 9_000_000 // how many there are
)

// ErrReference is returned (wrapped) for a reference that cannot exist.
var ErrReference = errors.New("not a valid reference")

// damm is the operation table of Damm's check digit (H. M. Damm, "Total anti-symmetrische Quasigruppen", Marburg 2004):
// it notices every single wrong digit and every swap of two neighbours. The tests prove both properties.
var damm = [10][10]byte{
	{0, 3, 1, 7, 5, 9, 8, 6, 4, 2},
	{7, 0, 9, 2, 1, 5, 4, 8, 6, 3},
	{4, 2, 0, 6, 8, 7, 1, 3, 5, 9},
	{1, 7, 5, 0, 9, 8, 3, 4, 2, 6},
	{6, 1, 2, 3, 0, 4, 5, 9, 7, 8},
	{3, 6, 7, 4, 2, 0, 9, 5, 8, 1},
	{5, 8, 6, 9, 7, 2, 0, 1, 3, 4},
	{8, 9, 4, 5, 3, 6, 2, 0, 1, 7},
	{9, 4, 3, 8, 6, 1, 7, 2, 0, 5},
	{2, 5, 8, 1, 4, 3, 6, 7, 9, 0},
}

// NewReference draws a reference; the store knows whether it is taken. It reads eight random bytes; the bias of the
// remainder is under one in 10¹².
func NewReference(random io.Reader) (Reference, error) {
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("draw a reference from the random source: %w", err)
	}
	digits := fmt.Sprint(firstReference + binary.BigEndian.Uint64(b[:])%references)
	return Reference(digits + string('0'+checkDigit(digits))), nil
}

// ParseReference reads a reference as people write or key it: blanks, dots and dashes between the digits do not count.
func ParseReference(raw string) (Reference, error) {
	r := normalReference(raw)
	if err := CheckReference(r); err != nil {
		return "", err
	}
	return Reference(r), nil
}

// CheckReference says why a reference cannot exist, wrapping ErrReference; nil when it can. Blanks, dots and dashes
// between the digits do not count. The text does not repeat the input, which may be anything that a caller keyed.
func CheckReference(raw string) error {
	r := normalReference(raw)
	switch {
	case strings.ContainsFunc(r, func(c rune) bool { return c < '0' || c > '9' }):
		return fmt.Errorf("%w: it holds something else than digits", ErrReference)
	case len(r) != ReferenceDigits:
		return fmt.Errorf("%w: it has %d digits, not %d", ErrReference, len(r), ReferenceDigits)
	case r[0] == '0':
		return fmt.Errorf("%w: it begins with a zero", ErrReference)
	case checkDigit(r) != 0:
		return fmt.Errorf("%w: its check digit does not fit, a digit is wrong or two are swapped", ErrReference)
	}
	return nil
}

func normalReference(raw string) string {
	return strings.Map(func(c rune) rune {
		if c == '-' || c == '.' || unicode.IsSpace(c) {
			return -1
		}
		return c
	}, raw)
}

// checkDigit works the digits through the table. For digits that end in their own check digit it gives 0.
func checkDigit(digits string) byte {
	var interim byte
	for i := range len(digits) {
		interim = damm[interim][digits[i]-'0']
	}
	return interim
}
