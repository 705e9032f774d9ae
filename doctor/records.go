package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// logDirectory is Debian's, when asterisk.conf names no other.
const logDirectory = "/var/log/asterisk"

// recordFacts is how Asterisk keeps its own record of every call.
type recordFacts struct {
	mapped          bool   // the configuration asks for it
	directory       string // where
	exists          bool
	owner, asterisk uint32 // of that directory, and of the one above, which has Asterisk's log
	err             error
}

func readRecords(dir string) recordFacts {
	events, err := readGeneral(dir, "cel.conf")
	if missing := errors.Is(err, fs.ErrNotExist); missing || err == nil && !isYes(events.get("enable", "no")) {
		return recordFacts{}
	}
	mappings, mapped, err2 := readSection(dir, "cel_custom.conf", "mappings")
	if errors.Is(err2, fs.ErrNotExist) || err2 == nil && (!mapped || len(mappings) == 0) {
		return recordFacts{}
	}
	// Debian's asterisk.conf and ours may leave the directories to the compiled-in ones.
	directories, _, err3 := readSection(dir, "asterisk.conf", "directories")
	if errors.Is(err3, fs.ErrNotExist) {
		err3 = nil
	}
	log := directories.get("astlogdir", logDirectory)
	f := recordFacts{mapped: true, directory: filepath.Join(log, "cel-custom"), err: errors.Join(err, err2, err3)}
	f.owner, f.exists = ownerOfDirectory(f.directory)
	f.asterisk, _ = ownerOfDirectory(log)
	return f
}

func ownerOfDirectory(path string) (uid uint32, exists bool) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return 0, false
	}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		uid = sys.Uid
	}
	return uid, true
}

// judgeRecords warns of a record that is configured and not written: Asterisk does not make the directory itself.
func judgeRecords(f recordFacts) []Finding {
	mend := "install -d -o asterisk -g asterisk " + f.directory +
		", with the user that Asterisk runs as; then: asterisk -rx \"core reload\""
	warn := func(text string) []Finding {
		return []Finding{
			{checkRecords, Warning, text + ": Asterisk keeps no record of its calls", mend},
		}
	}
	switch {
	case f.err != nil:
		return []Finding{{
			checkRecords, Warning, "it could not be read: " + f.err.Error(),
			mendUnreadable,
		}}
	case !f.mapped:
		return []Finding{{Check: checkRecords, Verdict: OK, Text: "Asterisk keeps none of its own by cel_custom.conf"}}
	case !f.exists:
		return warn(f.directory + " is missing")
	case f.owner != f.asterisk:
		return warn(fmt.Sprintf("%s does not belong to the user of %s", f.directory, filepath.Dir(f.directory)))
	}
	return []Finding{{
		Check: checkRecords, Verdict: OK, Text: "Asterisk's own record of every call is kept in " + f.directory,
	}}
}
