package pages

import (
	"net/http"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/bereikbaar/bereikbaar/web/access"
)

// shortcuts are the keys that work on every page, as the script knows them.
var shortcuts = []struct{ Key, Does string }{
	{"?", "keys.help"},
	{"g", "keys.list"},
	{"n", "keys.new"},
	{"/", "keys.search"},
	{"j", "keys.next"},
	{"k", "keys.previous"},
	{"p", "keys.claim"},
	{"b", "keys.call"},
	{"u", "keys.outcome"},
	{"a", "keys.resolve"},
	{"d", "keys.reroute"},
	{"o", "keys.comment"},
}

// textField is a field for more than a line.
type textField struct {
	ID, Name, Label, Value, Wrong string
	Required                      bool
	Most                          int // characters
}

// lineField is a field of one line.
type lineField struct {
	ID, Name, Label, Value, Wrong, Help string
	Kind                                string // of the input; empty for text
	Optional                            bool
	List                                string // the id of a datalist; empty for none
	Complete                            string // what a browser may fill in; empty for nothing
	Mode                                string // of an on-screen keyboard; empty for letters
	Most                                int    // characters; 0 for no limit
	Focus                               bool
}

func (f lineField) kind() string {
	if f.Kind == "" {
		return "text"
	}
	return f.Kind
}

// more are the attributes that not every field has.
func (f lineField) more() templ.Attributes {
	a := templ.Attributes{"autocomplete": "off"}
	if f.Complete != "" {
		a["autocomplete"] = f.Complete
	}
	if f.List != "" {
		a["list"] = f.List
	}
	if f.Mode != "" {
		a["inputmode"] = f.Mode
	}
	if f.Most > 0 {
		a["maxlength"] = strconv.Itoa(f.Most)
	}
	if f.Focus {
		a["autofocus"] = true
	}
	about := ""
	if f.Help != "" {
		about += f.ID + "-help "
	}
	if f.Wrong != "" {
		about += f.ID + "-wrong"
	}
	if about != "" {
		a["aria-describedby"] = about
	}
	return a
}

// current marks the part of the menu that is shown.
func current(v *visit, path string) string {
	if v.URL.Path == path && v.status < http.StatusBadRequest {
		return "page"
	}
	return "false"
}

// role is how a message is announced: an error at once.
func role(kind string) string {
	if kind == "error" {
		return "alert"
	}
	return "status"
}

// done names the form whose text has arrived, for the script that keeps drafts.
func done(v *visit) string {
	if v.message == nil || v.message.Kind != "ok" {
		return ""
	}
	return v.PathValue("note") + "/" + v.done()
}

// done is what a change that led here was. An address that somebody sent, or wrote, says nothing: the browser tells
// whether it comes from a page of ours.
func (v *visit) done() string {
	if v.Request.Header.Get("Sec-Fetch-Site") != "same-origin" {
		return ""
	}
	return v.FormValue("done")
}

// session says when the session ends, in seconds from now, for the script that warns.
func (v *visit) session() templ.Attributes {
	a := templ.Attributes{
		"data-back": v.say("live.back"), "data-draft": v.say("draft"), "data-changed": v.say("live.changed"),
	}
	if v.who.Agent != "" {
		a["data-who"] = string(v.who.Agent)
	}
	s := access.SessionOf(v.Context())
	if !s.Ends.IsZero() {
		a["data-ends"] = strconv.Itoa(int(s.Ends.Sub(v.at) / time.Second))
	}
	if !s.Last.IsZero() {
		a["data-last"] = strconv.Itoa(int(s.Last.Sub(v.at) / time.Second))
	}
	return a
}

// longer reports whether a value is a text that somebody wrote, rather than a choice.
func longer(f field) bool { return f.Name == "reason" || f.Name == "text" || f.Name == "subject" }

// fieldName names a field of any form.
func (v *visit) fieldName(name string) string {
	switch name {
	case "subject":
		return v.say("new.subject")
	case "text":
		return v.say("say.comment")
	}
	return v.say("new.reason")
}

// teamNames are the teams for a field to choose one.
func (v *visit) teamNames() []string {
	ids := v.allTeams()
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = v.team(id)
	}
	return names
}

// swaps let a form replace the page's content instead of loading the page anew, where there is script.
func swaps(to string) templ.Attributes {
	return templ.Attributes{
		"data-hx-post": to, "data-hx-target": "#main", "data-hx-select": "#main", "data-hx-swap": "outerHTML",
	}
}

// keyOf is the shortcut that opens a part.
func keyOf(act string) string {
	return map[string]string{"comment": "o", "resolve": "a", "reroute": "d"}[act]
}
