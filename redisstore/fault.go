package redisstore

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/note"
)

const (
	// keepFaults is how long a fault is known after it was last met: many can only be met by chance.
	keepFaults = time.Hour
	mostKeys   = 1000  // keys with known faults
	mostOfKey  = 10000 // known faults of each: junk comes in heaps
	// mostNamed is how many of the faults of one list its error names.
	mostNamed = 3
	// anonymous stands for entries that are not quoted.
	anonymous = "no note's id"
)

// Fault is a key of ours with content that this program does not write. It was skipped, or the request that needed it
// was refused; it was not changed. Its texts hold no telephone number.
type Fault struct {
	Key     string // of Redis
	Index   string // what kind of key it is: "due", "note", …, see keys
	Entries int    // how many faults it has, as far as known
	Text    string // one of them
	Grave   bool   // a note may be lost or cannot be read; else no promise depends on it
	Mend    string // what to do
}

// String is the fault in one line.
func (f Fault) String() string {
	return fmt.Sprintf("redis key %s: %s (faults: %d). %s", f.Key, f.Text, f.Entries, f.Mend)
}

// faults are the faults that were met lately. It is safe for concurrent use.
type faults struct {
	mu  sync.Mutex
	met map[string]map[string]metFault // by key, then by which of its faults
}

type metFault struct {
	text  string
	grave bool
	last  time.Time
}

// add records a fault of a key. which tells it from the others of the key.
func (f *faults) add(key, which string, fault metFault) {
	fault.last = time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.met == nil {
		f.met = make(map[string]map[string]metFault)
	}
	of := f.met[key]
	if of == nil {
		if len(f.met) >= mostKeys {
			return
		}
		of = make(map[string]metFault)
		f.met[key] = of
	}
	if _, known := of[which]; known || len(of) < mostOfKey {
		of[which] = fault
	}
}

// forget drops the faults of a key that were last met before a time: the key was read again since.
func (f *faults) forget(key string, before time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.met[key], func(_ string, m metFault) bool { return m.last.Before(before) })
	if len(f.met[key]) == 0 {
		delete(f.met, key)
	}
}

// keys gives the keys with a prefix that have known faults.
func (f *faults) keys(prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []string
	for key := range f.met {
		if strings.HasPrefix(key, prefix) {
			found = append(found, key)
		}
	}
	return found
}

// Faults gives the faults that were met lately, by key: in anything that was read or changed, and in the keys that
// Survey reads.
func (s *Store) Faults() []Fault {
	for _, key := range s.faults.keys("") {
		s.faults.forget(key, time.Now().Add(-keepFaults))
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	var all []Fault
	for key, met := range s.faults.met {
		first := slices.MinFunc(slices.Collect(maps.Values(met)), func(a, b metFault) int {
			return cmp.Or(count(b.grave)-count(a.grave), cmp.Compare(a.text, b.text))
		})
		index := indexOf(key)
		all = append(all, Fault{
			Key: key, Index: index, Entries: len(met), Text: first.text, Grave: first.grave, Mend: mendOf(index, key),
		})
	}
	slices.SortFunc(all, func(a, b Fault) int { return cmp.Compare(a.Key, b.Key) })
	return all
}

// indexOf is the kind of a key: what follows the hash tag, up to the next colon.
func indexOf(key string) string {
	_, name, tagged := strings.Cut(key, "}:")
	if !tagged {
		name = strings.TrimPrefix(key, keyPrefix)
	}
	kind, _, _ := strings.Cut(name, ":")
	return kind
}

// mendOf says what to do about a fault, by the kind of its key.
func mendOf(index, key string) string {
	const lost = "An id that no note has may be a lost note: XRANGE of the log and the daemon's journal know it " +
		"(docs/operating.md, store-broken). Remove an entry that is no note with "
	switch index {
	case "due", "leases", "marks", "closed", "number", "names":
		return lost + "ZREM " + key + " ENTRY; ZRANGE " + key + " 0 -1 shows all entries"
	case "held":
		return lost + "SREM " + key + " ENTRY; SMEMBERS " + key + " shows all entries"
	case "teams":
		return "SMEMBERS " + key + " shows the entries; remove one that is no team with SREM " + key + " ENTRY"
	case "references", "open", "idem":
		return lost + "HSET or HDEL " + key + " FIELD; HGETALL " + key + " shows all fields"
	case "absent":
		return "Say anew whether the colleague is absent: bereikbaar notes present"
	case "session":
		return "DEL " + key + ": its person signs in again"
	case "accounts":
		return "Remove the account and make it anew: bereikbaar account remove, bereikbaar account new. HKEYS " + key +
			" shows all persons; remove one who is no person with HDEL " + key + " PERSON"
	case "people":
		return "What the provider said (sign_in:PERSON) is written anew when the person signs in by it, what pages say " +
			"(page:PERSON) by bereikbaar account roles. HGETALL " + key + " shows all fields; remove one with HDEL " +
			key + " FIELD"
	case "signed_out":
		return "Sign the person out: bereikbaar account sign-out. HDEL " + key + " PERSON first"
	}
	return "Restore it from the log or from a backup (docs/notes.md, Restoring by hand)"
}

// broken records that a key cannot be read, and gives the error. err wraps note.ErrBroken.
func (s *Store) broken(key string, err error) error {
	s.faults.add(key, err.Error(), metFault{text: err.Error(), grave: true})
	return broken(key, err)
}

// brokenEntry is broken for an entry of an index. Only a note's id is quoted: other entries may be anything.
func (s *Store) brokenEntry(index, entry, problem string) error {
	fault := junkFault("an entry", entry, anonymous)
	if note.IsID(entry) {
		fault = metFault{text: "names note " + entry + ", " + problem, grave: true}
	}
	s.faults.add(index, entry, fault)
	return broken(index, fmt.Errorf("%s: %w", fault.text, note.ErrBroken))
}

// junkFault is the fault of an entry or field that is not quoted, because it may be anything.
func junkFault(what, entry, is string) metFault {
	return metFault{text: fmt.Sprintf("has %s of %d bytes that is %s", what, len(entry), is)}
}

// Indexes are the kinds of keys that can have faults.
func Indexes() []string {
	return []string{
		"absent", "accounts", "closed", "day", "due", "held", "idem", "leases", "ledger", "log", "marks", "names",
		"note", "number", "open", "outbox", "outbox_due", "outbox_lanes", "outbox_places", "outbox_since", "people",
		"references", "session", "signed_out", "teams",
	}
}

// someBroken is the error of a list that gives what can be read.
type someBroken struct{ problems []error }

// incomplete gives the error of a list, nil when nothing is wrong.
func incomplete(problems []error) error {
	problems = slices.DeleteFunc(problems, func(err error) bool { return err == nil })
	if len(problems) == 0 {
		return nil
	}
	return &someBroken{problems}
}

// Error names the first few, those that tell an id before those that cannot.
func (e *someBroken) Error() string {
	named := slices.Clone(e.problems)
	slices.SortStableFunc(named, func(a, b error) int { return count(isAnonymous(a)) - count(isAnonymous(b)) })
	named = named[:min(len(named), mostNamed)]
	text := note.ErrIncomplete.Error() + ": " + errors.Join(named...).Error()
	if rest := len(e.problems) - len(named); rest > 0 {
		text += fmt.Sprintf("\nand %d more", rest)
	}
	return text
}

// Unwrap gives ErrIncomplete and the problems.
func (e *someBroken) Unwrap() []error { return append([]error{note.ErrIncomplete}, e.problems...) }

func isAnonymous(err error) bool { return strings.Contains(err.Error(), anonymous) }
