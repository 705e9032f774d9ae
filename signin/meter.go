package signin

// Meter counts what happens at the door. It gets names of this package only, and must not wait.
type Meter interface {
	SignedIn(way Way)
	Refused(reason Reason)
	SignedOut(how Ending)
}

// Way is how a person signed in.
type Way string

// The ways.
const (
	ByAccount  Way = "account"
	ByProvider Way = "provider"
)

// Ways lists the ways.
func Ways() []Way { return []Way{ByAccount, ByProvider} }

// Ending is how a session ended, as far as it is noticed: one that is left alone ends by itself.
type Ending string

// The endings.
const (
	ByPerson    Ending = "person"     // they signed out here
	Everywhere  Ending = "everywhere" // they signed out everywhere
	NotExtended Ending = "provider"   // the provider no longer vouches for them, or cannot be asked
	WithoutRole Ending = "no_role"    // they have no role left
)

// Endings lists the endings.
func Endings() []Ending { return []Ending{ByPerson, Everywhere, NotExtended, WithoutRole} }

// Reason is why somebody was not let in. It is for the log and for pages to choose words by.
type Reason string

// The reasons.
const (
	WrongPassword  Reason = "password"   // or no such account: nobody is told which
	WrongCode      Reason = "code"       // wrong, out of time, or used before
	TooMany        Reason = "too_many"   // too many attempts: try again in a while
	Busy           Reason = "busy"       // too many sign in at once
	StoreDown      Reason = "store"      // Redis is away
	NoRole         Reason = "no_role"    // known, but with no role in any team
	NoCode         Reason = "no_code"    // the account has no code yet: it needs a new first-run link
	TooLate        Reason = "too_late"   // the password was right, but too long ago, or it was changed since
	LinkUsed       Reason = "link"       // the first-run link is unknown, used, or expired
	WeakPassword   Reason = "weak"       // see PasswordProblem
	NotTheSame     Reason = "not_same"   // the password and its repetition differ
	ProviderDown   Reason = "provider"   // the provider is away
	ProviderDenied Reason = "denied"     // the provider says no, or the person did
	WrongState     Reason = "state"      // the answer is not to a question of this browser, or was used
	WrongToken     Reason = "token"      // what the provider sent is not right
	WrongID        Reason = "id"         // the provider's name for them cannot be an id here
	CrossOrigin    Reason = "cross_site" // another site sent the form
)

// Reasons lists the reasons.
func Reasons() []Reason {
	return []Reason{
		WrongPassword, WrongCode, TooMany, Busy, StoreDown, NoRole, NoCode, TooLate, LinkUsed, WeakPassword, NotTheSame,
		ProviderDown, ProviderDenied, WrongState, WrongToken, WrongID, CrossOrigin,
	}
}
