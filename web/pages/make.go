package pages

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
)

// making is the form for a note by hand.
type making struct {
	Key      string // the same form sent twice makes one note
	Number   string
	Name     string // of the person to ask for
	Team     string
	Subject  string
	Reason   string
	Window   string
	Language string
	Separate bool
	Wrong    *problem
}

// wrong is the mistake in a field; empty for none.
func (m making) wrong(field string) string {
	if m.Wrong == nil || m.Wrong.field != field {
		return ""
	}
	return m.Wrong.text
}

// windows are the parts of the day that can be chosen, by their name in the catalogue.
var windows = []struct{ Name, Span string }{
	{"new.any", ""}, {"new.morning", "09:00-12:00"}, {"new.afternoon", "12:00-17:00"},
}

// receipt is what may be told to the caller, and no more: another team may have the note already.
type receipt struct {
	note.Note
	Merged bool
	Mine   bool // the person may see it
}

func (p *Pages) newNote(v *visit) error {
	return v.render(v.newPage(making{
		Key: ulid.Make().String(), Number: v.FormValue("number"), Language: p.Directory.Language(v.m()),
	}))
}

func (p *Pages) makeNote(v *visit) error {
	m := making{
		Key: v.PostFormValue("key"), Number: v.PostFormValue("number"),
		Name: strings.TrimSpace(v.PostFormValue("name")), Team: v.PostFormValue("team"),
		Subject: strings.TrimSpace(v.PostFormValue("subject")), Reason: v.said("reason"),
		Window: v.PostFormValue("window"), Language: v.PostFormValue("language"),
		Separate: v.PostFormValue("separate") != "",
	}
	request, wrong := v.request(m)
	if wrong != nil {
		return v.newAgain(m, wrong)
	}
	n, how, err := p.Promises.Promise(v.Context(), request)
	if err != nil {
		if wrong := v.problemOf(err); wrong.status < 500 {
			return v.newAgain(m, wrong)
		}
		return err
	}
	v.notes = append(v.notes, n.ID)
	if how == callback.Reused {
		return v.newAgain(m, &problem{http.StatusConflict, v.say("err.reused", reference(n.Reference)), ""})
	}
	to := "/notes/" + string(n.ID) + "/receipt"
	if how == callback.Merged {
		to += "?merged=1"
	}
	return v.redirect(to)
}

// showReceipt shows what may be told to the caller of a note that the person asked for, also when they may not see the
// note itself.
func (p *Pages) showReceipt(v *visit) error {
	n, err := listing.Named(v.Context(), p.Reader, v.m(), v.PathValue("note"))
	if errors.Is(err, note.ErrReference) {
		return errGone
	}
	if err != nil {
		return err
	}
	events, err := p.Reader.Events(v.Context(), v.m(), n.ID)
	if err != nil {
		return err
	}
	asked := func(e note.Event) bool {
		return (e.Kind == note.EventMade || e.Kind == note.EventMerged) && e.Who == note.ByAgent(v.who.Agent)
	}
	if !slices.ContainsFunc(events, asked) {
		return errGone
	}
	v.notes = append(v.notes, n.ID)
	return v.render(v.receiptPage(receipt{n, v.FormValue("merged") != "", v.who.MayRead(n)}))
}

// promise is what to say to the caller.
func (v *visit) promise(n note.Note) string {
	if !n.Deadline.After(v.at) {
		return v.say("new.late", reference(n.Reference))
	}
	return v.say("new.promise", v.by(n.Deadline), reference(n.Reference))
}

// newDraft names what is typed into the form, for the script that keeps it: of one number's caller it comes back for no
// other.
func (v *visit) newDraft() string {
	if number := v.URL.Query().Get("number"); number != "" {
		return "new/" + number
	}
	return "new"
}

func (v *visit) newAgain(m making, wrong *problem) error {
	m.Wrong, v.status = wrong, wrong.status
	v.message = &message{"error", wrong.text}
	return v.render(v.newPage(m))
}

// request is what the form asks for.
func (v *visit) request(m making) (callback.Request, *problem) {
	r := callback.Request{
		At: v.at, Who: note.ByAgent(v.who.Agent), Municipality: v.m(), Subject: m.Subject, Reason: m.Reason,
		Language: m.Language, Separate: m.Separate, Name: m.Name,
	}
	if _, err := ulid.ParseStrict(m.Key); err != nil {
		return r, v.wrongField("", "refused.request")
	}
	r.Key = note.Key("page/" + string(v.who.Agent) + "/" + m.Key)
	var err error
	if r.Number, err = call.ParseTyped(m.Number); err != nil {
		return r, v.wrongField("number", "err.number")
	}
	var ok bool
	if r.Team, ok = v.teamNamed(m.Team); !ok {
		return r, v.wrongField("team", "err.team")
	}
	if utf8.RuneCountInString(m.Name) > note.MaxName {
		return r, v.wrongField("name", "err.long", note.MaxName)
	}
	if utf8.RuneCountInString(m.Subject) > note.MaxSubject {
		return r, v.wrongField("subject", "err.long", note.MaxSubject)
	}
	if utf8.RuneCountInString(m.Reason) > note.MaxReason {
		return r, v.wrongField("reason", "err.long", note.MaxReason)
	}
	if m.Window != "" {
		if r.Window, err = calendar.ParseSpan(m.Window); err != nil {
			return r, v.wrongField("window", "err.window")
		}
	}
	if r.Language == "" {
		r.Language = v.pages.Directory.Language(v.m())
	}
	if !slices.Contains(languages, r.Language) {
		return r, v.wrongField("language", "refused.request")
	}
	return r, nil
}
