package redistest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/notify"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
)

// Stored is the data that an audit read.
type Stored struct {
	Notes  map[note.ID]note.Note
	Events map[note.ID][]note.Event // of each note, first to last
}

// Audit reads all data of a municipality, past the store and its keys, and gives it with every breach of what must hold
// after any fault:
//
//   - the log replays to the notes, the end of each lease included (I5); so versions only grow, one event each (I6),
//     with one owner at each (I3), nothing closed opens without an event (I7), and no deadline changes (I9);
//   - one note answers for a key (I2), and no event is stored twice;
//   - a live note is in the due list of its team alone (I4), at its deadline and priority;
//   - every other index agrees exactly with the notes, and every key is known here;
//   - what is kept of people can be read, and every session is kept under a hash and ends;
//   - a notification that waits is whole, is due, and holds nothing but ids;
//   - the ledger agrees with the events, and balances.
//
// It reads in a few trips; it is for tests and measurements, not for a Redis that callers wait for.
func Audit(ctx context.Context, c redis.UniversalClient, m call.MunicipalityID) (Stored, error) {
	a := &auditor{
		tag:    "bereikbaar:{" + string(m) + "}:",
		hashes: make(map[string]map[string]string), zsets: make(map[string]map[string]float64),
		sets:   make(map[string][]string),
		outbox: make(map[string]map[string]string), outboxIDs: make(map[string][]string),
		stored: Stored{Notes: make(map[note.ID]note.Note), Events: make(map[note.ID][]note.Event)},
	}
	if err := a.read(ctx, c); err != nil {
		return a.stored, err
	}
	if err := a.sessions(ctx, c); err != nil {
		return a.stored, err
	}
	a.notes()
	a.log()
	a.replay()
	a.indexes()
	a.ledger()
	a.notifications()
	return a.stored, errors.Join(a.problems...)
}

// auditor collects the data and its faults. Names of keys are without their tag.
type auditor struct {
	tag    string
	hashes map[string]map[string]string
	zsets  map[string]map[string]float64
	sets   map[string][]string
	stream []redis.XMessage
	outbox map[string]map[string]string // items by lane's key
	// ids by key: when they are due, and their ages
	outboxIDs map[string][]string
	lanes     []string
	stored    Stored
	entries   map[note.ID][]string // ids in the log
	problems  []error
}

func (a *auditor) wrong(format string, args ...any) {
	a.problems = append(a.problems, fmt.Errorf(format, args...))
}

// read fetches every key in one trip. A key of another type than it should have is an error.
func (a *auditor) read(ctx context.Context, c redis.UniversalClient) error {
	names, err := a.names(ctx, c)
	if err != nil {
		return err
	}
	var keep []func()
	_, err = c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, name := range names {
			keep = append(keep, a.fetch(ctx, p, name))
		}
		p.Time(ctx) // an empty Redis is no error
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	for _, k := range keep {
		k()
	}
	return nil
}

func (a *auditor) names(ctx context.Context, c redis.UniversalClient) ([]string, error) {
	var names []string
	scan := c.Scan(ctx, 0, a.tag+"*", 10_000).Iterator()
	for scan.Next(ctx) {
		names = append(names, strings.TrimPrefix(scan.Val(), a.tag))
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("list the keys: %w", err)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// fetch asks for a key, and gives the function that keeps the answer.
func (a *auditor) fetch(ctx context.Context, p redis.Pipeliner, name string) func() {
	kind, _, _ := strings.Cut(name, ":")
	switch kind {
	case "day": // counts that expire: no state
		return func() {}
	case "absent":
		cmd := p.HGetAll(ctx, a.tag+name)
		return func() {
			for colleague, text := range cmd.Val() {
				if _, err := staff.DecodeAbsence(call.AgentID(colleague), text); err != nil {
					a.wrong("key %s: %w", name, err)
				}
			}
		}
	case "outbox_places": // how far it was told: any of it may be
		cmd := p.HGetAll(ctx, a.tag+name)
		return func() { _ = cmd.Val() }
	case "outbox":
		cmd := p.HGetAll(ctx, a.tag+name)
		return func() { a.outbox[name] = cmd.Val() }
	case "outbox_lanes":
		cmd := p.SMembers(ctx, a.tag+name)
		return func() { a.lanes = cmd.Val() }
	case "outbox_due", "outbox_since":
		cmd := p.ZRange(ctx, a.tag+name, 0, -1)
		return func() { a.outboxIDs[name] = cmd.Val() }
	case "people", "accounts", "signed_out":
		cmd := p.HGetAll(ctx, a.tag+name)
		return func() { a.people(name, cmd.Val()) }
	case "note", "idem", "references", "open", "ledger":
		cmd := p.HGetAll(ctx, a.tag+name)
		return func() { a.hashes[name] = cmd.Val() }
	case "due", "number", "marks", "leases", "closed", "names":
		cmd := p.ZRangeWithScores(ctx, a.tag+name, 0, -1)
		return func() {
			a.zsets[name] = make(map[string]float64)
			for _, z := range cmd.Val() {
				a.zsets[name][fmt.Sprint(z.Member)] = z.Score
			}
		}
	case "teams", "held":
		cmd := p.SMembers(ctx, a.tag+name)
		return func() { a.sets[name] = slices.Sorted(slices.Values(cmd.Val())) }
	case "log":
		cmd := p.XRange(ctx, a.tag+name, "-", "+")
		return func() { a.stream = cmd.Val() }
	}
	return func() { a.wrong("key %s is not known", name) }
}

// notifications checks the outbox. Text of a caller cannot be in it: an item is what its encoding gives, ids only.
func (a *auditor) notifications() {
	var lanes []string
	for name, items := range a.outbox {
		_, lane, _ := strings.Cut(name, ":")
		lanes = append(lanes, lane)
		for id, text := range items {
			i, err := notify.DecodeItem(notify.Lane(lane), id, text)
			if err != nil || notify.EncodeItem(i) != text {
				a.wrong("key %s: item %s holds more or less than it should: %w", name, id, cmp.Or(err, note.ErrBroken))
			}
		}
		ids := slices.Sorted(maps.Keys(items))
		for _, kind := range []string{"outbox_due:", "outbox_since:"} {
			if has := slices.Sorted(slices.Values(a.outboxIDs[kind+lane])); !slices.Equal(has, ids) {
				a.wrong("key %s: has %v, and the items are %v", kind+lane, has, ids)
			}
			delete(a.outboxIDs, kind+lane)
		}
	}
	for name := range a.outboxIDs {
		a.wrong("key %s: has items that are not there", name)
	}
	if has := slices.Sorted(slices.Values(a.lanes)); !slices.Equal(has, slices.Sorted(slices.Values(lanes))) {
		a.wrong("the outbox: lanes are %v, and items wait in %v", has, lanes)
	}
}

// people checks what is stored of persons.
func (a *auditor) people(name string, fields map[string]string) {
	for field, text := range fields {
		var err error
		id := field
		switch name {
		case "people":
			source, of, _ := strings.Cut(field, ":")
			id = of
			if source != string(staff.FromPage) && source != string(staff.FromSignIn) {
				err = fmt.Errorf("field %s is of no source: %w", field, note.ErrBroken)
				break
			}
			_, err = staff.DecodePerson("", call.AgentID(id), text)
		case "accounts":
			_, err = signin.DecodeAccount("", call.AgentID(id), text)
		default:
			_, err = strconv.ParseUint(text, 10, 63)
		}
		if err != nil || !signin.ValidID(call.AgentID(id)) {
			a.wrong("key %s: field %s: %w", name, field, cmp.Or(err, note.ErrBroken))
		}
	}
}

// sessions checks the keys of no municipality: they are sessions under a hash, and every one of them expires.
func (a *auditor) sessions(ctx context.Context, c redis.UniversalClient) error {
	scan := c.Scan(ctx, 0, "bereikbaar:[^{]*", 10_000).Iterator()
	for scan.Next(ctx) {
		if strings.HasPrefix(scan.Val(), "bereikbaar:witness:") { // whether this Redis has forgotten something
			continue
		}
		hash, session := strings.CutPrefix(scan.Val(), "bereikbaar:session:")
		if !session {
			a.wrong("key %s is not known", scan.Val())
			continue
		}
		if sum, err := base64.RawURLEncoding.DecodeString(hash); err != nil || len(sum) != sha256.Size {
			a.wrong("key %s: a session is kept under something that is no hash", scan.Val())
		}
		left, err := c.TTL(ctx, scan.Val()).Result()
		if err != nil {
			return fmt.Errorf("ask when a session ends: %w", err)
		}
		if left == -1 { // -2: it has ended meanwhile
			a.wrong("key %s: a session that does not end", scan.Val())
		}
	}
	if err := scan.Err(); err != nil {
		return fmt.Errorf("list the sessions: %w", err)
	}
	return nil
}

func (a *auditor) notes() {
	keys := make(map[note.Key]note.ID)
	for name, fields := range a.hashes {
		id, ok := strings.CutPrefix(name, "note:")
		if !ok {
			continue
		}
		n, err := note.DecodeNote(fields)
		if err != nil || string(n.ID) != id {
			a.wrong("note %s: holds %s: %w", id, n.ID, cmp.Or(err, note.ErrBroken))
			continue
		}
		if other, taken := keys[n.Key]; taken && n.Key != "" {
			a.wrong("I2: notes %s and %s have one key", n.ID, other)
		}
		keys[n.Key] = n.ID
		a.stored.Notes[n.ID] = n
	}
}

func (a *auditor) log() {
	a.entries = make(map[note.ID][]string)
	seen := make(map[note.EventID]bool)
	for _, entry := range a.stream {
		fields := make(map[string]string, len(entry.Values))
		for name, value := range entry.Values {
			fields[name] = fmt.Sprint(value)
		}
		e, err := note.DecodeEvent(fields)
		if err != nil {
			a.wrong("log entry %s: %w", entry.ID, err)
			continue
		}
		if seen[e.ID] {
			a.wrong("log entry %s: event %s is stored twice", entry.ID, e.ID)
		}
		seen[e.ID] = true
		a.stored.Events[e.Note] = append(a.stored.Events[e.Note], e)
		a.entries[e.Note] = append(a.entries[e.Note], entry.ID)
	}
}

func (a *auditor) replay() {
	for id, events := range a.stored.Events {
		n, err := note.Replay(events)
		stored, ok := a.stored.Notes[id]
		switch {
		case err != nil:
			a.wrong("I5: the log of note %s: %w", id, err)
		case !ok:
			a.wrong("I5: the log has note %s, which is not there", id)
		case !maps.Equal(note.EncodeNote(n), note.EncodeNote(stored)):
			a.wrong("I5: the log leads to %v, and %v is stored", note.EncodeNote(n), note.EncodeNote(stored))
		}
		if has := a.hashes["note:"+string(id)]["log"]; has != strings.Join(a.entries[id], " ") {
			a.wrong("note %s: names its events as %s, and they are %v", id, has, a.entries[id])
		}
	}
	for id := range a.stored.Notes {
		if len(a.stored.Events[id]) == 0 {
			a.wrong("I5: the log does not have note %s", id)
		}
	}
}

// hashed keeps personal data out of names.
func hashed(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// indexes compares every index with the notes.
func (a *auditor) indexes() {
	want := &expected{
		zsets: map[string]map[string]float64{}, hashes: map[string]map[string]string{}, sets: map[string][]string{},
	}
	for _, id := range slices.Sorted(maps.Keys(a.stored.Notes)) {
		want.add(a.stored.Notes[id])
	}
	for name, members := range want.sets {
		slices.Sort(members)
		want.sets[name] = slices.Compact(members)
	}
	hashes := make(map[string]map[string]string)
	for name, fields := range a.hashes {
		switch {
		case strings.HasPrefix(name, "note:"), name == "ledger":
		case name == "open", name == "references": // several notes to a field, in the order in which they came
			hashes[name] = make(map[string]string, len(fields))
			for field, ids := range fields {
				hashes[name][field] = strings.Join(slices.Sorted(slices.Values(strings.Fields(ids))), " ")
			}
		default:
			hashes[name] = fields
		}
	}
	compare(a, want.zsets, a.zsets)
	compare(a, want.hashes, hashes)
	compare(a, want.sets, a.sets)
}

func compare[V any](a *auditor, want, has map[string]V) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !reflect.DeepEqual(want[name], has[name]) {
			a.wrong("index %s (I4 for a due list): should hold %v, holds %v", name, want[name], has[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(has)) {
		if _, known := want[name]; !known {
			a.wrong("index %s (I4 for a due list): should not be there, holds %v", name, has[name])
		}
	}
}

// expected is the content that the indexes should have.
type expected struct {
	zsets  map[string]map[string]float64
	hashes map[string]map[string]string
	sets   map[string][]string
}

func (w *expected) add(n note.Note) {
	who := func(texts ...string) string { return hashed(append([]string{n.Number.E164}, texts...)...) }
	if n.State.Live() {
		later := float64(note.MaxPriority-n.Priority) / (note.MaxPriority + 1)
		w.scored("due:"+string(n.Team), n, float64(n.Deadline.UnixMilli())+later)
		matter := []string{string(n.Team), note.Matter(n.Subject)}
		if n.Separate { // it stands by itself
			matter = append(matter, string(n.ID))
		}
		w.named("open", who(matter...), n)
		if _, at, ok := n.NextMark(); ok {
			w.scored("marks", n, float64(at.UnixMilli()))
		}
	}
	if holder := n.Holder(); holder != "" {
		w.sets["held:"+string(holder)] = append(w.sets["held:"+string(holder)], string(n.ID))
	}
	if n.State.Held() {
		end := int64(0)
		if !n.Lease.IsZero() {
			end = n.Lease.UnixMilli()
		}
		w.scored("leases", n, float64(end))
	}
	if n.State == note.Resolved || n.State == note.Cancelled {
		w.scored("closed", n, float64(n.Closed.UnixMilli()))
	}
	if n.State != note.Purged {
		w.scored("number:"+who(), n, float64(n.Made.UnixMilli()))
		if n.Shown.Known() {
			w.scored("number:"+hashed(n.Shown.E164), n, float64(n.Made.UnixMilli()))
		}
		for _, word := range listing.Words(n.Name) {
			if w.zsets["names"] == nil {
				w.zsets["names"] = make(map[string]float64)
			}
			w.zsets["names"][word+" "+string(n.ID)] = 0
		}
		w.named("references", string(n.Reference), n)
		w.named("idem", string(n.Key), n)
	}
	for _, stint := range n.Stints {
		w.sets["teams"] = append(w.sets["teams"], string(stint.Team))
	}
}

func (w *expected) scored(name string, n note.Note, score float64) {
	if w.zsets[name] == nil {
		w.zsets[name] = make(map[string]float64)
	}
	w.zsets[name][string(n.ID)] = score
}

// named adds a note to a field; notes come in the order of their ids.
func (w *expected) named(name, field string, n note.Note) {
	if w.hashes[name] == nil {
		w.hashes[name] = make(map[string]string)
	}
	w.hashes[name][field] = strings.TrimSpace(w.hashes[name][field] + " " + string(n.ID))
}

// ledger compares the counts with the events. The events of a purged note are gone: it counts as purged where it ended,
// and as made where it began; the balance gives its end and its reopenings.
func (a *auditor) ledger() {
	least, live, purged := make(map[string]int64), int64(0), false
	for id, n := range a.stored.Notes {
		if n.State.Live() {
			live++
		}
		if n.State == note.Purged {
			purged = true
			least["purged:"+string(n.Team)]++
			if len(n.Stints) > 0 {
				least["made:"+string(n.Stints[0].Team)]++
			}
			continue
		}
		team := call.TeamID("")
		for _, e := range a.stored.Events[id] {
			team = teamAfter(team, e)
			switch e.Kind {
			case note.EventMade, note.EventResolved, note.EventCancelled, note.EventReopened:
				least[string(e.Kind)+":"+string(team)]++
			default:
			}
		}
	}
	total := make(map[string]int64)
	for field, text := range a.hashes["ledger"] {
		var counted int64
		if _, err := fmt.Sscan(text, &counted); err != nil {
			a.wrong("the ledger: field %s: %w", field, err)
		}
		kind, _, _ := strings.Cut(field, ":")
		total[kind] += counted
		exact := !purged || kind == "purged" || kind == "made"
		if counted < least[field] || exact && counted != least[field] {
			a.wrong("the ledger: %s is %d, by the events %d", field, counted, least[field])
		}
		delete(least, field)
	}
	for field, count := range least {
		a.wrong("the ledger: %s is missing, by the events %d", field, count)
	}
	if total["made"] != live+total["resolved"]+total["cancelled"]-total["reopened"] {
		a.wrong("the ledger does not balance: %d live, %v", live, total)
	}
}

// teamAfter is the note's team after an event.
func teamAfter(team call.TeamID, e note.Event) call.TeamID {
	switch e.Kind {
	case note.EventMade:
		return e.Base.Team
	case note.EventRerouted:
		return e.Team
	default:
		return team
	}
}
