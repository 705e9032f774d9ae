package pages

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

// colleague is how people call somebody.
func (v *visit) colleague(id call.AgentID) string {
	switch {
	case id == "":
		return ""
	case id == v.who.Agent:
		return v.say("you")
	}
	return v.named(id)
}

func (v *visit) named(id call.AgentID) string {
	if name := v.pages.Directory.PersonName(v.m(), id); name != "" {
		return name
	}
	return string(id)
}

func (v *visit) team(id call.TeamID) string {
	if name := v.pages.Directory.TeamName(v.m(), id); name != "" {
		return name
	}
	return string(id)
}

// number is a number as the person may see it.
func (v *visit) number(n note.Note, of call.Number) string {
	switch {
	case !of.Known():
		return ""
	case v.who.MaySeeNumber(n):
		return strings.Join(of.Groups(), " ")
	}
	return of.String()
}

// urgency is how a note stands to its deadline.
type urgency struct {
	Kind  string // late, soon, time or done: also a shape
	Word  string
	Left  string // in working time
	Until string
}

// urgent tells how much time there is, in working time: people do not work at night.
func (v *visit) urgent(n note.Note) urgency {
	u := urgency{Kind: "time", Word: v.say("state.time"), Until: v.by(n.Deadline)}
	if !n.State.Live() {
		return urgency{Kind: "done", Word: v.say("state.done"), Until: u.Until}
	}
	if v.at.After(n.Deadline) {
		u.Kind, u.Word = "late", v.say("state.late")
		u.Left = v.say("late")
		if past := v.pages.Directory.Worked(n, n.Deadline, v.at); past > 0 {
			u.Left = v.say("late.by", v.roughly(past))
		}
		return u
	}
	if !n.Warn.IsZero() && v.at.After(n.Warn) {
		u.Kind, u.Word = "soon", v.say("state.soon")
	}
	u.Left = v.say("left.none")
	if left := v.pages.Directory.Worked(n, v.at, n.Deadline); left > 0 {
		u.Left = v.say("left", v.roughly(left))
	}
	return u
}

// has says who has a note, in a word or two.
func (v *visit) has(n note.Note) string {
	mine := n.Colleague == v.who.Agent && n.Colleague != ""
	switch {
	case n.State == note.Calling && mine:
		return v.say("is.minecalls")
	case n.State == note.Calling:
		return v.say("is.calling", v.named(n.Colleague))
	case n.State == note.Claimed && mine:
		return v.say("is.mine")
	case n.State == note.Claimed:
		return v.named(n.Colleague)
	case n.State == note.Open && n.Personal != "":
		return v.say("is.personal", v.colleague(n.Personal))
	case n.State == note.Open:
		return v.say("is.open")
	}
	return v.say("is." + string(n.State))
}

// standing says in a sentence how a note stands, and what can be done.
func (v *visit) standing(n note.Note) string {
	mine := n.Colleague == v.who.Agent && n.Colleague != ""
	switch n.State {
	case note.Open:
		switch {
		case n.Personal != "" && n.Personal != v.who.Agent:
			return v.say("now.personal", v.named(n.Personal))
		case v.who.Over(n).AtLeast(staff.Agent):
			return v.say("now.open")
		}
		return v.say("now.openread")
	case note.Claimed:
		if !mine {
			return v.say("now.theirs", v.named(n.Colleague), v.clock(n.Lease))
		}
		if spoken(n) {
			return v.say("now.reached")
		}
		return v.say("now.mine", v.clock(n.Lease))
	case note.Calling:
		_, going := n.Trying()
		switch {
		case !mine:
			return v.say("now.calls", v.named(n.Colleague))
		case going:
			return v.say("now.minecalls")
		}
		return v.say("now.ended")
	case note.Resolved:
		return v.say("now.resolved", v.when(n.Closed), lower(v.say("outcome."+string(n.Outcome))))
	case note.Cancelled:
		return v.say("now.cancelled", v.when(n.Closed))
	case note.Purged:
		return v.say("now.purged")
	case note.None:
	}
	return ""
}

// spoken reports whether the caller was reached since the note was last reopened.
func spoken(n note.Note) bool {
	for _, a := range n.Tries() {
		if a.Result == attempt.Reached {
			return true
		}
	}
	return false
}

// lower begins a text with a small letter.
func lower(s string) string {
	if s == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(first)) + s[size:]
}

// upper begins a text with a capital.
func upper(s string) string {
	if s == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

// subject is what a note is about.
func (v *visit) subject(n note.Note) string {
	if strings.TrimSpace(n.Subject) != "" {
		return n.Subject
	}
	return v.say("note.nosubject")
}

// best is when to try the caller next; empty for no moment.
func (v *visit) best(n note.Note) string {
	next := v.pages.Directory.Next(n, v.at)
	switch {
	case next.IsZero():
		return ""
	case !next.After(v.at.Add(time.Minute)):
		return v.say("note.now")
	}
	return v.when(next)
}

func (v *visit) window(n note.Note) string {
	if n.Window == (calendar.Span{}) {
		return ""
	}
	return v.say("note.between", v.hour(n.Window.From), v.hour(n.Window.To))
}

// name is how a note is named in an address: by its reference, or by its id when that is gone.
func name(n note.Note) string {
	if n.Reference != "" {
		return string(n.Reference)
	}
	return string(n.ID)
}

func href(n note.Note) string { return "/notes/" + name(n) }

// reference is a reference as people read it out, in two groups.
func reference(r note.Reference) string {
	if len(r) != note.ReferenceDigits {
		return string(r)
	}
	return string(r[:4]) + "\u00a0" + string(r[4:]) // it stays on one line
}

// step is one line of a history.
type step struct {
	Kind string
	At   time.Time
	When string
	By   note.Actor
	Who  string // in words
	Did  string
	Said string // in the actor's own words
}

// story is the history of a note, the newest first: what happened last is what a colleague looks for.
func (v *visit) story(events []note.Event) []step {
	steps := make([]step, 0, len(events))
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		s := step{Kind: string(e.Kind), At: e.At, By: e.Who, When: v.when(e.At), Did: v.did(e), Said: e.Reason}
		switch agent, ok := e.Who.Agent(); {
		case ok:
			s.Who = upper(v.colleague(agent))
		case e.Who == note.ByCaller:
			s.Who = v.say("by.caller")
		default:
			s.Who = v.say("by.system")
		}
		steps = append(steps, s)
	}
	return steps
}

// did says what happened, after the actor's name.
func (v *visit) did(e note.Event) string {
	switch e.Kind {
	case note.EventMade:
		if _, ok := e.Who.Agent(); ok {
			return v.say("did.madefor")
		}
	case note.EventReleased:
		switch e.Cause {
		case note.ReleaseLapsed:
			return v.say("did.lapsed")
		case note.ReleaseAbsent:
			return v.say("did.absent")
		case note.ReleaseByHand:
		}
	case note.EventRerouted:
		return v.say("did.rerouted", v.team(e.Team))
	case note.EventAttemptDialled:
		return v.say("did.attempt_dialled", v.line(e.Line, e.Talked))
	case note.EventAttemptEnded:
		return v.say("did.attempt_ended", lower(v.say("result."+string(e.Result))))
	case note.EventResolved:
		norm := "norm.missed"
		if e.NormMet {
			norm = "norm.met"
		}
		return v.say("did.resolved", lower(v.say("outcome."+string(e.Outcome)))+", "+v.say(norm))
	default: // needs no more words
	}
	return v.say("did." + string(e.Kind))
}

func (v *visit) line(l attempt.LineResult, talked time.Duration) string {
	text := v.say("line." + string(l))
	if talked >= time.Second {
		text += ", " + v.say("talked", v.long(talked))
	}
	return text
}

// stage says how far the call is that the person asked for; empty when none goes on.
func (v *visit) stage(n note.Note) string {
	of, stage := v.pages.Phone.Stage(v.who.Agent)
	if of != n.ID || stage == StageNone {
		return ""
	}
	// the caller has gone, and the colleague's phone is still up
	if _, going := n.Trying(); stage != StageDesk && !going {
		return ""
	}
	return v.say("stage." + string(stage))
}

func (v *visit) times(n int) string {
	if n == 1 {
		return v.say("note.once")
	}
	return v.say("note.times", n)
}
