// Package fill makes servers for measurements, and fills them with many callback notes.
package fill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// Town is the municipality of all notes.
const Town call.MunicipalityID = "deventer"

// Scale is the number of notes in a Redis; the live ones are spread evenly over the teams.
type Scale struct {
	Notes int `json:"notes"`
	Live  int `json:"live"`
	Teams int `json:"teams"`
	// Begun is when the first was made; the others follow, a millisecond apart. Zero is a day without a daemon.
	Begun time.Time `json:"-"`
	// Told gives each note a caller's name and a matter of its own, as pages show.
	Told bool `json:"-"`
}

const (
	tag    = "bereikbaar:{deventer}:"
	bundle = 500 // notes in one trip
)

// begun is when the notes of a Scale without a time begin: a daemon would warn of them all.
var begun = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

// Redis stores notes by plain commands, many in a trip: the scripts would take an hour. The audit of the store's tests
// checks that the result equals that of the scripts, on a Redis filled with the first of these notes. The journal gets
// the live notes: closed ones it keeps for three days only.
func Redis(ctx context.Context, c *redis.Client, kept *journal.Journal, s Scale) error {
	if err := c.ConfigSet(ctx, "appendonly", "no").Err(); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	trips, failed := make(chan redis.Pipeliner, 4), make(chan error, 1)
	go func() {
		var first error
		for trip := range trips {
			if _, err := trip.Exec(ctx); err != nil && first == nil {
				first = err
			}
		}
		failed <- first
	}()
	trip := c.Pipeline()
	var live []note.Event
	for i := range s.Notes {
		made := put(ctx, trip, s, i)
		if i < s.Live {
			live = append(live, made)
		}
		if (i+1)%bundle == 0 {
			trips <- trip
			trip = c.Pipeline()
		}
	}
	for team := range s.Teams {
		made, live := share(s.Notes, s.Teams, team), share(s.Live, s.Teams, team)
		trip.HSet(ctx, tag+"ledger", "made:"+string(Team(s, team)), made)
		if made > live {
			trip.HSet(ctx, tag+"ledger", "cancelled:"+string(Team(s, team)), made-live)
		}
		trip.SAdd(ctx, tag+"teams", string(Team(s, team)))
	}
	trips <- trip
	close(trips)
	if err := <-failed; err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	for events := range slices.Chunk(live, bundle) {
		if err := kept.Append(Town, events...); err != nil {
			return fmt.Errorf("fill: %w", err)
		}
	}
	return logged(ctx, c)
}

// share is the i-th part of n things, dealt out in turn.
func share(n, among, i int) int { return (n - i + among - 1) / among }

// Team is the team of the i-th note.
func Team(s Scale, i int) call.TeamID { return call.TeamID(fmt.Sprintf("team%d", i%s.Teams)) }

// Note is the i-th note as it is made. The live ones come first, so that each team has its share of them.
func Note(s Scale, i int) (note.Note, note.Event, error) {
	reference, err := note.NewReference(bytes.NewReader(binary.BigEndian.AppendUint64(nil, uint64(i))))
	if err != nil {
		return note.Note{}, note.Event{}, err
	}
	first := s.Begun
	if first.IsZero() {
		first = begun
	}
	made := first.Add(time.Duration(i) * time.Millisecond)
	team := Team(s, i)
	n := note.Note{
		ID: note.ID(ulid.Make().String()), Reference: reference, Municipality: Town, Team: team, Owner: team,
		Key: note.Key(fmt.Sprintf("pbx1/1732300000.%d", i)), Call: call.ID(fmt.Sprintf("1732300000.%d", i)),
		Number:   call.Number{E164: fmt.Sprintf("+316%08d", 10_000_000+i), Kind: call.KindMobile, Country: "NL"},
		Verified: true, Language: "nl", Subject: "paspoort", Reason: "Wanneer is mijn paspoort klaar?",
		Made: made, Warn: made.Add(12 * time.Hour), Deadline: made.Add(24 * time.Hour),
	}
	if s.Told {
		n.Name, n.Subject = words(i, firstNames)+" "+words(i/7, lastNames), words(i, subjects)+" "+fmt.Sprint(i*7919%100_000)
	}
	e := note.Made(n, note.ByCaller)
	n, err = note.Apply(note.Note{}, e)
	return n, e, err
}

// Names and matters are made up.
var (
	firstNames = []string{"Anouk", "Cem", "Dirkje", "Els", "Fatima", "Gijs", "Hanneke", "Ümit", "Jörg", "Łucja"}
	lastNames  = []string{
		"de Boer", "Kaya", "van der Ven", "Jansen", "Özdemir", "Bakker", "Smit", "Vermeulen", "Nowak", "Hofstra",
		"Mulder", "van den Heuvel", "Postma",
	}
	subjects = []string{
		"Dakkapel aan de achterkant, aanvraag", "Bezwaar tegen de WOZ-waarde, aanslag", "Paspoort kwijt, afspraak",
		"Kapvergunning voor een eik, aanvraag", "Losse stoeptegel, melding", "Parkeervergunning, kenteken",
		"Geboorteakte, aanvraag", "Afval niet opgehaald, melding", "Kwijtschelding, brief",
	}
)

// words gives one of the texts.
func words(i int, of []string) string { return of[i%len(of)] }

// put stores the i-th note, and gives its made event.
func put(ctx context.Context, trip redis.Pipeliner, s Scale, i int) note.Event {
	n, made, err := Note(s, i)
	if err != nil {
		panic(err) // the same in every run
	}
	id := string(n.ID)
	entries := []string{logEntry(ctx, trip, 2*i+1, made)}
	if i < s.Live {
		due := float64(n.Deadline.UnixMilli()) + float64(note.MaxPriority)/(note.MaxPriority+1)
		trip.ZAdd(ctx, tag+"due:"+string(n.Team), redis.Z{Score: due, Member: id})
		trip.ZAdd(ctx, tag+"marks", redis.Z{Score: float64(n.Warn.UnixMilli()), Member: id})
		trip.HSet(ctx, tag+"open", hashed(n.Number.E164, string(n.Team), note.Matter(n.Subject)), id)
	} else {
		e := note.Event{
			ID: note.EventID(ulid.Make().String()), Note: n.ID, Kind: note.EventCancelled, Ver: 2,
			At:  n.Made.Add(time.Hour),
			Who: note.ByCaller,
		}
		if n, err = note.Apply(n, e); err != nil {
			panic(err)
		}
		entries = append(entries, logEntry(ctx, trip, 2*i+2, e))
		trip.ZAdd(ctx, tag+"closed", redis.Z{Score: float64(n.Closed.UnixMilli()), Member: id})
	}
	trip.HSet(ctx, tag+"note:"+id, flat(note.EncodeNote(n), "log", strings.Join(entries, " "))...)
	trip.ZAdd(ctx, tag+"number:"+hashed(n.Number.E164), redis.Z{Score: float64(n.Made.UnixMilli()), Member: id})
	for _, word := range listing.Words(n.Name) {
		trip.ZAdd(ctx, tag+"names", redis.Z{Member: word + " " + id})
	}
	trip.HSet(ctx, tag+"references", string(n.Reference), id)
	trip.HSet(ctx, tag+"idem", string(n.Key), id)
	return made
}

func logEntry(ctx context.Context, trip redis.Pipeliner, nth int, e note.Event) string {
	id := fmt.Sprintf("%d-0", nth)
	trip.XAdd(ctx, &redis.XAddArgs{Stream: tag + "log", ID: id, Values: flat(note.EncodeEvent(e))})
	return id
}

func flat(fields map[string]string, more ...any) []any {
	for name, value := range fields {
		more = append(more, name, value)
	}
	return more
}

func hashed(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// logged turns Redis's own log on again, and waits until all data is in it.
func logged(ctx context.Context, c *redis.Client) error {
	if err := c.ConfigSet(ctx, "appendonly", "yes").Err(); err != nil {
		return fmt.Errorf("turn the log on: %w", err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		info, err := c.Info(ctx, "persistence").Result()
		if err != nil {
			return fmt.Errorf("turn the log on: %w", err)
		}
		if strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0") {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("turn the log on: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// Audited checks that the fill equals the result of the scripts.
func Audited(ctx context.Context, c *redis.Client, s Scale) error {
	stored, err := redistest.Audit(ctx, c, Town)
	if err == nil && len(stored.Notes) != s.Notes {
		err = fmt.Errorf("it has %d notes, not %d", len(stored.Notes), s.Notes)
	}
	if err != nil {
		return fmt.Errorf("the fill differs from the scripts' result: %w", err)
	}
	return nil
}
