package config

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/bereikbaar/bereikbaar/call"
)

// Notify says who is told of callback notes, and how.
type Notify struct {
	Link     string // where browsers find the pages, without a slash at its end
	Number   bool   // messages hold the caller's number
	Story    bool   // messages hold the caller's name, subject and story
	SMTP     *SMTP  // nil for no mail
	Teams    map[call.TeamID]TeamNotify
	People   map[call.AgentID]PersonNotify
	Webhooks map[string]Webhook
}

// SMTP is the server that takes mail.
type SMTP struct {
	Host     string
	Port     int
	TLS      string         // starttls, tls, or none: that only on a loopback address
	Roots    *x509.CertPool // nil for those that the machine trusts
	From     string
	Name     string // of the sender, for people
	Username string // empty for none
	Password Secret
	Off      bool // its password, or the file of its authorities, cannot be used: mail waits
}

// TeamNotify says where a team is told, and of what: new, warning, overdue, daily.
type TeamNotify struct {
	Addresses []string
	Events    []string
}

// PersonNotify says of what a person is told: of the notes of teams, or of their own when there are none.
type PersonNotify struct {
	Events []string
	Teams  []call.TeamID
}

// Webhook is a program that is told.
type Webhook struct {
	URL          string // https, or http on a loopback address
	Secret       Secret // of Standard Webhooks: whsec_ and base64
	Municipality call.MunicipalityID
	Teams        []call.TeamID // empty for all of the municipality
	Events       []string
	Off          bool // its secret cannot be used: messages wait
}

// Key is the key of a webhook's signatures.
func (w Webhook) Key() []byte {
	key, _ := hookKey(w.Secret.Reveal()) // hookSecrets checked it
	return key
}

const hookPrefix = "whsec_"

// hookKey reads the secret of a webhook. Standard Webhooks wants 24 to 64 bytes.
func hookKey(secret string) ([]byte, bool) {
	text, ok := strings.CutPrefix(secret, hookPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	return key, ok && err == nil && len(key) >= 24 && len(key) <= 64
}

// notifyServer takes over all but the receivers.
func (b *builder) notifyServer() {
	f := b.form.Notify
	if f == nil {
		return
	}
	n := &Notify{
		Link: strings.TrimRight(f.Link, "/"), Number: f.Number, Story: f.Story, Teams: map[call.TeamID]TeamNotify{},
		People: map[call.AgentID]PersonNotify{}, Webhooks: map[string]Webhook{},
	}
	b.cfg.Notify = n
	if n.Link == "" && b.cfg.SignIn != nil && b.cfg.SignIn.Address != nil {
		n.Link = strings.TrimRight(b.cfg.SignIn.Address.String(), "/")
	}
	if n.Link == "" && !b.doc.spoilt("notify.link") && !b.doc.has("sign_in") { // a fault there is told there
		b.doc.problem("notify.link", "it is missing, and there are no pages to lead to",
			"add the address under which people find a note, such as link: https://bel.deventer.nl, or sign_in")
	}
	if s := f.SMTP; s != nil {
		n.SMTP = &SMTP{Host: s.Host, Port: s.Port, TLS: s.TLS, From: s.From, Name: s.Name, Username: s.Username}
		b.smtpTLS(s)
	}
}

func (b *builder) smtpTLS(s *smtpForm) {
	const key = "notify.smtp"
	if s.TLS == "none" && !loopback(s.Host) && !b.doc.spoilt(key+".host") {
		b.doc.problem(key+".tls", "mail about callers would go over the network in plain text",
			"write starttls or tls; none is for a server on 127.0.0.1")
	}
	if s.TLS == "none" && s.CAFile != "" {
		b.doc.problem(key+".tls_ca_file", "it counts only for a connection that is encrypted",
			"write tls: starttls, or leave it out")
	}
}

// smtpSecret reads the password and the authorities of the SMTP server.
func (b *builder) smtpSecret(getenv func(string) string) {
	if b.cfg.Notify == nil || b.cfg.Notify.SMTP == nil {
		return
	}
	const key = "notify.smtp"
	of, before := part{name: "mail"}, b.faults()
	f, s := b.form.Notify.SMTP, b.cfg.Notify.SMTP
	s.Password = b.secret(getenv, secretSource{
		key + ".password_file", "BEREIKBAAR_SMTP_PASSWORD", f.PasswordFile, f.Username != "", of,
	})
	if f.Username == "" && !s.Password.Empty() {
		b.wrong(of, key+".username", "it is missing, and there is a password for it", "add it, or leave both out",
			false)
	}
	if f.CAFile != "" && !b.doc.spoilt(key+".tls_ca_file") {
		b.smtpRoots(of, key+".tls_ca_file", f.CAFile)
	}
	s.Off = b.faults() > before
}

func (b *builder) smtpRoots(of part, key, path string) {
	text, err := readPEM(key, path)
	if fault, ok := err.(*TLSError); ok { //nolint:errorlint // readPEM returns no other
		b.wrong(of, fault.Key, fault.What, fault.how, fault.unseen)
		return
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		b.wrong(of, key, shown(path)+" holds no certificate",
			"write the certificates of the authority in it, in PEM", false)
	}
	b.cfg.Notify.SMTP.Roots = roots
}

// hookSecrets reads the secrets of the webhooks.
func (b *builder) hookSecrets(getenv func(string) string) {
	if b.cfg.Notify == nil {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(b.form.Notify.Webhooks)) {
		f, key := b.form.Notify.Webhooks[id], under("notify.webhooks", keyName(id))+".secret_file"
		if f.SecretFile == "" || b.doc.spoilt(key) {
			continue
		}
		of, before := part{name: "the webhook " + id}, b.faults()
		secret := b.secretFile(f.SecretFile, key, getenv, func(what, mend string, unseen bool) {
			b.wrong(of, key, what, mend, unseen)
		})
		if _, ok := hookKey(secret.Reveal()); !ok && !secret.Empty() {
			b.wrong(of, key, "it holds no secret of a webhook",
				`write whsec_ and 24 to 64 random bytes in base64 in it: echo "whsec_$(openssl rand -base64 32)"`, false)
		}
		b.cfg.Notify.Webhooks[id] = Webhook{Secret: secret, Off: b.faults() > before}
	}
}

// notifyReceivers takes over who is told, once teams and people are known.
func (b *builder) notifyReceivers() {
	b.notifyPeople()
	n := b.cfg.Notify
	if n == nil {
		return
	}
	b.notifyTeams(n)
	for _, id := range slices.Sorted(maps.Keys(b.form.Notify.Webhooks)) {
		f, key := b.form.Notify.Webhooks[id], under("notify.webhooks", keyName(id))
		w := n.Webhooks[id]
		w.URL, w.Municipality = f.URL, call.MunicipalityID(b.municipalityAt(key, f.Municipality))
		w.Teams, w.Events = b.toldTeams(key+".teams", f.Teams, w.Municipality), b.toldEvents(key, f.Events)
		n.Webhooks[id] = w
		if u, err := url.Parse(f.URL); err == nil && u.RawQuery != "" {
			b.doc.warn(key+".url", "it holds a query, which logs of servers keep",
				"leave it out if it is a password: messages are signed")
		}
	}
	if len(n.Teams)+len(n.People)+len(n.Webhooks) == 0 && !b.doc.spoilt("notify") {
		b.doc.warn("notify", "nobody is told of anything", "add teams, webhooks, or notify to a person")
	}
}

func (b *builder) notifyTeams(n *Notify) {
	for _, id := range b.inOrder("notify.teams", slices.Collect(maps.Keys(b.form.Notify.Teams))) {
		f, key := b.form.Notify.Teams[id], under("notify.teams", keyName(id))
		b.reference(key, "teams", id)
		b.needsMail(key)
		seen := map[string]bool{}
		for i, address := range f.Addresses {
			if seen[strings.ToLower(address)] {
				b.doc.problem(fmt.Sprintf("%s.addresses[%d]", key, i), shown(address)+" is here twice",
					"leave one of them out")
			}
			seen[strings.ToLower(address)] = true
		}
		n.Teams[call.TeamID(id)] = TeamNotify{Addresses: f.Addresses, Events: b.toldEvents(key, f.Events)}
	}
}

func (b *builder) notifyPeople() {
	for _, id := range slices.Sorted(maps.Keys(b.form.People)) {
		f, key := b.form.People[id].Notify, "people."+keyName(id)+".notify"
		if f == nil {
			continue
		}
		b.needsMail(key)
		p := b.cfg.People[call.AgentID(id)]
		if p.Email == "" && b.form.SignIn == nil && !b.doc.spoilt("people."+keyName(id)+".email") {
			b.doc.problem(key, "there is no address to write to", "add email to the person, or leave notify out")
		}
		if b.cfg.Notify != nil {
			b.cfg.Notify.People[p.ID] = PersonNotify{
				Events: b.toldEvents(key, f.Events), Teams: b.toldTeams(key+".teams", f.Teams, p.Municipality),
			}
		}
	}
}

// needsMail reports a receiver of mail when no server takes it.
func (b *builder) needsMail(key string) {
	if (b.cfg.Notify == nil || b.cfg.Notify.SMTP == nil) && !b.doc.spoilt("notify") && !b.doc.spoilt("notify.smtp") {
		b.doc.problem(key, "there is no server that takes mail", "add notify.smtp with a host and a sender")
	}
}

func (b *builder) toldTeams(key string, of []string, m call.MunicipalityID) []call.TeamID {
	var teams []call.TeamID
	for i, team := range of {
		at := fmt.Sprintf("%s[%d]", key, i)
		b.reference(at, "teams", team)
		if has := b.cfg.Plan.Teams[call.TeamID(team)].Municipality; has != "" && m != "" && has != m {
			b.doc.problem(at, fmt.Sprintf("%s is a team of %s, and this is about %s", team, has, m),
				"name a team of "+string(m))
		}
		if slices.Contains(teams, call.TeamID(team)) {
			b.doc.problem(at, shown(team)+" is here twice", "leave one of them out")
		}
		teams = append(teams, call.TeamID(team))
	}
	return teams
}

func (b *builder) toldEvents(key string, events []string) []string {
	if slices.Contains(events, "warning") && b.doc.has(key+".events") && b.cfg.Callbacks.WarnAfter == 0 {
		b.doc.warn(key+".events", "there is no warning: callbacks.warn_percent is 0", "leave warning out")
	}
	return events
}
