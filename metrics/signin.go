package metrics

import "github.com/prometheus/client_golang/prometheus"

// SignIn counts how people sign in to the pages. Names that were not in Options become Elsewhere: what a browser sent
// is never a label.
type SignIn struct {
	signedIn, refused, ended *prometheus.CounterVec

	ways, reasons, endings map[string]bool
}

func newSignIn(r *registration, o Options) *SignIn {
	s := &SignIn{
		signedIn: r.counterVec(
			"sign_ins_total", "People who signed in to the pages, by way: account or provider.", "way",
		),
		refused: r.counterVec("sign_ins_refused_total",
			"Attempts to sign in that let nobody in, by reason: password, code, too_many, and the like.", "reason"),
		ended: r.counterVec("sessions_ended_total",
			"Sessions that were ended, by how: person, everywhere, provider, no_role. One that is left alone is not counted.",
			"how"),
	}
	s.ways, s.reasons = beginning(s.signedIn, o.SignInWays), beginning(s.refused, o.SignInRefusals)
	s.endings = beginning(s.ended, o.SessionEndings)
	return s
}

// beginning lets a counter begin at 0 for each name, and gives the names.
func beginning(counter *prometheus.CounterVec, names []string) map[string]bool {
	known := map[string]bool{}
	for _, name := range names {
		known[name] = true
		counter.WithLabelValues(name)
	}
	return known
}

// SignedIn counts a person who signed in.
func (s *SignIn) SignedIn(way string) { s.signedIn.WithLabelValues(known(s.ways, way)).Inc() }

// Refused counts an attempt that let nobody in.
func (s *SignIn) Refused(reason string) { s.refused.WithLabelValues(known(s.reasons, reason)).Inc() }

// SignedOut counts a session that was ended.
func (s *SignIn) SignedOut(how string) { s.ended.WithLabelValues(known(s.endings, how)).Inc() }
