// Package call holds the plain data that every package shares: the caller, the team that is meant, and the outcome.
package call

import "time"

// ID names one call: the unique id of the caller's channel, as Asterisk gave it.
type ID string

// TeamID names a team (vakteam) or the contact centre as the configuration does, such as "kcc".
type TeamID string

// AgentID names an agent (klantcontactmedewerker) or a colleague as the configuration does.
type AgentID string

// MunicipalityID names a municipality as the configuration does, such as "deventer".
type MunicipalityID string

// Call is a call as it comes in. Times are UTC.
type Call struct {
	ID      ID
	Dialled string // as the trunk sent it
	Caller  Number
	Arrived time.Time
}

// Outcome says how a call ended for the caller.
type Outcome string

// The outcomes of a call. They are the values of the metric label "outcome".
const (
	Answered     Outcome = "answered"        // spoke to a person
	Abandoned    Outcome = "abandoned"       // hung up while waiting for a team
	HungUpInMenu Outcome = "hung_up_in_menu" // hung up before being put before a team
	// a callback note was made, or the caller's own stands, and they heard so
	CallbackPromised  Outcome = "callback_promised"
	HeardClosed       Outcome = "heard_closed"       // called outside opening hours, no note
	NoteExplained     Outcome = "note_explained"     // rang again, heard that their callback note stands, and left it
	NoteWithdrawn     Outcome = "note_withdrawn"     // rang again and withdrew their callback note
	OtherMunicipality Outcome = "other_municipality" // was told which municipality to ring
	Fallback          Outcome = "fallback"           // after a fault of ours: handed to the dialplan's fallback
	Failed            Outcome = "failed"             // a fault of ours ended the call
)

// Outcomes lists every outcome, for metrics that must exist before the first call.
func Outcomes() []Outcome {
	return []Outcome{
		Answered, Abandoned, HungUpInMenu, CallbackPromised, HeardClosed, NoteExplained, NoteWithdrawn,
		OtherMunicipality,
		Fallback, Failed,
	}
}

// OfferResult says how one offer to a team ended.
type OfferResult string

// The results of putting a call before a team.
const (
	OfferAnswered  OfferResult = "answered"  // a person of the team spoke to the caller
	OfferAbandoned OfferResult = "abandoned" // the caller hung up while waiting
	OfferTookNote  OfferResult = "callback"  // the caller took a callback note instead
	OfferMovedOn   OfferResult = "moved_on"  // the call went to another team unanswered
	OfferLost      OfferResult = "lost"      // a fault of ours ended it
)

// OfferResults lists every result, for metrics that must exist before the first call.
func OfferResults() []OfferResult {
	return []OfferResult{OfferAnswered, OfferAbandoned, OfferTookNote, OfferMovedOn, OfferLost}
}

// Offer is one time that a call was put before a team: the unit of the reachability formula (domain.md, "KPIs,
// exactly").
type Offer struct {
	Team   TeamID
	At     time.Time // entered the team's queue, UTC
	Open   bool      // within the team's opening hours; only these count towards reachability
	Agent  AgentID   // the agent who answered; empty when the offer was not answered
	Result OfferResult
	Waited time.Duration // from entering the queue to the answer or the end, ringing included
	Talked time.Duration // from the answer to the end of the conversation
	Rung   int           // how many phones were rung for it
}

// Contact is the one record (klantcontact) that every call ends in. Metrics and the log read it; nothing else is
// written about a call. Times are UTC.
type Contact struct {
	Call         Call
	Municipality MunicipalityID
	Ended        time.Time
	Choices      string // the keys pressed in menus, in order
	Offers       []Offer
	Outcome      Outcome
	NoteID       string // the callback note that was promised; empty for none
	About        string // the callback note that the caller rang again about; empty when they were not recognised
}

// Answered reports the offer in which a person spoke to the caller, and whether there was one.
func (c Contact) Answered() (Offer, bool) {
	for _, o := range c.Offers {
		if o.Result == OfferAnswered {
			return o, true
		}
	}
	return Offer{}, false
}
