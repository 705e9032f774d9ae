package callback

import (
	"context"
	"time"
)

// Limits bound how many notes are made in one day of the municipality's calendar: whoever rings can key in the numbers of strangers,
// and colleagues would ring them. 0 sets no bound.
type Limits struct {
	Caller int            // by telephone from one number, as the line showed it
	Target int            // to ring one number back, whoever asks
	Day    int            // by telephone, in all
	Clocks *time.Location // of the municipality; nil when there is no bound
}

// The counts of what is promised.
const (
	promisedCaller = "promised-caller"
	promisedNumber = "promised-number"
	promisedDay    = "promised"
)

// limited says what it means that a count of these is full.
var limited = map[string]struct {
	code Code
	text string
}{
	promisedCaller: {CodeCallerLimit, "from the caller's number %d notes were made today, the most that callbacks.limits allows"},
	promisedNumber: {CodeTargetLimit, "for this number %d notes were made today, the most that callbacks.limits allows"},
	promisedDay:    {CodeDayLimit, "by telephone %d notes were made today, the most that callbacks.limits allows"},
}

// of gives the limits that a request meets. Who asked not to be shown has no number to count by, and a colleague's notes count for
// whom they are for only.
func (l Limits) of(r Request) []Limit {
	var limits []Limit
	add := func(what, of string, most int) {
		if most > 0 {
			limits = append(limits, Limit{what, of, most})
		}
	}
	add(promisedNumber, r.Number.E164, l.Target)
	if r.Who == ByCaller {
		if r.Shown.Known() {
			add(promisedCaller, r.Shown.E164, l.Caller)
		}
		add(promisedDay, "", l.Day)
	}
	return limits
}

// within counts the request against the limits of its day, once for its key, and gives the refusal when one is reached; nil when it may
// become a note. When the store cannot say it goes by what was asked of this program meanwhile: a promise matters more.
func (s *Service) within(ctx context.Context, r Request) *Refusal {
	most := s.rules.Policy(r.Municipality).Limits
	limits := most.of(r)
	if len(limits) == 0 {
		return nil
	}
	day, once := DayOf(r.Municipality, r.At, most.Clocks), "promise "+string(r.Key)
	full, err := s.store.Count(ctx, day, once, limits)
	if err != nil {
		full, _ = s.meanwhile.Count(ctx, day, once, limits) // never fails
	}
	if full == (Limit{}) {
		return nil
	}
	why := limited[full.What]
	return refuse(why.code, why.text, full.Most)
}

// standing gives the note that a request has already, by its key or because a live one promises the same: what is no new note needs no
// room under the limits.
func (s *Service) standing(ctx context.Context, draft Note, r Request) (Note, bool) {
	his, _ := s.store.ByNumber(ctx, draft.Municipality, draft.Number, aRound) // what cannot be found is refused
	for _, n := range his {
		if n.Key == draft.Key {
			return n, true
		}
	}
	for _, n := range his {
		if n.State.Live() && n.SameAs(draft) {
			n, err := s.merge(ctx, n, r)
			return n, err == nil
		}
	}
	return Note{}, false
}
