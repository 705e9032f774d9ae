package doctor

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/bereikbaar/bereikbaar/deploy"
)

// contexts are the contexts of a dialplan, by name in lower case: the lines of each.
type contexts map[string][]string

func (c contexts) add(section, line string) {
	if line = strings.Join(strings.Fields(line), " "); line != "" {
		c[section] = append(c[section], line)
	}
}

// shippedContexts reads bereikbaar-extensions.conf, for a daemon with this application.
func shippedContexts(application string) contexts {
	c, r := contexts{}, confReader{general: section{}}
	for line := range strings.Lines(deploy.Extensions) {
		plain := r.uncommented(line)
		if strings.HasPrefix(plain, "[") {
			_ = r.line(plain, 0) // only an include can fail
			continue
		}
		c.add(r.section, strings.ReplaceAll(plain, "Stasis(bereikbaar,", "Stasis("+application+","))
	}
	return c
}

// shippedDialplan says for each shipped context what happens when it is missing or differs.
var shippedDialplan = []struct {
	context string
	missing string
	changed Verdict
}{
	{"bereikbaar", "callers do not reach the daemon, or without their data", Wrong},
	{"bereikbaar-privacy", "numbers that callers withhold are shown, and stored", Wrong},
	{"bereikbaar-unanswered", "callers are cut off after a transfer that nobody answers", Warning},
	{"bereikbaar-fallback", "callers hear nothing, and reach nobody, while the daemon is away", Warning},
	{"bereikbaar-say", "callers hear nothing while the daemon is away", Warning},
}

// judgeContexts compares a dialplan with the shipped one: an older version lacks later fixes.
func judgeContexts(have contexts, application string) []Finding {
	const mend = "Take deploy/asterisk/bereikbaar-extensions.conf of this version over as it is, " +
		"#include it at the end of extensions.conf, then: asterisk -rx \"dialplan reload\""
	var found []Finding
	shipped := shippedContexts(application)
	for _, s := range shippedDialplan {
		lines := have[s.context]
		line, lacks := firstAbsent(shipped[s.context], lines)
		switch {
		case len(lines) == 0:
			found = append(found, Finding{
				checkDialplan, Wrong, fmt.Sprintf("[%s] is missing: %s", s.context, s.missing), mend,
			})
		case lacks:
			text := fmt.Sprintf(
				"[%s] differs from this version's; the first missing line is %q: it may be that %s", s.context,
				line,
				s.missing,
			)
			found = append(found, Finding{checkDialplan, s.changed, text, mend})
		}
	}
	return found
}

// firstAbsent gives the first wanted line that is missing or out of order.
func firstAbsent(wanted, lines []string) (line string, absent bool) {
	for _, line := range lines {
		if len(wanted) > 0 && line == wanted[0] {
			wanted = wanted[1:]
		}
	}
	if len(wanted) == 0 {
		return "", false
	}
	return wanted[0], true
}

// leadsPast reports whether a line outside [bereikbaar] sends callers to the daemon: [bereikbaar] drops withheld
// numbers first.
func leadsPast(section, line, application string) bool {
	comes := regexp.MustCompile(`(?i)\bStasis\(\s*` + regexp.QuoteMeta(application) + `\s*,\s*caller\b`)
	return section != "bereikbaar" && comes.MatchString(line)
}
