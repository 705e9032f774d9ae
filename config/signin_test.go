package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/staff"
)

func withLines(t *testing.T, lines string) string {
	t.Helper()
	return write(t, changed(t, smallest, "agents:", lines+"\nagents:"))
}

func TestHowPeopleSignIn(t *testing.T) {
	cfg, err := config.Load(withLines(t, `
sign_in:
  address: https://bel.deventer.nl
  idle: 20m
  local: {enabled: true}
  oidc:
    issuer: https://login.deventer.nl/realms/gemeente
    client_id: bereikbaar
    name: Gemeente Deventer
    claims: {groups: realm_access.roles}
    groups:
      - {name: KCC Leads, roles: {kcc: lead}}
      - {name: /ict/beheer, roles: {"*": admin}}
people:
  anouk: {name: Anouk de Vries, email: a.devries@deventer.nl, language: nl, phone: PJSIP/1234, roles: {kcc: lead}}
  kcc1: {roles: {"*": reader}}
  cem.kaya: {name: Cem}
`), environment("BEREIKBAAR_ARI_PASSWORD", "x7", "BEREIKBAAR_OIDC_SECRET", "s3cret9\n"))
	require.NoError(t, err)
	require.Empty(t, cfg.Warnings)
	s := cfg.SignIn
	require.Equal(t, "https://bel.deventer.nl", s.Address.String())
	require.Equal(t, 20*time.Minute, s.Idle)
	require.Equal(t, 10*time.Hour, s.Longest)
	require.True(t, s.Local)
	require.False(t, s.WithoutCodes)
	require.Equal(t, "s3cret9", s.OIDC.ClientSecret.Reveal())
	require.Equal(t, config.Claims{"preferred_username", "name", "email", "realm_access.roles"}, s.OIDC.Claims)
	require.Equal(t, []string{"profile", "email"}, s.OIDC.Scopes)
	require.Equal(t, call.MunicipalityID("deventer"), s.OIDC.Municipality)
	require.Equal(t, map[string]map[call.TeamID]staff.Role{
		"KCC Leads": {"kcc": staff.Lead}, "/ict/beheer": {"*": staff.Admin},
	}, s.OIDC.Groups)

	p, ok := cfg.Person("deventer", "anouk")
	require.True(t, ok)
	require.Equal(t, staff.Person{
		ID: "anouk", Municipality: "deventer", Name: "Anouk de Vries", Email: "a.devries@deventer.nl", Language: "nl",
		Phone: "PJSIP/1234", Roles: map[call.TeamID]staff.Role{"kcc": staff.Lead},
	}, p)
	p, ok = cfg.Person("deventer", "kcc1")
	require.True(t, ok)
	require.Equal(t, "PJSIP/kcc1", p.Phone, "an agent's phone is under agents")
	_, ok = cfg.Person("deventer", "cem.kaya")
	require.True(t, ok)
	_, ok = cfg.Person("raalte", "anouk")
	require.False(t, ok)

	cfg, err = config.Load(withLines(t, "sign_in: {local: {enabled: true, codes: false}}"), nil)
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:8570", cfg.SignIn.Address.String())
	require.True(t, cfg.SignIn.WithoutCodes)
	p, ok = cfg.Person("deventer", "kcc1")
	require.True(t, ok)
	require.Equal(
		t, staff.Person{ID: "kcc1", Municipality: "deventer", Phone: "PJSIP/kcc1"}, p, "an agent without more",
	)
	cfg, err = config.Load(withLines(t, "look: {logo: /etc/x/logo.svg, fonts: [/etc/x/a.woff2]}"), nil)
	require.NoError(t, err)
	require.Nil(t, cfg.SignIn)
	require.Equal(t, config.Look{Logo: "/etc/x/logo.svg", Fonts: []string{"/etc/x/a.woff2"}}, cfg.Look)
	require.ErrorContains(t, cfg.Warnings, "look: there are no pages that could look like it")
}

// The way to a note is that of the pages: a fault in it is told once.
func TestAFaultyAddressOfThePagesIsOneProblem(t *testing.T) {
	for _, lines := range []string{
		`sign_in: {local: {enabled: true}, address: "http://bel.deventer.nl"}`,
		"listen: {web: \"0.0.0.0:8570\"}\nsign_in: {local: {enabled: true}}",
		"sign_in: {}",
	} {
		_, err := config.Load(withLines(t, lines+`
notify: {smtp: {host: mail.deventer.nl, from: a@b.nl}, teams: {kcc: {addresses: [a@b.nl]}}}`), nil)
		var problems config.Problems
		require.ErrorAs(t, err, &problems)
		require.Len(t, problems, 1, problems)
	}
}

// Callers come first: without the provider's secret the telephone goes on, and the other way in.
func TestAProviderWithoutItsSecretIsSwitchedOff(t *testing.T) {
	provider := func(file, more string) string {
		return `sign_in: {address: "https://a.nl", oidc: {issuer: "https://b.nl", client_id: x, client_secret_file: ` +
			file + ", groups: [{name: g, roles: {kcc: lead}}]}" + more + "}"
	}
	for file, says := range map[string]string{
		"/nowhere/oidc":         `sign_in.oidc.client_secret_file: the password file "/nowhere/oidc": it cannot be opened`,
		secretIn(t, "a\nb"):     "it holds more than one line",
		secretIn(t, "changeme"): "one that everybody knows",
	} {
		cfg, err := config.Load(withLines(t, provider(file, "")), environment("BEREIKBAAR_ARI_PASSWORD", "x7"))
		require.NoError(t, err)
		require.Nil(t, cfg.SignIn, "nobody could sign in")
		require.Len(t, cfg.Off, 1)
		require.True(t, cfg.Off[0].Restart)
		require.Contains(t, cfg.Off[0].String(), says)
		require.Contains(t, cfg.Off[0].String(), "and restart the daemon; until then this is switched off: the pages")

		cfg, err = config.Load(withLines(t, provider(file, ", local: {enabled: true}")),
			environment("BEREIKBAAR_ARI_PASSWORD", "x7"))
		require.NoError(t, err)
		require.True(t, cfg.SignIn.Local)
		require.Nil(t, cfg.SignIn.OIDC)
		require.Contains(t, cfg.Off[0].String(), "switched off: signing in by the provider")
	}
	cfg, err := config.Load(withLines(t, provider("/nowhere/oidc", "")),
		environment("BEREIKBAAR_ARI_PASSWORD", "x7", "BEREIKBAAR_OIDC_SECRET", "s3cret9"))
	require.NoError(t, err)
	require.Empty(t, cfg.Off, "the environment goes before the file")
	_, err = config.Load(withLines(t, changedRole(provider("/nowhere/oidc", ""))),
		environment("BEREIKBAAR_ARI_PASSWORD", "x7"))
	require.ErrorContains(t, err, `"kc" is not under teams`, "the rest of it is checked")
}

func changedRole(lines string) string { return strings.Replace(lines, "{kcc: lead}", "{kc: lead}", 1) }

// Somebody who checks the file looks at these secrets as well, and at none that the telephone needs.
func TestALookAtTheSecretsOfParts(t *testing.T) {
	path := withLines(t, `ari: {password_file: /nowhere/ari}
redis: {password_file: /nowhere/redis}
notify:
  link: https://a.nl
  smtp: {host: mail.deventer.nl, from: a@b.nl, username: bel}
  teams: {kcc: {addresses: [a@b.nl]}}
  webhooks:
    een: {url: "https://z.nl", secret_file: /nowhere/een}
    twee: {url: "https://z.nl", secret_file: /run/credentials/bereikbaar.service/twee}`)
	cfg, err := config.LoadToCheck(path, environment())
	require.NoError(t, err)
	unseen := map[string]bool{}
	for _, off := range cfg.Off {
		unseen[off.Part] = off.Unseen
	}
	require.Equal(t, map[string]bool{"mail": true, "the webhook een": false, "the webhook twee": true}, unseen)
}

func TestFaultsInHowPeopleSignIn(t *testing.T) {
	const provider = "sign_in: {address: \"https://a.nl\", oidc: {issuer: \"https://b.nl\", client_id: x"
	for lines, want := range map[string]string{
		`sign_in: {address: "https://a.nl"}`: "sign_in: nobody can sign in; add local: {enabled: true}",
		`sign_in: {}`:                        "sign_in: there is nothing in it",
		`sign_in: {local: {enabled: true}, address: "http://bel.deventer.nl"}`:                                              "sign_in.address: passwords would go over the network in plain text",
		`sign_in: {local: {enabled: true}, address: "bel.deventer.nl"}`:                                                     "sign_in.address: it is not the address of a website",
		`sign_in: {local: {enabled: true}, address: "https://bel.deventer.nl/notes"}`:                                       "sign_in.address: it holds more than a host",
		`sign_in: {local: {enabled: true}, address: "https://x:y@bel.deventer.nl"}`:                                         "sign_in.address: it holds more than a host",
		"listen: {web: \"0.0.0.0:8570\"}\nsign_in: {local: {enabled: true}}":                                                "sign_in.address: it is missing, and people come from other machines",
		`sign_in: {local: {enabled: true, codes: false}, address: "https://bel.deventer.nl"}`:                               "sign_in.local.codes: a password alone would let people in from other machines",
		"listen: {web: \"0.0.0.0:8570\"}\nsign_in: {local: {enabled: true, codes: false}, address: \"http://127.0.0.1:1\"}": "sign_in.local.codes: a password alone",
		`sign_in: {local: {enabled: true}, idle: 4h, longest: 1h}`:                                                          "sign_in.idle: it is longer than sign_in.longest",
		`sign_in: {local: {enabled: true}, idle: 1m}`:                                                                       "sign_in.idle: 1m is out of range",
		`sign_in: {local: {enabled: true}, idle: 15}`:                                                                       "sign_in.idle: it is the number 15 without a unit",
		`sign_in: {oidc: {client_id: x}}`:                                                                                   "sign_in.oidc.issuer: it is missing",
		`sign_in: {oidc: {issuer: "https://b.nl"}}`:                                                                         "sign_in.oidc.client_id: it is missing",
		`sign_in: {oidc: {issuer: "http://b.nl", client_id: x}}`:                                                            "sign_in.oidc.issuer: anybody on the network could be the provider",
		`sign_in: {oidc: {issuer: "https://b.nl?x", client_id: x}}`:                                                         "sign_in.oidc.issuer: it is not the address of a provider",
		provider + ", client_secret: s9-hush}}":                                                                             "sign_in.oidc.client_secret: a password does not belong in this file",
		provider + ", municipality: raalte}}":                                                                               "sign_in.oidc.municipality: \"raalte\" is not under municipalities",
		provider + ", claims: {id: \"a b\"}}}":                                                                              "sign_in.oidc.claims.id: \"a b\" is not of the right form",
		provider + ", groups: [{name: g}]}}":                                                                                "sign_in.oidc.groups[0].roles: it is missing",
		provider + ", groups: [{name: g, roles: {kc: lead}}]}}":                                                             "sign_in.oidc.groups[0].roles.kc: \"kc\" is not under teams; did you mean kcc?",
		provider + ", groups: [{name: g, roles: {kcc: boss}}]}}":                                                            "sign_in.oidc.groups[0].roles.kcc: \"boss\" is not one of its values",
		provider + ", groups: [{name: g, roles: {kcc: lead}}, {name: g, roles: {kcc: agent}}]}}":                            "sign_in.oidc.groups[1].name: \"g\" is here twice",
		`people: {Anouk: {roles: {kcc: lead}}}`:                                                                             `cannot be the id of a person; use small letters`,
		`people: {anouk: {roles: {kcc: admin}}}`:                                                                            `people.anouk.roles.kcc: an admin is one for every team; write "*": admin`,
		`people: {anouk: {roles: {"**": admin}}}`:                                                                           `cannot be a name here`,
		`people: {a.devries: {roles: {kc: lead}}}`:                                                                          `is not under teams; did you mean kcc?`,
		`people: {anouk: {email: "a@b@c"}}`:                                                                                 `people.anouk.email: "a@b@c" is not of the right form`,
		`people: {anouk: {phone: "1234"}}`:                                                                                  `people.anouk.phone: "1234" is not of the right form`,
		`people: {anouk: {language: fr}}`:                                                                                   `people.anouk.language: the language "fr"`,
		`people: {kcc1: {phone: PJSIP/9}}`:                                                                                  `people.kcc1.phone: the phone of kcc1 is under agents already; leave it out here`,
		`people: {anouk: {phone: PJSIP/kcc1}}`:                                                                              `people.anouk.phone: PJSIP/kcc1 is the phone of kcc1 already; give each person a phone of their own`,
		`people: {anouk: {phone: PJSIP/1234}, cem: {phone: PJSIP/1234}}`:                                                    `people.cem.phone: PJSIP/1234 is the phone of anouk already`,
		`people: {anouk: {password: x}}`:                                                                                    `people.anouk.password: this key is not known`,
	} {
		_, err := config.Load(withLines(t, lines), nil)
		require.ErrorContains(t, err, want, lines)
		require.NotContains(t, err.Error(), "s9-hush", lines)
	}
}

func TestATeamOfAnotherMunicipality(t *testing.T) {
	text := changed(t, smallest,
		"entries:",
		"  raalte:\n    name: Raalte\n    contact: balie\n    caller_id: \"+31572347799\"\n    hours: {weekdays: [\"09:00-17:00\"]}\nentries:",
		"first: {team: kcc}}", "municipality: deventer, first: {team: kcc}}",
		"members: [kcc1]}", "members: [kcc1], municipality: deventer}\n  balie: {name: Balie, municipality: raalte, members: [kcc1]}\n"+
			"people:\n  els: {municipality: raalte, roles: {kcc: agent}}\n  anouk: {roles: {kcc: agent}}\n")
	_, err := config.Load(write(t, text), nil)
	require.ErrorContains(t, err, "people.els.roles.kcc: kcc is a team of deventer, and this is about people of raalte")
	require.ErrorContains(t, err, "people.anouk.municipality: it is missing, and there is more than one municipality")
}

func TestWarningsAboutSigningIn(t *testing.T) {
	for lines, want := range map[string]string{
		`sign_in: {address: "https://a.nl", oidc: {issuer: "https://b.nl", client_id: x}}`:                             "sign_in.oidc: nobody has a role",
		"listen: {web: \"0.0.0.0:8571\"}\nsign_in: {address: \"https://a.nl\", local: {enabled: true}}":                "listen.web: tokens, cookies and callers' telephone numbers go over the network in plain text",
		`people: {kcc1: {phone: PJSIP/kcc1}}`:                                                                          "people.kcc1.phone: the phone of kcc1 is under agents already; leave it out here",
		"sign_in: {local: {codes: false}, oidc: {issuer: \"https://b.nl\", client_id: x}}\npeople: {anouk: {name: A}}": "sign_in.local.codes: there are no local accounts",
	} {
		cfg, err := config.Load(withLines(t, lines), nil)
		require.NoError(t, err, lines)
		require.Contains(t, cfg.Warnings.Error(), want, lines)
	}
}
