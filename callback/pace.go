package callback

import "time"

// leastWorked is how long a team must have worked on a day before its pace tells anything.
const leastWorked = 30 * time.Minute

// Day is how far a team has come with its notes on one day.
type Day struct {
	Overdue int           // live notes whose deadline has passed
	Due     int           // live notes whose deadline is still to come on that day
	Closed  int           // notes that were resolved or cancelled on that day
	Worked  time.Duration // of the team's working time on that day, until now
	Left    time.Duration // from now until the end of that day
}

// WillMiss says how many of the notes that are due later on the day will miss their deadline when the team goes on at
// the pace of the day, the overdue ones first. known is false as long as the team has worked too short to tell.
func (d Day) WillMiss() (notes int, known bool) {
	if d.Due == 0 {
		return 0, true
	}
	if d.Worked < leastWorked {
		return 0, false
	}
	can := int(float64(d.Closed) * d.Left.Hours() / d.Worked.Hours())
	return min(d.Due, max(0, d.Overdue+d.Due-can)), true
}
