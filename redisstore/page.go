package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
)

var (
	//go:embed page.lua
	pageSource string

	pageScript = redis.NewScript(pageSource)
)

const (
	replyPage = "page"

	// maxTeams bounds the lists that one page merges.
	maxTeams = 1000
	// maxSkipped bounds the entries that one page looks at for a filter that no index has.
	maxSkipped = 5000
	// maxNamed bounds the notes that a word of a name is looked up in.
	maxNamed = 2000
)

// Page gives live notes of teams, due first: see listing.Finder.
//
//	KEYS  the due lists of the teams (zset)
//	ARGV  1 the score of the place to go on after; empty for the beginning  2 its note  3 the score to end before;
//	      empty for none  4 how many entries
//	returns {"page", id, score, id, score, …} | {"broken", key, problem}
//
// Its time grows with the number of teams and with the page, not with the number of notes.
func (s *Store) Page(ctx context.Context, m call.MunicipalityID, q listing.Query) (listing.Page, error) {
	score, id, err := q.After.Parts()
	if err != nil {
		return listing.Page{}, err
	}
	limit := min(max(q.Limit, 1), maxList)
	if len(q.Teams) == 0 {
		return listing.Page{}, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var page listing.Page
	var problems []error
	for looked := 0; ; {
		entries, err := s.pageOf(ctx, m, q, score, string(id), limit+1)
		if err != nil {
			return listing.Page{}, err
		}
		more := len(entries) > limit
		entries = entries[:min(len(entries), limit)]
		found, err := s.ofPage(ctx, m, entries)
		if errors.Is(err, note.ErrStoreDown) {
			return listing.Page{}, err
		}
		problems = append(problems, err)
		for i, entry := range entries {
			score, id = entry.score, entry.id
			looked++
			n, ok := found[entry.id]
			if !ok || !q.Matches(n) { // it has left the list since, or its filter is not the list's
				continue
			}
			if page.Notes = append(page.Notes, n); len(page.Notes) == limit {
				if more || i < len(entries)-1 {
					page.Next = listing.At(score, id)
				}
				return page, incomplete(flat(problems))
			}
		}
		if !more {
			return page, incomplete(flat(problems))
		}
		if looked >= maxSkipped {
			page.Next = listing.At(score, id)
			return page, incomplete(flat(problems))
		}
	}
}

// entry is a place of a due list.
type entry struct {
	id    note.ID
	score string
}

// pageOf gives the next entries of the merged due lists.
func (s *Store) pageOf(
	ctx context.Context, m call.MunicipalityID, q listing.Query, score, id string, limit int,
) ([]entry, error) {
	k := keysOf(m)
	var keys []string
	for _, team := range q.Teams[:min(len(q.Teams), maxTeams)] {
		if key := k.due(team); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	end := ""
	if !q.Until.IsZero() {
		end = milli(q.Until.UnixMilli())
	}
	reply, err := s.run(ctx, pageScript, keys, []any{score, id, end, limit})
	switch {
	case err != nil:
		return nil, down("read a page of live notes", err)
	case len(reply)%2 == 0 || reply[0] != replyPage:
		return nil, s.unexpected("read a page of live notes", reply)
	}
	entries := make([]entry, 0, len(reply)/2)
	for pair := range slices.Chunk(reply[1:], 2) {
		entries = append(entries, entry{note.ID(pair[0]), pair[1]})
	}
	return entries, nil
}

// ofPage reads the notes of entries.
func (s *Store) ofPage(ctx context.Context, m call.MunicipalityID, entries []entry) (map[note.ID]note.Note, error) {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = string(e.id)
	}
	notes, err := s.notes(ctx, m, ids, keysOf(m).tag+"due:*")
	found := make(map[note.ID]note.Note, len(notes))
	for _, n := range notes {
		found[n.ID] = n
	}
	return found, err
}

// ByName gives at most limit notes of a name, the newest first, whatever their state: see listing.Finder.
func (s *Store) ByName(ctx context.Context, m call.MunicipalityID, name string, limit int) ([]note.Note, error) {
	words := listing.Words(name)
	if len(words) == 0 {
		return nil, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	longest := slices.MaxFunc(words, func(a, b string) int { return len(a) - len(b) }) // it is the rarest
	index := keysOf(m).names()
	members, err := s.client.ZRangeArgs(ctx, redis.ZRangeArgs{
		Key: index, ByLex: true, Start: "(" + longest + "\xff", Stop: "[" + longest, Rev: true, Count: maxNamed,
	}).Result()
	if err != nil {
		return nil, s.unread(index, err)
	}
	var ids []string
	for _, member := range members {
		_, id, _ := strings.Cut(member, " ")
		ids = append(ids, id)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	slices.Reverse(ids) // the newest first: an id begins with the time
	var notes []note.Note
	var problems []error
	for some := range slices.Chunk(ids, max(limit, 1)) {
		found, err := s.notes(ctx, m, some, index)
		if errors.Is(err, note.ErrStoreDown) {
			return nil, err
		}
		problems = append(problems, err)
		for _, n := range found {
			if len(notes) < limit && listing.Called(n, words) {
				notes = append(notes, n)
			}
		}
		if len(notes) == limit {
			break
		}
	}
	return notes, incomplete(flat(problems))
}
