package callback

import (
	"context"
	"time"

	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
)

// The counts of promises.
const (
	promisedCaller = "promised-caller"
	promisedNumber = "promised-number"
	promisedDay    = "promised"
)

// limited gives the code and the text for each full count.
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

// limitsOf gives the limits that a request meets. A withheld caller has no number to count by, and a colleague's
// request counts only for the number to call back.
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
// one is refused. While the store cannot count, this program's own counts decide: a promise matters more.
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

// counted is how a request was counted. The zero value is no count.
type counted struct {
	tally  dialling.Tally
	day    dialling.Day
	clocks *time.Location
	once   string
}

// answeredBy takes the count back unless the request's key made the note on that day: any other note was there already.
// A count that cannot be taken back stays: then the limit is reached early, not late.
func (c counted) answeredBy(ctx context.Context, n note.Note, key note.Key) {
	if c.tally == nil || n.Key == key && dialling.DayOf(n.Municipality, n.Made, c.clocks) == c.day {
		return
	}
	_ = c.tally.TakeBack(ctx, c.day, c.once)
}

// standing gives the note that a request has already, by its key or because a live one promises the same: it needs no
// room under the limits.
func (s *Service) standing(ctx context.Context, draft note.Note, r Request) (note.Note, How, bool) {
	notes, _ := s.store.ByNumber(ctx, draft.Municipality, draft.Number, aRound) // without them the request is refused
	for _, n := range notes {
		if n.Key == draft.Key {
			return n, s.again(ctx, r, n), true
		}
	}
	for _, n := range notes {
		if n.State.Live() && n.SameAs(draft) {
			n, err := s.merge(ctx, n, r)
			return n, Merged, err == nil
		}
	}
	return note.Note{}, "", false
}
