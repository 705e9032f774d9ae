package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bereikbaar/bereikbaar/routing"
)

const (
	// fallbackMusic is what callers hear while the daemon is away, see queues.conf.
	fallbackMusic = "bereikbaar"
	// lastMusic is the class that Asterisk plays when another does not exist, or had no file at the start.
	lastMusic = "default"
	// soundData is Debian's astdatadir, to which directories of music are relative.
	soundData = "/usr/share/asterisk"
)

// musicClass is a class of music on hold for waiting callers.
type musicClass struct {
	name   string
	exists bool
	mode   string
	// files counts the files in directory that Asterisk plays; closed is a directory on the way that others than its
	// owner cannot enter
	directory, closed string
	files             int
}

// musicFacts are the classes that callers hear, and the last one.
type musicFacts struct {
	heard []musicClass
	last  musicClass
	err   error
}

// musicOf are the classes of all teams, and that of the fallback.
func musicOf(plan *routing.Plan) []string {
	names := []string{fallbackMusic}
	for _, team := range plan.Teams {
		names = append(names, team.Music)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// readMusic reads musiconhold.conf; it does not see classes in a database.
func readMusic(dir string, names []string) musicFacts {
	var f musicFacts
	for _, name := range names {
		class, err := readClass(dir, name)
		if err != nil {
			return musicFacts{err: err}
		}
		f.heard = append(f.heard, class)
	}
	f.last, f.err = readClass(dir, lastMusic)
	return f
}

func readClass(dir, name string) (musicClass, error) {
	s, exists, err := readSection(dir, "musiconhold.conf", strings.ToLower(name))
	if err != nil {
		return musicClass{}, err
	}
	c := musicClass{
		name: name, exists: exists, mode: strings.ToLower(s.get("mode", "")), directory: s.get("directory", ""),
	}
	if c.mode != "files" {
		return c, nil
	}
	if !filepath.IsAbs(c.directory) {
		c.directory = filepath.Join(soundData, c.directory)
	}
	c.closed = closedDirectory(c.directory)
	entries, _ := os.ReadDir(c.directory) // a missing directory has no files
	for _, e := range entries {
		// Asterisk skips hidden files, and names without a format.
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") && filepath.Ext(e.Name()) != "" {
			c.files++
		}
	}
	return c, nil
}

// silent says why the class is not heard; empty when it is, as far as the files show.
func (c musicClass) silent() (why, mend string) {
	switch {
	case !c.exists:
		return "musiconhold.conf has no class [" + c.name + "]",
			"Take it over from deploy/asterisk/musiconhold.conf, or name another class in teams.TEAM.music; " +
				"then: asterisk -rx \"moh reload\""
	case c.mode == "files" && c.files == 0:
		return fmt.Sprintf("the class [%s] has no file in %q", c.name, c.directory),
			"Make some with sox, as step 4 of docs/operating.md does, and restart Asterisk in a quiet moment: " +
				"a class that had no file at its start takes none later"
	}
	return "", ""
}

func judgeMusic(f musicFacts) []Finding {
	if f.err != nil {
		return []Finding{{
			checkMusic, Warning, "it could not be read: " + f.err.Error(),
			mendUnreadable,
		}}
	}
	verdict, follows := Warning, "waiting callers hear ["+lastMusic+"] instead"
	if why, _ := f.last.silent(); why != "" {
		verdict, follows = Wrong, "waiting callers hear nothing"
	}
	var found []Finding
	var heard []string
	for _, c := range f.heard {
		why, mend := c.silent()
		switch {
		case why != "":
			found = append(found, Finding{checkMusic, verdict, why + ": " + follows, mend})
		case c.closed != "":
			found = append(found, Finding{
				checkMusic, Warning,
				c.closed + " can be entered by its owner and group only: if Asterisk's user is neither, " +
					"waiting callers hear no [" + c.name + "]",
				"chmod o+x it, or make Asterisk's user a member of its group",
			})
		default:
			heard = append(heard, "["+c.name+"]")
		}
	}
	if len(found) == 0 {
		found = append(found, Finding{
			Check: checkMusic, Verdict: OK, Text: "there is something to play for " + some(heard),
		})
	}
	return found
}
