package redisstore

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
)

// place is where a note stands in one index: the command that puts it there and the one that takes it away, as
// common.lua names them.
type place struct {
	key  string
	put  []string
	take []string
}

// places gives every index in which a note stands. The changes of a transition are the difference between the places
// before and after it, so that no index is forgotten.
func places(n note.Note) []place {
	if n.State == note.None {
		return nil
	}
	k, id := keysOf(n.Municipality), string(n.ID)
	var all []place
	zset := func(key, score string) {
		all = append(all, place{key: key, put: []string{"zadd", score, id}, take: []string{"zrem", id}})
	}
	if n.State.Live() {
		zset(k.due(n.Team), listing.Score(n))
		if _, at, ok := n.NextMark(); ok {
			zset(k.marks(), milli(at.UnixMilli()))
		}
		same := same(n)
		all = append(all, place{key: k.open(), put: []string{"refer", same, id}, take: []string{"unrefer", same, id}})
	}
	if holder := n.Holder(); holder != "" {
		all = append(all, place{key: k.held(holder), put: []string{"sadd", id}, take: []string{"srem", id}})
	}
	if n.State.Held() {
		// The script sets the score; planOf puts it anew at a renewal.
		all = append(all, place{key: k.leases(), put: []string{"lease", id}, take: []string{"zrem", id}})
	}
	if n.State == note.Resolved || n.State == note.Cancelled {
		zset(k.closed(), milli(n.Closed.UnixMilli()))
	}
	if n.State != note.Purged {
		for _, number := range n.Numbers() {
			zset(k.number(number), milli(n.Made.UnixMilli()))
		}
		all = append(all,
			place{
				key: k.references(), put: []string{"refer", string(n.Reference), id},
				take: []string{"unrefer", string(n.Reference), id},
			},
			place{key: k.idem(), put: []string{"hset", string(n.Key), id}, take: []string{"hdel", string(n.Key)}})
	}
	for _, word := range listing.Words(n.Name) {
		member := word + " " + id
		all = append(all, place{key: k.names(), put: []string{"zadd", "0", member}, take: []string{"zrem", member}})
	}
	return append(all, place{key: k.teams(), put: []string{"sadd", string(n.Team)}}) // once known, always known
}

// same names the promise that a caller can have once at a time, see note.Note.SameAs.
func same(n note.Note) string {
	if n.Separate {
		return hashed(n.Number.E164, string(n.Team), note.Matter(n.Subject), string(n.ID))
	}
	return hashed(n.Number.E164, string(n.Team), note.Matter(n.Subject))
}

// The kinds of count in the ledger, before the colon and the team. They only grow.
const (
	ledgerMade      = "made"
	ledgerResolved  = "resolved"
	ledgerCancelled = "cancelled"
	ledgerReopened  = "reopened"
	ledgerPurged    = "purged"
)

var ledgerOf = map[note.EventKind]string{
	note.EventMade:      ledgerMade,
	note.EventResolved:  ledgerResolved,
	note.EventCancelled: ledgerCancelled,
	note.EventReopened:  ledgerReopened,
	note.EventPurged:    ledgerPurged,
}

// plan collects the keys and changes of one transition for a script.
type plan struct {
	keys    []string
	changes entries
}

// planOf gives what an event changes: the note and the log are its first keys.
func planOf(before, after note.Note, e note.Event) *plan {
	k := keysOf(after.Municipality)
	p := &plan{
		keys: append(make([]string, 0, keysRoom), k.note(after.ID), k.log()), changes: make(entries, 0, changesRoom),
	}
	was, is := places(before), places(after)
	for _, old := range was {
		if len(old.take) > 0 && !slices.ContainsFunc(is, old.covers) {
			p.add(old.key, old.take)
		}
	}
	renewed := e.Hold > 0
	for _, now := range is {
		if !slices.ContainsFunc(was, now.equals) || renewed && now.put[0] == "lease" {
			p.add(now.key, now.put)
		}
	}
	for _, field := range counted(before, after, e) {
		p.add(k.ledger(), []string{"count", field, "1"})
	}
	return p
}

// counted gives the fields of the ledger that an event counts in. A purged note that the store lost is restored as
// purged: it counts as made and closed too, or the ledger would not balance.
func counted(before, after note.Note, e note.Event) []string {
	kind, ok := ledgerOf[e.Kind]
	if !ok {
		return nil
	}
	fields := []string{kind + ":" + string(after.Team)}
	if e.Kind != note.EventPurged || before.State != note.None {
		return fields
	}
	first, end := after.Team, ledgerCancelled
	if len(after.Stints) > 0 {
		first = after.Stints[0].Team
	}
	if after.Outcome != "" {
		end = ledgerResolved
	}
	return append(fields, ledgerMade+":"+string(first), end+":"+string(after.Team))
}

// equals reports whether two places are one, score and all.
func (p place) equals(o place) bool { return p.key == o.key && slices.Equal(p.put, o.put) }

// covers reports whether putting the note in o takes it out of p: the member of a sorted set gets another score.
func (p place) covers(o place) bool { return p.key == o.key && slices.Equal(p.take, o.take) }

func (p *plan) add(key string, command []string) {
	p.changes = p.changes.add(command[0], p.at(key), command[1:]...)
}

// keysRoom, in keys, and changesRoom, in bytes, are enough for most transitions.
const (
	keysRoom    = 16
	changesRoom = 1024
)

// entries are lists for a script, as JSON: a word, the number of a key, and texts. They are encoded by hand: each note
// has a dozen, and an encoder by reflection took a tenth of the daemon's time for a note.
type entries []byte

func (e entries) add(word string, key int, texts ...string) entries {
	e = append(e, ',', '[')
	e = appendText(e, word)
	e = append(e, ',')
	e = strconv.AppendInt(e, int64(key), 10)
	for _, text := range texts {
		e = append(e, ',')
		e = appendText(e, text)
	}
	return append(e, ']')
}

// String is the list of all.
func (e entries) String() string {
	if len(e) == 0 {
		return "[]"
	}
	return "[" + string(e[1:]) + "]"
}

// appendText appends a text as JSON.
func appendText(to []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text) // texts can always be written
			return append(to, quoted...)
		}
	}
	to = append(to, '"')
	to = append(to, text...)
	return append(to, '"')
}

// at is the number of a key, counted from 1 as scripts do.
func (p *plan) at(key string) int {
	at := slices.Index(p.keys, key)
	if at < 0 {
		p.keys = append(p.keys, key)
		at = len(p.keys) - 1
	}
	return at + 1
}

// list encodes a list for the scripts, nil as an empty one.
func list(of []string) string {
	if of == nil {
		of = []string{}
	}
	text, _ := json.Marshal(of) // texts can always be written
	return string(text)
}

func milli(ms int64) string { return strconv.FormatInt(ms, 10) }

// pairs lays fields out as a script takes them, in a fixed order.
func pairs(fields map[string]string) []any {
	laid := make([]any, 0, 2*len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		laid = append(laid, name, fields[name])
	}
	return laid
}

// differs gives the changed fields, and the names of the removed ones.
func differs(before, after map[string]string) (changed map[string]string, gone []string) {
	changed = make(map[string]string)
	for name, value := range after {
		if before[name] != value {
			changed[name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, still := after[name]; !still {
			gone = append(gone, name)
		}
	}
	return changed, gone
}
