package callback

import (
	"context"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"time"
)

// The counts of what is promised.
const (
	promisedCaller = "promised-caller"
	promisedNumber = "promised-number"
	promisedDay    = "promised"
)

// limited says what it means that a count of these is full.
var limited = map[string]struct {
	code dialling.Code
	text string
}{
	promisedCaller: {
		dialling.CodeCallerLimit,
		"from the caller's number %d notes were made today, the most that callbacks.limits allows",
	},
	promisedNumber: {
		dialling.CodeTargetLimit, "for this number %d notes were made today, the most that callbacks.limits allows",
	},
	promisedDay: {
		dialling.CodeDayLimit, "by telephone %d notes were made today, the most that callbacks.limits allows",
	},
}

// limitsOf gives the limits that a request meets. Who asked not to be shown has no number to count by, and a
// colleague's notes count for whom they are for only.
func limitsOf(l dialling.Limits, r Request) []dialling.Limit {
	var limits []dialling.Limit
	add := func(what, of string, most int) {
		if most > 0 {
			limits = append(limits, dialling.Limit{What: what, Of: of, Most: most})
		}
	}
	add(promisedNumber, r.Number.E164, l.Target)
	if r.Who == note.ByCaller {
		if r.Shown.Known() {
			add(promisedCaller, r.Shown.E164, l.Caller)
		}
		add(promisedDay, "", l.Day)
	}
	return limits
}

// within counts the request against the limits of its day, once for its key, and gives the refusal when one is reached;
// nil when it may become a note. It is counted before the note is made: of two at a time that would both be the last,
// one is refused. When the store cannot say it goes by what was asked of this program meanwhile: a promise matters
// more.
func (s *Service) within(ctx context.Context, r Request) (counted, *dialling.Refusal) {
	policy := s.rules.Policy(r.Municipality)
	limits := limitsOf(policy.Limits, r)
	if len(limits) == 0 {
		return counted{}, nil
	}
	c := counted{
		tally: s.store, day: dialling.DayOf(r.Municipality, r.At, policy.Clocks), clocks: policy.Clocks,
		once: "promise " + string(r.Key),
	}
	full, err := c.tally.Count(ctx, c.day, c.once, limits)
	if err != nil {
		c.tally = &s.meanwhile
		full, _ = c.tally.Count(ctx, c.day, c.once, limits) // never fails
	}
	if full == (dialling.Limit{}) {
		return c, nil
	}
	why := limited[full.What]
	return counted{}, dialling.Refuse(why.code, why.text, full.Most)
}

// counted is where and as what a request was counted. The zero value is of one that was not.
type counted struct {
	tally  dialling.Tally
	day    dialling.Day
	clocks *time.Location
	once   string
}

// answeredBy takes the count back unless it is that of the note which answers the request: one that its key made on
// that day. Any other was there already, and the request made none. What cannot be taken back stays counted: then the
// limit is reached early, not late.
func (c counted) answeredBy(ctx context.Context, n note.Note, key note.Key) {
	if c.tally == nil || n.Key == key && dialling.DayOf(n.Municipality, n.Made, c.clocks) == c.day {
		return
	}
	_ = c.tally.TakeBack(ctx, c.day, c.once)
}

// standing gives the note that a request has already, by its key or because a live one promises the same: what is no
// new note needs no room under the limits.
func (s *Service) standing(ctx context.Context, draft note.Note, r Request) (note.Note, How, bool) {
	his, _ := s.store.ByNumber(ctx, draft.Municipality, draft.Number, aRound) // what cannot be found is refused
	for _, n := range his {
		if n.Key == draft.Key {
			return n, Known, true
		}
	}
	for _, n := range his {
		if n.State.Live() && n.SameAs(draft) {
			n, err := s.merge(ctx, n, r)
			return n, Merged, err == nil
		}
	}
	return note.Note{}, "", false
}
