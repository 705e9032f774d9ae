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
	// lastMusic is what Asterisk plays when a class does not exist, or had no file at its start.
	lastMusic = "default"
	// soundData is Debian's astdatadir, to which directories of music are relative.
	soundData = "/usr/share/asterisk"
)

// musicClass is a class of music on hold that callers hear who wait.
type musicClass struct {
	name   string
	exists bool
	mode   string
	// directory has so many files that Asterisk plays; closed is one on the way that others than its owner cannot
	// enter.
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

// readMusic looks at musiconhold.conf; classes from a database it does not see.
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
	entries, _ := os.ReadDir(c.directory) // one that is missing has no files
	for _, e := range entries {
		// Asterisk passes over hidden files, and those whose name does not tell the format.
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") && filepath.Ext(e.Name()) != "" {
			c.files++
		}
	}
	return c, nil
}

// silent tells why the class is not heard; empty when it is, as far as can be seen.
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
			checkMusic, Warning, "it could not be looked at: " + f.err.Error(),
			"Run the doctor on Asterisk's machine as a user who may read its files, and name their directory " +
				"with --asterisk-etc",
		}}
	}
	verdict, follows := Warning, "callers who wait hear ["+lastMusic+"] in its place"
	if why, _ := f.last.silent(); why != "" {
		verdict, follows = Wrong, "callers who wait hear nothing"
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
				c.closed + " can be entered by its owner and group only: if Asterisk's user is neither, callers who wait " +
					"hear no [" + c.name + "]",
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
