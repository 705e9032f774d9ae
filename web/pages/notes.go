package pages

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

// act is something that a person can do with a note.
type act struct {
	// may reports whether the page offers it. The note's own rules decide.
	may func(v *visit, n note.Note) bool
	do  func(v *visit, n note.Note, s callback.Step) (note.Note, error)
	// held keeps it with the colleague who has the note, unless a team lead decides.
	held  bool
	least staff.Role // over the note; an agent when empty
	says  string     // the text field that it has; empty for none
}

func mine(v *visit, n note.Note) bool { return n.State.Held() && n.Colleague == v.who.Agent }

// acts are all of them, by their part of the address.
var acts map[string]act

func init() { // the acts use what looks at them
	acts = map[string]act{
		"claim": {
			may: func(v *visit, n note.Note) bool {
				return n.State == note.Open && (n.Personal == "" || n.Personal == v.who.Agent)
			},
			do: func(v *visit, _ note.Note, s callback.Step) (note.Note, error) {
				return v.pages.Work.Claim(v.Context(), s)
			},
		},
		"renew": {
			may: func(v *visit, n note.Note) bool { return mine(v, n) },
			do: func(v *visit, _ note.Note, s callback.Step) (note.Note, error) {
				return v.pages.Work.Renew(v.Context(), s)
			},
		},
		"release": {
			may: func(_ *visit, n note.Note) bool {
				return n.State.Held() || n.State == note.Open && n.Personal != ""
			},
			do: func(v *visit, _ note.Note, s callback.Step) (note.Note, error) {
				return v.pages.Work.Release(v.Context(), s, v.said("reason"))
			},
			held: true, says: "reason",
		},
		"call": {
			may: func(v *visit, n note.Note) bool { return v.who.MayCall(n) },
			do: func(v *visit, n note.Note, _ callback.Step) (note.Note, error) {
				return n, v.pages.Phone.CallBack(n)
			},
		},
		"start": {
			may: func(v *visit, n note.Note) bool { return v.who.MayCall(n) },
			do: func(v *visit, n note.Note, s callback.Step) (note.Note, error) {
				if err := v.pages.Phone.Check(n); err != nil {
					return n, err
				}
				return v.pages.Work.StartAttempt(v.Context(), s, "")
			},
		},
		"end": {
			may: func(v *visit, n note.Note) bool { return n.State == note.Calling && mine(v, n) },
			do: func(v *visit, n note.Note, s callback.Step) (note.Note, error) {
				result := attempt.Result(v.PostFormValue("result"))
				if !slices.Contains(attempt.Results(), result) {
					return n, v.wrongField("result", "err.choose")
				}
				return v.pages.Work.EndAttempt(v.Context(), s, attempt.LineUnknown, 0, result)
			},
		},
		"comment": {
			may: func(_ *visit, n note.Note) bool { return n.State != note.Purged },
			do: func(v *visit, n note.Note, s callback.Step) (note.Note, error) {
				if v.said("text") == "" {
					return n, v.wrongField("text", "err.empty")
				}
				return v.pages.Work.Comment(v.Context(), s, v.said("text"))
			},
			says: "text",
		},
		"raise": {
			may: func(_ *visit, n note.Note) bool { return n.State.Live() && n.Priority < note.MaxPriority },
			do: func(v *visit, _ note.Note, s callback.Step) (note.Note, error) {
				return v.pages.Work.Raise(v.Context(), s, v.said("reason"))
			},
			says: "reason",
		},
		"reroute": {
			may: func(_ *visit, n note.Note) bool { return n.State == note.Open || n.State == note.Claimed },
			do: func(v *visit, n note.Note, s callback.Step) (note.Note, error) {
				to, ok := v.teamNamed(v.PostFormValue("team"))
				switch {
				case !ok:
					return n, v.wrongField("team", "err.team")
				case to == n.Team:
					return n, v.wrongField("team", "err.same")
				case v.said("reason") == "":
					return n, v.wrongField("reason", "err.empty")
				}
				return v.pages.Work.Reroute(v.Context(), s, to, v.said("reason"))
			},
			held: true, says: "reason",
		},
		"resolve": {
			may: func(v *visit, n note.Note) bool { return len(v.outcomes(n)) > 0 },
			do: func(v *visit, n note.Note, s callback.Step) (note.Note, error) {
				switch outcome := note.Outcome(v.PostFormValue("outcome")); {
				case !slices.Contains(note.Outcomes(), outcome):
					return n, v.wrongField("outcome", "err.choose")
				case outcome == note.Settled:
					return v.pages.Work.Settle(
						v.Context(), s, v.pages.Phone.CallAbout(v.who.Agent, n.Reference), v.said("reason"),
					)
				default:
					return v.pages.Work.Resolve(v.Context(), s, outcome, v.said("reason"))
				}
			},
			says: "reason",
		},
		"cancel": {
			may: func(_ *visit, n note.Note) bool { return n.State.Live() },
			do: func(v *visit, _ note.Note, s callback.Step) (note.Note, error) {
				return v.pages.Work.Cancel(v.Context(), s, v.said("reason"))
			},
			says: "reason",
		},
		"reopen": {
			may: func(_ *visit, n note.Note) bool { return n.State == note.Resolved || n.State == note.Cancelled },
			do: func(v *visit, _ note.Note, s callback.Step) (note.Note, error) {
				return v.pages.Work.Reopen(v.Context(), s, v.said("reason"))
			},
			least: staff.Lead, says: "reason",
		},
	}
}

// said is a text that the person typed, with the line ends of a note: browsers send those of DOS.
func (v *visit) said(field string) string {
	return strings.TrimSpace(strings.ReplaceAll(v.PostFormValue(field), "\r\n", "\n"))
}

// may reports whether a page offers an act.
func (v *visit) may(n note.Note, name string) bool {
	a := acts[name]
	least := staff.Agent.Higher(a.least)
	return v.who.Over(n).AtLeast(least) && (!a.held || v.who.MayMove(n)) && a.may(v, n)
}

// outcomes are the ways in which the person can resolve a note now.
func (v *visit) outcomes(n note.Note) []note.Outcome {
	switch {
	case n.State == note.Open:
		return []note.Outcome{note.Settled}
	case n.State == note.Claimed && mine(v, n) && spoken(n):
		return []note.Outcome{note.Reached, note.Settled}
	case n.State == note.Claimed && mine(v, n):
		return []note.Outcome{note.Settled, note.Unreached}
	}
	return nil
}

// teamNamed finds a team of the municipality by what somebody typed: its name or its id, or a beginning of its name
// that no other has.
func (v *visit) teamNamed(typed string) (call.TeamID, bool) {
	typed = strings.ToLower(strings.Join(strings.Fields(typed), " "))
	var begins []call.TeamID
	for _, id := range v.pages.Directory.Teams(v.m()) {
		name := strings.ToLower(v.team(id))
		if typed == name || typed == strings.ToLower(string(id)) {
			return id, true
		}
		if typed != "" && strings.HasPrefix(name, typed) {
			begins = append(begins, id)
		}
	}
	if len(begins) != 1 {
		return "", false
	}
	return begins[0], true
}

// allTeams are those that a note can go to, by name.
func (v *visit) allTeams() []call.TeamID {
	teams := slices.Clone(v.pages.Directory.Teams(v.m()))
	slices.SortFunc(teams, func(a, b call.TeamID) int { return cmp.Compare(v.team(a), v.team(b)) })
	return teams
}

// noted is the page of a note.
type noted struct {
	note.Note
	urgency
	Events []step
	Unread bool   // a part of the history
	Form   string // the act whose form is open
	Wrong  *problem
	typed  url.Values // what was typed into that form
}

// value is what was typed into a field of a form.
func (p noted) value(form, field string) string {
	if p.Form != form {
		return ""
	}
	return p.typed.Get(field)
}

// wrong is the mistake in a field of a form; empty for none.
func (p noted) wrong(form, field string) string {
	if p.Form != form || p.Wrong == nil || p.Wrong.field != field {
		return ""
	}
	return p.Wrong.text
}

// find gives the note that the address names. One that the person may not see is as absent as one that is not there.
func (v *visit) find() (note.Note, error) {
	n, err := listing.Named(v.Context(), v.pages.Reader, v.m(), v.PathValue("note"))
	if errors.Is(err, note.ErrReference) {
		return n, errGone
	}
	if err != nil {
		return n, err
	}
	if !v.who.MayRead(n) {
		return note.Note{}, errGone
	}
	v.notes = append(v.notes, n.ID)
	return n, nil
}

// page joins what the page of a note shows.
func (v *visit) page(n note.Note) (noted, error) {
	events, err := v.pages.Reader.Events(v.Context(), v.m(), n.ID)
	unread, err := v.readable(err)
	if err != nil {
		return noted{}, err
	}
	v.follow = follow{ask: "/live" + href(n), note: n.ID}
	return noted{Note: n, urgency: v.urgent(n), Events: v.story(events), Unread: unread}, nil
}

func (p *Pages) showNote(v *visit) error {
	n, err := v.find()
	if err != nil {
		return err
	}
	page, err := v.page(n)
	if err != nil {
		return err
	}
	page.Form = v.FormValue("form")
	v.message = v.outcome(n)
	return v.render(v.notePage(page))
}

// outcome is what is said after a change, which led here.
func (v *visit) outcome(n note.Note) *message {
	done := v.done()
	if _, ok := acts[done]; !ok {
		return nil
	}
	text := v.say("done." + done)
	switch done {
	case "call":
		v.called = strconv.Itoa(len(n.Attempts))
	case "reroute":
		text = v.say("done.reroute", v.team(n.Team))
	case "end":
		tries := n.Tries()
		if len(tries) == 0 {
			return nil
		}
		text = v.say("done.end", lower(v.say("result."+string(tries[len(tries)-1].Result))))
	}
	return &message{"ok", text}
}

// change carries out an act for the version that the person has seen.
func (p *Pages) change(v *visit) error {
	name := v.PathValue("act")
	a, ok := acts[name]
	if !ok {
		return errGone
	}
	n, err := v.find()
	if err != nil {
		return err
	}
	saw, err := strconv.ParseUint(v.PostFormValue("ver"), 10, 64)
	if err != nil || saw == 0 {
		return v.wrongField("ver", "refused.request")
	}
	if !v.who.Over(n).AtLeast(staff.Agent.Higher(a.least)) {
		return errRole
	}
	if n.Ver != saw && !v.harmless(n, saw, name) { // before any rule: it is about a note that they have not seen
		return v.conflict(n, name)
	}
	if a.held && !v.who.MayMove(n) {
		has := v.named(n.Holder())
		return v.again(n, name, &problem{403, v.say("err.holder", has, has), ""})
	}
	if !a.may(v, n) { // the page did not offer it
		return v.again(n, name, &problem{409, v.say("err.state", v.standing(n)), ""})
	}
	if a.says != "" && utf8.RuneCountInString(v.said(a.says)) > note.MaxReason {
		return v.again(n, name, v.wrongField(a.says, "err.long", note.MaxReason))
	}
	after, err := a.do(v, n, callback.Step{
		Municipality: n.Municipality, Note: n.ID, Ver: n.Ver, Who: note.ByAgent(v.who.Agent), At: v.at,
	})
	var stale *note.StaleError
	switch {
	case errors.As(err, &stale):
		if now, err := p.Reader.Note(v.Context(), v.m(), n.ID); err == nil {
			n = now
		}
		return v.conflict(n, name)
	case err != nil:
		problem := v.problemOf(err)
		if problem.status >= 500 {
			return err
		}
		return v.again(n, name, problem)
	}
	if !v.who.MayRead(after) { // it is another team's now
		return v.leave("/?done=" + name)
	}
	return v.redirect(href(after) + "?done=" + name)
}

// harmless reports whether what happened to a note since somebody saw it takes nothing from what they want to do: a
// mark of time, or anything before a comment.
func (v *visit) harmless(n note.Note, saw uint64, name string) bool {
	if name == "comment" {
		return n.Ver > saw
	}
	events, err := v.pages.Reader.Events(v.Context(), v.m(), n.ID)
	if err != nil || n.Ver < saw || uint64(len(events)) < n.Ver {
		return false
	}
	return !slices.ContainsFunc(events[saw:n.Ver], func(e note.Event) bool {
		return e.Kind != note.EventWarned && e.Kind != note.EventOverdue
	})
}

// conflict says who was first, and keeps what was typed.
func (v *visit) conflict(n note.Note, name string) error {
	page, err := v.page(n)
	if err != nil {
		return err
	}
	text := v.say("err.stale")
	if len(page.Events) > 0 {
		switch last := page.Events[0]; {
		case last.By == note.ByAgent(v.who.Agent):
			text = v.say("err.yourself", last.Did, last.When)
		default:
			text = v.say("err.first", last.Who, last.Did, last.When)
		}
	}
	return v.showAgain(page, name, &problem{409, text, ""})
}

// again shows the note with the form as it was filled in, and what is wrong with it.
func (v *visit) again(n note.Note, name string, wrong *problem) error {
	page, err := v.page(n)
	if err != nil {
		return err
	}
	return v.showAgain(page, name, wrong)
}

func (v *visit) showAgain(page noted, name string, wrong *problem) error {
	page.Form, page.Wrong, page.typed = name, wrong, v.PostForm
	v.status = wrong.status
	v.message = &message{"error", wrong.text}
	return v.render(v.notePage(page))
}
