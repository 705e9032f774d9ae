package access

import (
	"context"
	"time"

	"github.com/bereikbaar/bereikbaar/staff"
)

// Session is for how long the person who asks stays signed in. The zero value is no session that a page can warn of.
type Session struct {
	Ends time.Time // UTC: without another request
	Last time.Time // UTC: the latest end, whatever is asked
}

type key int

const (
	keyVisitor key = iota
	keyPerson
	keySession
)

// With gives a context of a request whose visitor is known.
func With(ctx context.Context, v Visitor) context.Context {
	return context.WithValue(ctx, keyVisitor, v)
}

// From gives the visitor of a request, and false when nobody has signed in.
func From(ctx context.Context) (Visitor, bool) {
	v, ok := ctx.Value(keyVisitor).(Visitor)
	return v, ok
}

// WithPerson adds the person behind the visitor.
func WithPerson(ctx context.Context, p staff.Person) context.Context {
	return context.WithValue(ctx, keyPerson, p)
}

// Person gives the person behind the visitor; the zero Person for a program.
func Person(ctx context.Context) staff.Person {
	p, _ := ctx.Value(keyPerson).(staff.Person)
	return p
}

// WithSession adds the session.
func WithSession(ctx context.Context, s Session) context.Context {
	return context.WithValue(ctx, keySession, s)
}

// SessionOf gives the session; the zero Session when there is none.
func SessionOf(ctx context.Context) Session {
	s, _ := ctx.Value(keySession).(Session)
	return s
}
