package signin

import "time"

// For tests of this package.
var (
	CodeAt       = codeAt
	MatchCode    = matchCode
	HashPassword = hashPassword
	SamePassword = samePassword
)

// Seal seals as a sign-in does that has another key.
func SealAsAnother(as string, value any, until time.Time) string {
	s, err := newSealer()
	if err != nil {
		panic(err)
	}
	return s.seal(as, value, until)
}

// HoldTurn keeps every password waiting until end is called.
func (s *SignIn) HoldTurn() (end func()) {
	s.hashes <- struct{}{}
	return func() { <-s.hashes }
}
