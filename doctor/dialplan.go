package doctor

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// dialplanFacts is what the dialplan does with telephones and callers.
type dialplanFacts struct {
	application string   // of the daemon
	follows     []string // where it rings telephones and follows what they answer: file:line, application
	past        []string // where it sends callers to the daemon past our context: file:line
	contexts    contexts
	err         error // it cannot be read
}

// dialling are the applications that follow a redirect (SIP 3xx) unless they are told not to, and which of their
// arguments are the options (Asterisk 22.10). The option is i in each.
var dialling = map[string]int{"dial": 2, "queue": 1, "retrydial": 5, "page": 1}

// readDialplan looks at extensions.conf and what it includes; other ways to write a dialplan (AEL, Lua, a database) it
// does not see.
func readDialplan(dir, application string) dialplanFacts {
	f := dialplanFacts{application: application, contexts: contexts{}}
	r := confReader{dir: dir, general: section{}}
	r.visit = func(file string, number int, line string) {
		f.contexts.add(r.section, line)
		if leadsPast(r.section, line, application) {
			f.past = append(f.past, fmt.Sprintf("%s:%d", filepath.Base(file), number))
		}
		for _, application := range followers(line) {
			f.follows = append(f.follows, fmt.Sprintf("%s:%d %s()", filepath.Base(file), number, application))
		}
	}
	f.err = r.file(filepath.Join(dir, "extensions.conf"), 0)
	return f
}

var applicationCall = regexp.MustCompile(`(?i)\b(Dial|Queue|RetryDial|Page)\(`)

// followers are the applications of a line of dialplan that follow redirects.
func followers(line string) []string {
	var list []string
	for _, at := range applicationCall.FindAllStringSubmatchIndex(line, -1) {
		name := line[at[2]:at[3]]
		args, option := arguments(line[at[1]:]), dialling[strings.ToLower(name)]
		if option >= len(args) || !hasOption(args[option], 'i') {
			list = append(list, name)
		}
	}
	return list
}

// arguments splits what follows the opening parenthesis of an application, up to the one that closes it.
func arguments(text string) []string {
	var list []string
	depth, start := 0, 0
	for i, r := range text {
		switch {
		case strings.ContainsRune("([{", r):
			depth++
		case depth == 0 && (r == ')' || r == ','):
			list = append(list, text[start:i])
			start = i + 1
			if r == ')' {
				return list
			}
		case strings.ContainsRune(")]}", r):
			depth--
		}
	}
	return append(list, text[start:])
}

// hasOption reports whether an option is set in a text of options, of which some have arguments in parentheses:
// tL(60000)i.
func hasOption(options string, wanted rune) bool {
	depth := 0
	for _, r := range options {
		switch {
		case strings.ContainsRune("({", r):
			depth++
		case strings.ContainsRune(")}", r):
			depth--
		case depth == 0 && r == wanted:
			return true
		}
	}
	return false
}

func judgeDialplan(f dialplanFacts) []Finding {
	if f.err != nil {
		return []Finding{{
			checkDialplan, Warning, "it could not be looked at: " + f.err.Error(),
			"Run the doctor on Asterisk's machine as a user who may read its files, and name their directory " +
				"with --asterisk-etc",
		}}
	}
	var found []Finding
	if len(f.follows) > 0 {
		found = append(found, Finding{
			checkDialplan, Wrong,
			"what a telephone answers with (SIP 302) is dialled, over the trunk as well, at " + some(f.follows),
			"Give each the option i: Dial(PJSIP/…,30,i), Queue(…,i); then: asterisk -rx \"dialplan reload\"",
		})
	}
	if len(f.past) > 0 {
		found = append(found, Finding{
			checkDialplan, Wrong,
			"callers come to the daemon past [bereikbaar], where numbers that they withhold are forgotten, at " + some(
				f.past,
			),
			"Write Goto(bereikbaar,${EXTEN},1) there; then: asterisk -rx \"dialplan reload\"",
		})
	}
	found = append(found, judgeContexts(f.contexts, f.application)...)
	if len(found) == 0 {
		found = append(found, Finding{
			Check: checkDialplan, Verdict: OK,
			Text: "extensions.conf follows no telephone that sends a call elsewhere, and has our contexts as they are shipped",
		})
	}
	return found
}
