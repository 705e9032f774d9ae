package callback

import (
	"context"
	"strings"

	"github.com/bereikbaar/bereikbaar/note"
)

// again says how a request stands to the note that its key made before.
func (s *Service) again(ctx context.Context, r Request, n note.Note) How {
	if asks(r, s.asMade(ctx, r, n)) {
		return Known
	}
	return Reused
}

// asks reports whether a note is what a request asked for.
func asks(r Request, n note.Note) bool {
	return n.Team == r.Team && n.Number.E164 == r.Number.E164 && n.Verified == (r.Shown.E164 == r.Number.E164) &&
		note.Matter(n.Subject) == note.Matter(r.Subject) && n.Language == r.Language && n.Call == r.Call &&
		n.Separate == r.Separate && n.Name == strings.TrimSpace(r.Name) && n.Reason == r.Reason &&
		n.Window == r.Window && n.Personal == r.Personal
}

// asMade is a note as it was asked for, before later changes: another team may have it by now, or no colleague in
// person. A field that its history lacks is as in the note now.
func (s *Service) asMade(ctx context.Context, r Request, n note.Note) note.Note {
	if n.Ver == 1 && n.Personal == r.Personal { // nothing was changed since
		return n
	}
	if len(n.Stints) > 0 {
		n.Team = n.Stints[0].Team
	}
	events, _ := s.store.Events(ctx, n.Municipality, n.ID)
	if len(events) == 0 || events[0].Base == nil {
		return n
	}
	n.Personal = events[0].Base.Personal
	// the colleague was absent: the note was the team's from the beginning
	if n.Personal == "" && events[0].Reason != "" && r.Personal != "" {
		n.Personal = r.Personal
	}
	return n
}
