package metrics_test

import "testing"

func TestSignInsAreCountedByNamesThatAreKnown(t *testing.T) {
	m, reg := newMetrics(t)
	m.SignIn.SignedIn("account")
	m.SignIn.Refused("password")
	m.SignIn.Refused("<script>")
	m.SignIn.SignedOut("person")
	got := exposition(t, reg)
	for _, line := range []string{
		`bereikbaar_sign_ins_total{way="account"} 1`, `bereikbaar_sign_ins_refused_total{reason="password"} 1`,
		`bereikbaar_sign_ins_refused_total{reason="(other)"} 1`, `bereikbaar_sessions_ended_total{how="person"} 1`,
	} {
		requireLine(t, got, line)
	}
}
