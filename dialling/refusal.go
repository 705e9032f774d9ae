package dialling

import "fmt"

// Code is the reason of a refusal for a machine: it picks the prompt, the metric label, the text on a page.
type Code string

// The reasons to refuse a request.
const (
	CodeWithheld Code = "withheld"  // the caller withholds their number: they can key one in
	CodeInvalid  Code = "invalid"   // no number, or none that exists
	CodeTooShort Code = "too_short" // keyed in with digits missing
	CodeTooLong  Code = "too_long"  // keyed in with digits too many
	CodeCountry  Code = "country"   // of a country that is not called back
	CodeKind     Code = "kind"      // of a kind that is never called back: 0800, 0900, 14xx, satellite, …
	CodeTeam     Code = "team"      // the team is not in the configuration
	CodeRequest  Code = "request"   // a field is missing or malformed: a fault of the asking code, not of the caller

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

// Refuse makes a refusal; its text is formatted, and never holds digits.
func Refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Text: fmt.Sprintf(format, args...)}
}
