package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/config"
)

func secretIn(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const goodHookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestWhoIsTold(t *testing.T) {
	cfg, err := config.Load(withLines(t, `
sign_in: {address: "https://bel.deventer.nl", local: {enabled: true}}
notify:
  story: true
  smtp: {host: mail.deventer.nl, from: bel@deventer.nl, username: bel, password_file: `+secretIn(t, "s3cret-9\n")+`}
  teams:
    kcc: {addresses: [kcc@deventer.nl, Balie@deventer.nl], events: [overdue, daily]}
  webhooks:
    zaak: {url: "https://zaak.deventer.nl/bel", secret_file: `+secretIn(t, goodHookSecret)+`, teams: [kcc]}
people:
  anouk: {email: a.devries@deventer.nl, notify: {events: [new], teams: [kcc]}}
  cem: {notify: {events: [new]}}
`), environment("BEREIKBAAR_ARI_PASSWORD", "x7"))
	require.NoError(t, err)
	require.Empty(t, cfg.Warnings)
	n := cfg.Notify
	require.Equal(t, "https://bel.deventer.nl", n.Link)
	require.True(t, n.Story)
	require.False(t, n.Number)
	require.Equal(t, "s3cret-9", n.SMTP.Password.Reveal())
	require.Equal(t, 587, n.SMTP.Port)
	require.Equal(t, "starttls", n.SMTP.TLS)
	require.Equal(t, "Bereikbaar", n.SMTP.Name)
	require.Equal(t, map[call.TeamID]config.TeamNotify{
		"kcc": {Addresses: []string{"kcc@deventer.nl", "Balie@deventer.nl"}, Events: []string{"overdue", "daily"}},
	}, n.Teams)
	require.Equal(t, map[call.AgentID]config.PersonNotify{
		"anouk": {Events: []string{"new"}, Teams: []call.TeamID{"kcc"}}, "cem": {Events: []string{"new"}},
	}, n.People)
	hook := n.Webhooks["zaak"]
	require.Equal(t, call.MunicipalityID("deventer"), hook.Municipality)
	require.Len(t, hook.Key(), 24)
	require.Equal(t, []string{"new", "warning", "overdue", "daily"}, hook.Events)
	cfg, err = config.Load(withLines(t, ""), nil)
	require.NoError(t, err)
	require.Nil(t, cfg.Notify)
}

func TestFaultsInWhoIsTold(t *testing.T) {
	const (
		link   = `link: "https://bel.deventer.nl"`
		server = "smtp: {host: mail.deventer.nl, from: bel@deventer.nl}"
		told   = "notify: {" + link + ", " + server + ", "
		hooks  = "notify: {" + link + ", webhooks: {zaak: {secret_file: /etc/s, url: "
	)
	for lines, want := range map[string]string{
		"notify: {}": "notify: there is nothing in it",
		"notify: {" + server + ", teams: {kcc: {addresses: [k@d.nl]}}}":                                           "notify.link: it is missing, and there are no pages to lead to",
		`notify: {link: "http://bel.deventer.nl", ` + server + "}":                                                "notify.link: people would sign in over the network in plain text",
		`notify: {link: "bel.deventer.nl", ` + server + "}":                                                       "notify.link: it is not the address of a website",
		`notify: {link: "https://x:y@bel.deventer.nl", ` + server + "}":                                           "notify.link: it holds more than a host and a path",
		`notify: {link: "https://bel.deventer.nl/a b", ` + server + "}":                                           "notify.link: it is not the address of a website",
		"notify: {" + link + ", smtp: {from: bel@deventer.nl}}":                                                   "notify.smtp.host: it is missing",
		"notify: {" + link + ", smtp: {host: mail.deventer.nl}}":                                                  "notify.smtp.from: it is missing",
		"notify: {" + link + ", smtp: {host: \"mail.deventer.nl:25\", from: a@b.nl}}":                             `notify.smtp.host: "mail.deventer.nl:25" is not of the right form; write a host`,
		"notify: {" + link + ", smtp: {host: mail.deventer.nl, from: \"Bel <a@b.nl>\"}}":                          "notify.smtp.from: \"Bel <a@b.nl>\" is not of the right form",
		"notify: {" + link + ", smtp: {host: mail.deventer.nl, from: a@b.nl, name: \"a\\rBcc\"}}":                 "notify.smtp.name: it has control characters in it",
		"notify: {" + link + ", smtp: {host: mail.deventer.nl, from: a@b.nl, port: 70000}}":                       "notify.smtp.port: 70000 is out of range",
		"notify: {" + link + ", smtp: {host: mail.deventer.nl, from: a@b.nl, tls: ssl}}":                          "notify.smtp.tls: \"ssl\" is not one of its values; write starttls, tls or none",
		"notify: {" + link + ", smtp: {host: mail.deventer.nl, from: a@b.nl, tls: none}}":                         "notify.smtp.tls: mail about callers would go over the network in plain text",
		"notify: {" + link + ", smtp: {host: 127.0.0.1, from: a@b.nl, tls: none, tls_ca_file: /x}}":               "notify.smtp.tls_ca_file: it counts only for a connection that is encrypted",
		"notify: {" + link + ", smtp: {host: mail.deventer.nl, from: a@b.nl, password: s9-hush}}":                 "notify.smtp.password: a password does not belong in this file",
		told + "teams: {kc: {addresses: [a@b.nl]}}}":                                                              "notify.teams.kc: \"kc\" is not under teams; did you mean kcc?",
		told + "teams: {kcc: {events: [new]}}}":                                                                   "notify.teams.kcc.addresses: it is missing",
		told + "teams: {kcc: {addresses: [kcc]}}}":                                                                "notify.teams.kcc.addresses[0]: \"kcc\" is not of the right form",
		told + "teams: {kcc: {addresses: [a@b.nl, A@b.nl]}}}":                                                     "notify.teams.kcc.addresses[1]: \"A@b.nl\" is here twice",
		told + "teams: {kcc: {addresses: [a@b.nl], events: [nw]}}}":                                               "notify.teams.kcc.events[0]: \"nw\" is not one of its values",
		"notify: {" + link + ", teams: {kcc: {addresses: [a@b.nl]}}}":                                             "notify.teams.kcc: there is no server that takes mail; add notify.smtp",
		"people: {anouk: {email: a@b.nl, notify: {events: [new]}}}":                                               "people.anouk.notify: there is no server that takes mail",
		told + "number: true}\npeople: {anouk: {notify: {events: [new]}}}":                                        "people.anouk.notify: there is no address to write to; add email to the person",
		told + "number: true}\npeople: {anouk: {email: a@b.nl, notify: {teams: [kc]}}}":                           "people.anouk.notify.teams[0]: \"kc\" is not under teams; did you mean kcc?",
		hooks + "\"http://zaak.deventer.nl/bel\"}}}":                                                              "notify.webhooks.zaak.url: messages would go over the network in plain text; write https://",
		hooks + "\"zaak.deventer.nl\"}}}":                                                                         "notify.webhooks.zaak.url: it is not the address of a program",
		hooks + "\"https://x:y@zaak.deventer.nl\"}}}":                                                             "notify.webhooks.zaak.url: it holds more than an address",
		hooks + "\"https://z.nl\", teams: [kc]}}}":                                                                "notify.webhooks.zaak.teams[0]: \"kc\" is not under teams",
		hooks + "\"https://z.nl\", teams: [kcc, kcc]}}}":                                                          "notify.webhooks.zaak.teams[1]: \"kcc\" is here twice",
		hooks + "\"https://z.nl\", municipality: raalte}}}":                                                       "notify.webhooks.zaak.municipality: \"raalte\" is not under municipalities",
		"notify: {" + link + ", webhooks: {zaak: {url: \"https://z.nl\"}}}":                                       "notify.webhooks.zaak.secret_file: it is missing",
		"notify: {" + link + ", webhooks: {zaak: {url: \"https://z.nl\", secret: s9-hush, secret_file: /etc/s}}}": "notify.webhooks.zaak.secret: a password does not belong in this file",
		"notify: {" + link + ", webhooks: {Zaak: {url: \"https://z.nl\", secret_file: /etc/s}}}":                  "notify.webhooks.Zaak: \"Zaak\" cannot be a name here; use small letters",
	} {
		_, err := config.Load(withLines(t, lines), nil)
		require.ErrorContains(t, err, want, lines)
		require.NotContains(t, err.Error(), "s9-hush", lines)
	}
}

func TestSecretsOfWhoIsTold(t *testing.T) {
	open := secretIn(t, goodHookSecret)
	require.NoError(t, os.Chmod(open, 0o644))
	hook := func(file string) string {
		return `notify: {link: "https://a.nl", webhooks: {zaak: {url: "https://z.nl", secret_file: ` + file + "}}}"
	}
	smtp := func(more string) string {
		return `notify: {link: "https://a.nl", smtp: {host: mail.deventer.nl, from: a@b.nl, ` + more +
			"}, teams: {kcc: {addresses: [a@b.nl]}}}"
	}
	for lines, want := range map[string]string{
		hook(secretIn(t, "geheim-9")):                            "notify.webhooks.zaak.secret_file: it holds no secret of a webhook; write whsec_",
		hook(secretIn(t, "whsec_c2hvcnQ=")):                      "notify.webhooks.zaak.secret_file: it holds no secret of a webhook",
		hook(open):                                               "chmod 0400 or 0600 it",
		hook("/nowhere/secret"):                                  "notify.webhooks.zaak.secret_file: the password file",
		smtp("username: bel"):                                    "notify.smtp.password_file: there is no password for notify.smtp; name a file here that holds it, or set BEREIKBAAR_SMTP_PASSWORD",
		smtp("password_file: " + secretIn(t, "x9-z")):            "notify.smtp.username: it is missing, and there is a password for it",
		smtp("tls_ca_file: " + secretIn(t, "not a certificate")): "holds no certificate; write the certificates of the authority in it",
		smtp("tls_ca_file: /nowhere/ca.pem"):                     "notify.smtp.tls_ca_file: \"/nowhere/ca.pem\"",
	} {
		cfg, err := config.Load(withLines(t, lines), environment("BEREIKBAAR_ARI_PASSWORD", "x7"))
		require.NoError(t, err, "callers come first: %s", lines)
		require.Len(t, cfg.Off, 1, lines)
		said := cfg.Off[0].String()
		require.Contains(t, said, want, lines)
		require.Contains(t, said, ", and reload the daemon; until then this is switched off: ")
		require.NotContains(t, said, "geheim-9")
		require.False(t, strings.Contains(said, "x9-z") || strings.Contains(said, "c2hvcnQ"))
		smtp := cfg.Notify.SMTP
		require.Equal(t, smtp != nil && smtp.Off, cfg.Off[0].Part == "mail")
		require.Equal(t, cfg.Notify.Webhooks["zaak"].Off, cfg.Off[0].Part == "the webhook zaak")
		require.True(t, smtp != nil && smtp.Off || cfg.Notify.Webhooks["zaak"].Off)
	}
	cfg, err := config.Load(withLines(t, smtp("username: bel")),
		environment("BEREIKBAAR_ARI_PASSWORD", "x7", "BEREIKBAAR_SMTP_PASSWORD", "s3cret-9"))
	require.NoError(t, err)
	require.Equal(t, "s3cret-9", cfg.Notify.SMTP.Password.Reveal())
}

// One secret switches off its own part, and the others go on.
func TestASecretSwitchesOffItsOwnPartAlone(t *testing.T) {
	cfg, err := config.Load(withLines(t, `notify:
  link: https://a.nl
  smtp: {host: mail.deventer.nl, from: a@b.nl, username: bel, password_file: `+secretIn(t, "s3cret-9")+`}
  teams: {kcc: {addresses: [a@b.nl]}}
  webhooks:
    een: {url: "https://z.nl", secret_file: /nowhere/een}
    twee: {url: "https://z.nl", secret_file: `+secretIn(t, goodHookSecret)+`}`),
		environment("BEREIKBAAR_ARI_PASSWORD", "x7"))
	require.NoError(t, err)
	require.Len(t, cfg.Off, 1)
	require.Equal(t, "the webhook een", cfg.Off[0].Part)
	require.True(t, cfg.Notify.Webhooks["een"].Off)
	require.False(t, cfg.Notify.Webhooks["twee"].Off)
	require.False(t, cfg.Notify.SMTP.Off)
}

func TestWarningsAboutWhoIsTold(t *testing.T) {
	for lines, want := range map[string]string{
		`notify: {link: "https://a.nl", smtp: {host: mail.deventer.nl, from: a@b.nl}}`:                                                                                         "notify: nobody is told of anything",
		`notify: {link: "https://a.nl", webhooks: {zaak: {url: "https://z.nl?key=1", secret_file: /etc/s}}}`:                                                                   "notify.webhooks.zaak.url: it holds a query, which logs of servers keep",
		"callbacks: {warn_percent: 0}\n" + `notify: {link: "https://a.nl", smtp: {host: m.nl, from: a@b.nl}, teams: {kcc: {addresses: [a@b.nl], events: [warning, overdue]}}}`: "notify.teams.kcc.events: there is no warning: callbacks.warn_percent is 0",
	} {
		cfg, err := config.Load(withLines(t, lines), nil)
		require.NoError(t, err, lines)
		require.Contains(t, cfg.Warnings.Error(), want, lines)
	}
}
