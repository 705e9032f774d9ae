package staff

import (
	"errors"
	"slices"
	"strings"

	"github.com/bereikbaar/bereikbaar/call"
)

// The reasons why a phone cannot be a colleague's.
var (
	// ErrPhone is returned for one that Asterisk does not have, or that is no colleague's, such as the trunk.
	ErrPhone = errors.New("Asterisk has no such phone, or it is not a colleague's, such as a trunk")
	// ErrPhoneTaken is returned for one that somebody else has.
	ErrPhoneTaken = errors.New("somebody else has this phone")
	// ErrForeign is returned for an id that the configuration gives to a colleague of another municipality.
	ErrForeign = errors.New("a colleague of another municipality has this id")
	// ErrPhoneUnasked is returned while Asterisk cannot be asked.
	ErrPhoneUnasked = errors.New("Asterisk cannot be asked now whether it has the phone")
)

// ownPhones is the technology of phones that people may set on a page.
const ownPhones = "PJSIP/"

// IsOwnPhone reports whether a text names a phone that people may set on a page: one of Asterisk's own, by its name
// alone, of those that operators allow by name or by a beginning and a star. What Asterisk would dial further with,
// such as an extension of another exchange (PJSIP/1234@pbx), is for the configuration to say: a page must not make the
// switch dial.
func IsOwnPhone(text string, allowed []string) bool {
	name, is := strings.CutPrefix(text, ownPhones)
	return is && call.IsPersonID(strings.ToLower(name)) && slices.ContainsFunc(allowed, func(one string) bool {
		begin, some := strings.CutSuffix(one, "*")
		return name == one || some && strings.HasPrefix(name, begin)
	})
}

// PhoneOf gives the phone that somebody means by what they typed: the name alone will do. It is empty for nothing.
func PhoneOf(typed string) string {
	typed = strings.TrimSpace(typed)
	if typed == "" || strings.Contains(typed, "/") {
		return typed
	}
	return ownPhones + typed
}
