package prompts

import "time"

// Deadline promises the callback: "Wij bellen u uiterlijk op dinsdag 24 november om 17 uur." t is in the municipality's
// zone. The words name the last moment (service norm 7 of the municipality), never a later one: seconds are dropped.
func (s Speaker) Deadline(t time.Time) Utterance {
	return s.utter([]ID{callBackBy}, s.noLaterThan(t), []ID{PauseLong})
}

// CallBackOn says "Wij bellen u terug op nummer …", where there is nothing to ask about it.
func (s Speaker) CallBackOn(number string) Utterance {
	return s.utter([]ID{callBackOnNumber, PauseShort}, s.Digits(number).Parts, []ID{PauseLong})
}

// GiveReference says "Uw kenmerk is …", the reference in pairs.
func (s Speaker) GiveReference(reference string) Utterance {
	return s.utter([]ID{yourReferenceIs, PauseShort}, s.Reference(reference).Parts, []ID{PauseLong})
}

// ReadBack reads the number that will be called and asks whether it is right: 1 for yes, 2 for another number.
func (s Speaker) ReadBack(number string) Utterance {
	return s.CallBackOn(number).Then(s.Say(confirmNumber))
}

// Position says how many callers are ahead of this one. It is not the place in the queue: the first in line has 0
// ahead. A negative number counts as 0.
func (s Speaker) Position(ahead int) Utterance {
	switch {
	case ahead <= 0:
		return s.Say(youAreNext)
	case ahead == 1:
		return s.Say(oneCallerBeforeYou)
	}
	return s.utter([]ID{thereAre}, s.Number(ahead).Parts, []ID{callersBeforeYou})
}

// ExpectedWait says an estimate, rounded up: to minutes, above ten minutes to five, and above an hour only that it is
// more. Less than a minute is said as such, zero and negative times included.
func (s Speaker) ExpectedWait(d time.Duration) Utterance {
	if d < time.Minute {
		return s.Say(waitUnderAMinute)
	}
	if d > time.Hour {
		return s.Say(waitOverAnHour)
	}
	minutes := int((d + time.Minute - 1) / time.Minute)
	if minutes == 1 {
		return s.Say(waitAboutAMinute)
	}
	if minutes > 10 {
		minutes = (minutes + 4) / 5 * 5
	}
	return s.utter([]ID{waitAbout}, s.Number(minutes).Parts, []ID{waitMinutes})
}

// Reopens says "U kunt ons weer bellen op dinsdag 24 november vanaf 9 uur." t is in the municipality's zone.
func (s Speaker) Reopens(t time.Time) Utterance {
	return s.utter([]ID{youCanCallUsAgain}, s.Date(t).Parts, []ID{startingAt}, s.Time(t).Parts, []ID{PauseLong})
}
