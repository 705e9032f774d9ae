package signin_test

import (
	"context"
	"html/template"
	"io"
	"net/http"

	"github.com/bereikbaar/bereikbaar/signin"
)

// forms are plain pages: what stands on them is easy to find again.
type forms struct{}

type plain struct {
	name string
	data any
}

func (p plain) Render(_ context.Context, w io.Writer) error {
	return plainPages.ExecuteTemplate(w, p.name, p.data)
}

func (forms) SignIn(_ *http.Request, f signin.SignInForm) signin.Page { return plain{"sign-in", f} }
func (forms) Code(_ *http.Request, f signin.CodeForm) signin.Page     { return plain{"code", f} }
func (forms) First(_ *http.Request, f signin.FirstForm) signin.Page   { return plain{"first", f} }
func (forms) Told(_ *http.Request, t signin.Told) signin.Page         { return plain{"told", t} }

var plainPages = template.Must(template.New("").Parse(`
{{define "sign-in"}}<h1>sign in</h1><p id=reason>{{.Reason}}</p>
{{if .Accounts}}<form method=post action="/sign-in"><input name=id value="{{.ID}}"><input name=password type=password>
<input name=next value="{{.Next}}" type=hidden></form>{{end}}
{{if .Provider}}<a href="{{.Provider}}">{{.Name}}</a>{{end}}{{end}}
{{define "code"}}<h1>code</h1><p id=reason>{{.Reason}}</p><form method=post><input name=code></form>{{end}}
{{define "first"}}<h1>first</h1><p id=reason>{{.Reason}}</p><p id=problem>{{.Problem}}</p><p>{{.Called}} {{.ID}}</p>
{{with .Enrolment}}<p id=secret>{{.Secret}}</p><img alt="{{.Image}}">{{end}}
<form method=post><input name=setup value="{{.Setup}}"></form>{{end}}
{{define "told"}}<h1>told</h1><p id=reason>{{.Reason}}</p>{{if .SessionOver}}<p>session over</p>{{end}}<a href="{{.On}}">on</a>{{end}}
`))
