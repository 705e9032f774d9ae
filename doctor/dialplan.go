package doctor

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// dialplanFacts is what the dialplan does to telephones and callers.
type dialplanFacts struct {
	application string   // of the daemon
	follows     []string // where it rings telephones and follows their redirects: file:line, application
	past        []string // where it sends callers past our context: file:line
	contexts    contexts
	err         error // it cannot be read
}

// dialling are the applications that follow a redirect (SIP 3xx) without their option i, with the place of the options
// among their arguments (Asterisk 22.10).
var dialling = map[string]int{"dial": 2, "queue": 1, "retrydial": 5, "page": 1}

// readDialplan reads extensions.conf and its includes; it does not see a dialplan in AEL, Lua or a database.
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

// arguments splits the text after the opening parenthesis of an application, up to the closing one.
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

// hasOption reports whether an option is set; options may have arguments in parentheses: tL(60000)i.
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
			checkDialplan, Warning, "it could not be read: " + f.err.Error(),
			mendUnreadable,
		}}
	}
	var found []Finding
	if len(f.follows) > 0 {
		found = append(found, Finding{
			checkDialplan, Wrong,
			"redirects of telephones (SIP 302) are followed, over the trunk as well, at " + some(f.follows),
			"Give each the option i: Dial(PJSIP/…,30,i), Queue(…,i); then: asterisk -rx \"dialplan reload\"",
		})
	}
	if len(f.past) > 0 {
		found = append(found, Finding{
			checkDialplan, Wrong,
			"callers reach the daemon past [bereikbaar], which drops withheld numbers, at " + some(f.past),
			"Write Goto(bereikbaar,${EXTEN},1) there; then: asterisk -rx \"dialplan reload\"",
		})
	}
	found = append(found, judgeContexts(f.contexts, f.application)...)
	if len(found) == 0 {
		found = append(found, Finding{
			Check: checkDialplan, Verdict: OK,
			Text: "extensions.conf follows no redirect of a telephone, and has our contexts as shipped",
		})
	}
	return found
}
