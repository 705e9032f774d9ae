package calendar

import (
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/nl"
)

// The library computes in the zone of the machine, where midnight may not exist on a holiday (Cairo, 27 April 2029):
// the day would come out as the one before. Only this package imports it, so its default can be set here.
func init() { cal.DefaultLoc = time.UTC }

// holidays are the days on which a municipality is closed: the eight of the municipal labour agreement and the two
// Sundays that belong to them, which matter to a team that is open on Sundays. Liberation Day is free every year. The
// library's own list is not used unchanged: Good Friday is a working day unless the municipality says otherwise.
func holidays(goodFriday bool) []*cal.Holiday {
	days := []*cal.Holiday{
		nl.Nieuwjaar, nl.EerstePaasdag, nl.TweedePaasdag, nl.Koningsdag, nl.BevrijdingsDag,
		nl.Hemelvaart, nl.EerstePinksterDag, nl.TweedePinksterDag, nl.EersteKerstdag, nl.TweedeKerstdag,
	}
	if goodFriday {
		days = append(days, nl.GoedeVrijdag)
	}
	return days
}

// Holiday is the name of the holiday on d, in Dutch. King's Day is the day on which it is kept: 26 April when the 27th
// is a Sunday. (The library would call both a holiday.)
func (c *Calendar) Holiday(d Date) (name string, ok bool) {
	for _, h := range c.holidays {
		if _, kept := h.Calc(d.Year); !kept.IsZero() && DateOf(kept, time.UTC) == d {
			return h.Name, true
		}
	}
	return "", false
}
