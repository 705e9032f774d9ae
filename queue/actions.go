package queue

import (
	"fmt"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
)

// ActionKind is the kind of an Action.
type ActionKind string

// The kinds of action. A switch over them should name every one.
const (
	Ring       ActionKind = "ring"        // let the agent's phone ring for the call, no longer than For
	CancelRing ActionKind = "cancel_ring" // stop that ringing; needs no report back
	Connect    ActionKind = "connect"     // the agent answered: bridge the agent and the caller
	DropAgent  ActionKind = "drop_agent"  // the agent answered too late: hang up their leg for that call
	NobodyLeft ActionKind = "nobody_left" // every phone of the team was tried for the caller, or nobody is staffed
	TeamGone   ActionKind = "team_gone"   // the team of the caller no longer exists; the caller no longer waits
)

// Action is one thing for dispatch to carry out. Fields that its kind does not need are empty.
type Action struct {
	Kind  ActionKind
	Call  call.ID
	Agent call.AgentID  // Ring, CancelRing, Connect, DropAgent
	Team  call.TeamID   // Ring, Connect, NobodyLeft, TeamGone: the team that the caller waits for
	For   time.Duration // Ring: how long the phone may ring
}

// String is the action in one line, for logs and tests. It holds no number and no person's name.
func (a Action) String() string {
	switch a.Kind {
	case Ring:
		return fmt.Sprintf("%s %s at %s for %s", a.Kind, a.Call, a.Agent, a.For)
	case CancelRing, Connect, DropAgent:
		return fmt.Sprintf("%s %s at %s", a.Kind, a.Call, a.Agent)
	case NobodyLeft, TeamGone:
		return fmt.Sprintf("%s %s", a.Kind, a.Call)
	default:
		return fmt.Sprintf("unknown action %q", string(a.Kind))
	}
}

// RingFailure is why a ring did not become a conversation.
type RingFailure string

// The ways in which a ring fails. Only the first three are the agent's own doing and count as missed.
const (
	NoAnswer    RingFailure = "no_answer"   // rang for its time
	Declined    RingFailure = "declined"    // the agent refused the call
	Forwarded   RingFailure = "forwarded"   // the phone sent the call elsewhere, which is never followed
	Busy        RingFailure = "busy"        // the phone is in another call
	Unreachable RingFailure = "unreachable" // not registered, or no such extension
	Fault       RingFailure = "fault"       // Asterisk or we could not place the call
)

// RingFailures lists every way, for metrics that must exist from the start.
func RingFailures() []RingFailure {
	return []RingFailure{NoAnswer, Declined, Forwarded, Busy, Unreachable, Fault}
}

// missed reports whether the failure counts towards Team.MissedLimit.
func (f RingFailure) missed() bool { return f == NoAnswer || f == Declined || f == Forwarded }

// PhoneState is what a phone reports, apart from the rings and conversations that came from here.
type PhoneState string

// The states of a phone.
const (
	PhoneUnknown PhoneState = "unknown" // no reports (an extension behind another exchange): taken as free
	PhoneFree    PhoneState = "free"    // registered and not in a call
	PhoneInUse   PhoneState = "in_use"  // in a call that is not ours
	PhoneOffline PhoneState = "offline" // not registered
)
