package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bereikbaar/bereikbaar/redisstore"
)

// durabilityFacts is what trials say about whether Redis keeps what it confirms.
type durabilityFacts struct {
	rehearsal error            // see redisstore.Rehearsal
	proof     redisstore.Proof // what the daemon saw
	unread    error            // why the proof could not be read
}

// tryDurability holds the rehearsal and reads what the daemon saw.
func tryDurability(ctx context.Context, in Installation) durabilityFacts {
	f := durabilityFacts{rehearsal: in.Rehearse(ctx)}
	f.proof, f.unread = in.Proof()
	return f
}

// judgeDurability calls Redis safe only when a trial showed that it keeps what it confirms. A loss that the daemon saw
// weighs more than a rehearsal, which only tests the files as they are now.
func judgeDurability(f durabilityFacts) []Finding {
	problem, wanting := f.proof.Problem()
	switch {
	case f.unread != nil:
		problem, wanting = redisstore.Problem{
			Text: f.unread.Error(), Mend: "Run the doctor as a user who may read the state directory",
		}, true
	case problem.Grave:
		return slices.Concat(
			[]Finding{{checkDurability, Wrong, problem.Text, problem.Mend}},
			forgets(f.rehearsal), wontStart(f.rehearsal),
		)
	}
	switch {
	case f.rehearsal == nil:
		return []Finding{{
			Check: checkDurability, Verdict: OK,
			Text: "it keeps what it confirms: rehearsed with its own program, configuration and users",
		}}
	case !errors.Is(f.rehearsal, redisstore.ErrNotRehearsed):
		return forgets(f.rehearsal)
	case errors.Is(f.rehearsal, redisstore.ErrWouldNotStart):
		return wontStart(f.rehearsal)
	case wanting:
		return []Finding{{checkDurability, Warning, problem.Text + "; and " + f.rehearsal.Error(), problem.Mend}}
	}
	return []Finding{{Check: checkDurability, Verdict: OK, Text: fmt.Sprintf(
		"it kept what it had confirmed over the restart that was seen %s; %s",
		f.proof.Kept.Local().Format("2006-01-02 15:04"), f.rehearsal)}}
}

// forgets is the finding of a rehearsal that lost writes.
func forgets(rehearsal error) []Finding {
	if !errors.Is(rehearsal, redisstore.ErrForgets) {
		return nil
	}
	return []Finding{{
		checkDurability, Wrong,
		"rehearsed: " + rehearsal.Error() + ": the next restart loses what callers were promised",
		redisstore.MendDefaultUser,
	}}
}

// wontStart is the finding of a rehearsal that the server's own files stopped.
func wontStart(rehearsal error) []Finding {
	if !errors.Is(rehearsal, redisstore.ErrWouldNotStart) {
		return nil
	}
	return []Finding{{
		checkDurability, Wrong, "Redis runs, and its next start fails: " + rehearsal.Error(),
		"Mend the file that it names (redis.conf, or users.acl) before anything restarts Redis, and look again with " +
			"`bereikbaar doctor`",
	}}
}
