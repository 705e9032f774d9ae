package doctor

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// greatSkew is how far clocks may differ: the norm counts in days, and the log of a call in seconds.
const greatSkew = 2 * time.Second

const timeService = "Run a time service (systemd-timesyncd, chrony) and see that it reaches its servers"

// clockFacts is what the kernel says about its clock.
type clockFacts struct {
	synchronised bool
	err          error // the kernel does not say
}

// kernelClock asks adjtimex(2), which needs no rights when nothing is set.
func kernelClock() clockFacts {
	var now unix.Timex
	state, err := unix.Adjtimex(&now)
	return clockFacts{synchronised: state != unix.TIME_ERROR && now.Status&unix.STA_UNSYNC == 0, err: err}
}

func judgeKernelClock(f clockFacts) []Finding {
	switch {
	case f.err != nil:
		return []Finding{
			{
				checkClock, Warning, "the kernel does not say whether the clock is synchronised: " + f.err.Error(),
				timeService,
			},
		}
	case !f.synchronised:
		return []Finding{
			{
				checkClock, Warning,
				"the kernel says that no time service keeps the clock right; deadlines depend on it", timeService,
			},
		}
	}
	return []Finding{{Check: checkClock, Verdict: OK, Text: "a time service keeps it right"}}
}

// judgeSkew judges how far Asterisk's clock is ahead of ours, give or take half of the time that its answer took.
func judgeSkew(skew, took time.Duration) []Finding {
	if skew.Abs() <= greatSkew+took/2 {
		return nil
	}
	return []Finding{{
		checkClock, Warning,
		fmt.Sprintf("Asterisk's clock differs by %s from ours; waiting times would be wrong", skew.Round(time.Second)),
		timeService,
	}}
}
