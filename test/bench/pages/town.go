package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
	"github.com/bereikbaar/bereikbaar/test/bench/fill"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// The kinds of people. Everybody reads the notes of the contact centre, so that a change there concerns all.
const (
	ofOneTeam   = "one team" // and the contact centre
	ofSomeTeams = "twelve teams"
	ofAllTeams  = "every team"
)

// some is how many teams somebody of several teams is in: enough to fill a page at the small scale.
const some = 12

func kinds() []string { return []string{ofOneTeam, ofSomeTeams, ofAllTeams} }

// person is one of the made-up people, who has signed in.
type person struct {
	id     call.AgentID
	kind   string
	cookie *http.Cookie
}

// everybody makes up the people.
func everybody(p plan) []*person {
	all := make([]*person, p.People)
	for i := range all {
		all[i] = &person{id: call.AgentID(fmt.Sprintf("p%03d", i)), kind: ofOneTeam}
		switch {
		case i%40 == 7:
			all[i].kind = ofAllTeams
		case i%5 == 0:
			all[i].kind = ofSomeTeams
		}
	}
	return all
}

// centre is the team that is the contact centre.
const centre call.TeamID = "team0"

// roles are those of the i-th person, as YAML.
func roles(p plan, i int, kind string) string {
	if kind == ofAllTeams {
		return `{"*": agent}`
	}
	in := 1
	if kind == ofSomeTeams {
		in = some
	}
	all := map[call.TeamID]staff.Role{centre: staff.Reader}
	for n := range in {
		all[fill.Team(p.Large, i+n)] = staff.Agent
	}
	text, _ := json.Marshal(all) // which YAML reads
	return string(text)
}

// settings is the configuration of a daemon. Nothing answers as Asterisk: the pages work without.
func settings(p plan, s *subject, people []*person) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
ari: {url: "ws://127.0.0.1:9/ari/events"}
redis: {address: %s, username: %s}
listen: {operations: "%s", web: "%s"}
sign_in: {local: {enabled: true, codes: false}}
state: {directory: %[5]s}
prompts: {directory: %[5]s}
log: {level: warn}
municipalities:
  %[6]s:
    name: Deventer
    contact: %[7]s
    caller_id: "+31140570"
    hours: {weekdays: ["09:00-17:00"]}
entries:
  - {number: "140570", first: {team: %[7]s}}
agents:
  p000: {endpoint: PJSIP/p000}
teams:
`, s.redis.Addr, redistest.User, s.operations, s.web, s.dir, fill.Town, centre)
	for i := range p.Large.Teams {
		fmt.Fprintf(&b, "  %s: {name: Team %d Dienstverlening, members: [p000]}\n", fill.Team(p.Large, i), i)
	}
	b.WriteString("people:\n")
	for i, who := range people {
		fmt.Fprintf(&b, "  %s: {name: Collega %d, roles: %s}\n", who.id, i, roles(p, i, who.kind))
	}
	return b.String()
}

const password = "drie fietsen op de brug"

// signIn signs somebody in by a first-run link, as everybody begins.
func (s *subject) signIn(ctx context.Context, who *person) error {
	a, token := signin.NewLink(signin.Account{
		Person: who.id, Municipality: fill.Town, Made: time.Now().UTC().Truncate(time.Second),
	}, time.Now())
	if err := s.store.ChangeAccount(ctx, nil, &a); err != nil {
		return err
	}
	form := url.Values{"password": {password}, "again": {password}, "setup": {""}}
	is, err := s.post(ctx, nil, signin.FirstRunPath(token), form)
	for tries := 1; is.status == http.StatusServiceUnavailable && tries < 10; tries++ { // the machine is busy
		time.Sleep(time.Second)
		is, err = s.post(ctx, nil, signin.FirstRunPath(token), form)
	}
	if err != nil {
		return fmt.Errorf("sign %s in: %w", who.id, err)
	}
	for _, c := range is.cookies {
		if c.Name == "bereikbaar" {
			who.cookie = &http.Cookie{Name: c.Name, Value: c.Value}
			return nil
		}
	}
	return fmt.Errorf("sign %s in: status %d, and no session", who.id, is.status)
}

// welcome lets somebody who signed in at another daemon in here too, by the same account and session: hashing each
// password twice would take a minute.
func (s *subject) welcome(ctx context.Context, who *person, from *subject) error {
	a, _, err := from.store.Account(ctx, fill.Town, who.id)
	if err != nil {
		return err
	}
	key := signin.SessionKey(who.cookie.Value)
	data, left, found, err := from.store.Sessions().Peek(ctx, key)
	if err != nil || !found {
		return fmt.Errorf("the session of %s is not there: %w", who.id, err)
	}
	return errors.Join(
		s.store.SignOut(ctx, fill.Town, who.id), // as using the link did
		s.store.ChangeAccount(ctx, nil, &a),
		s.store.Sessions().CommitCtx(ctx, key, data, time.Now().Add(left)),
	)
}
