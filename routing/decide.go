package routing

import "time"

// Facts are the circumstances that a decision about a team needs.
type Facts struct {
	Staffed int // agents whose phone rings now or will once they are free
}

// Decision is what happens to a call for a team.
type Decision string

// The decisions.
const (
	Queue         Decision = "queue"          // wait for an agent of the team
	OfferCallback Decision = "offer_callback" // nobody is there: offer a note first
	MoveOn        Decision = "move_on"        // nobody is there and no note is offered: to the team that takes over
	Closed        Decision = "closed"         // outside the opening hours
)

// Decide says what to do with a call for team t at now. A team without people still queues when there is neither a note
// to offer nor another team: a waiting caller can be helped, a caller sent away cannot.
func Decide(t Team, f Facts, now time.Time) Decision {
	switch {
	case !t.Hours.Open(now):
		return Closed
	case f.Staffed > 0:
		return Queue
	case t.Callback.Enabled:
		return OfferCallback
	case t.Overflow != "":
		return MoveOn
	default:
		return Queue
	}
}

// Silence stands for the key of a caller who pressed none.
const Silence rune = 0

// MenuProgress counts the caller's wrong keys and silences in one menu.
type MenuProgress struct {
	Wrong  int // keys that the menu does not have
	Silent int // times that no key was pressed
}

// MenuStep is the step after a caller's answer to a menu.
type MenuStep string

// The steps.
const (
	StepGo         MenuStep = "go"           // to the returned target
	StepWrongKey   MenuStep = "wrong_key"    // say so and speak the menu again
	StepSpeakAgain MenuStep = "speak_again"  // no key was pressed: speak the menu again
	StepStayOnLine MenuStep = "stay_on_line" // enough: to the returned target, which is a person
)

// Choose gives the step after key in menu m. Doing nothing, and pressing wrong keys too often, both end at the target
// of staying on the line (domain.md, "The municipality and its number").
func (m Menu) Choose(p MenuProgress, key rune) (MenuStep, Target, MenuProgress) {
	if key == Silence {
		p.Silent++
		if p.Silent > m.Repeats {
			return StepStayOnLine, m.StayOnLine, p
		}
		return StepSpeakAgain, Target{}, p
	}
	if target, ok := m.Options[key]; ok {
		return StepGo, target, p
	}
	p.Wrong++
	if p.Wrong >= m.Tries {
		return StepStayOnLine, m.StayOnLine, p
	}
	return StepWrongKey, Target{}, p
}
