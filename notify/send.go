package notify

import (
	"context"
	"fmt"
	"time"
)

// Message is what is sent for an item. It is made anew for each try, of what is known then.
type Message struct {
	ID       string // the item's: a receiver who gets it twice knows it by this
	Kind     Kind
	At       time.Time // of the event, UTC
	Language string    // of mail

	Address, Subject, Body string // of mail
	Data                   []byte // JSON, of a webhook
}

// Failure is why something was not delivered now. It is tried again.
type Failure string

// The failures.
const (
	Unreachable Failure = "unreachable" // no connection, no TLS, or no answer in time
	SignIn      Failure = "sign_in"     // the server refused our user or password
	Refused     Failure = "refused"     // the server refused this message
)

// Failures lists every failure.
func Failures() []Failure { return []Failure{Unreachable, SignIn, Refused} }

// Drop is why something is never delivered.
type Drop string

// The drops. The first three are as it should be.
const (
	Gone       Drop = "gone"        // its note was removed
	Moot       Drop = "moot"        // nothing is left to be told: the note is done, or another team's
	NoReceiver Drop = "no_receiver" // the configuration no longer has the receiver, or its team
	NoAddress  Drop = "no_address"  // no mail address is known of the person
	Rejected   Drop = "rejected"    // the receiver's server refuses it for good
	TooOld     Drop = "too_old"     // it was tried for too long
	TooOften   Drop = "too_often"   // it was refused too often
	Full       Drop = "full"        // too much waited for the same server
	Unreadable Drop = "unreadable"  // the note, or the item, is broken in the store
)

// Drops lists every drop.
func Drops() []Drop {
	return []Drop{Gone, Moot, NoReceiver, NoAddress, Rejected, TooOld, TooOften, Full, Unreadable}
}

// SendError says why a message was not taken. It holds no address: servers quote them in what they say.
type SendError struct {
	Failure Failure
	Code    int  // of SMTP or HTTP; 0 for none
	Lane    bool // the server is to blame: others would fare alike
	Forever bool // it never takes this message
	Err     error
}

// Error says why.
func (e *SendError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("%s: %v", e.Failure, e.Err)
	case e.Code != 0:
		return fmt.Sprintf("%s: the server answered %d", e.Failure, e.Code)
	default:
		return string(e.Failure)
	}
}

// Unwrap gives the cause.
func (e *SendError) Unwrap() error { return e.Err }

// sendLimit bounds one try, whatever the server does.
const sendLimit = 30 * time.Second

// Sender sends a message. Its error is a *SendError.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Senders gives the sender of a lane by the rules of the moment, nil when it has none.
type Senders func(r Rules, lane Lane) Sender

// RealSenders send by SMTP and HTTP.
func RealSenders(r Rules, lane Lane) Sender {
	if lane == MailLane {
		if r.SMTP == nil {
			return nil
		}
		return *r.SMTP
	}
	if hook, ok := r.Hooks[lane]; ok {
		return hook
	}
	return nil
}
