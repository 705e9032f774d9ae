package doctor

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bereikbaar/bereikbaar/redisstore"
)

func TestRedisIsCalledSafeOnlyAfterATrial(t *testing.T) {
	at := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	elsewhere := fmt.Errorf("%w: it is on another machine", redisstore.ErrNotRehearsed)
	wontStart := fmt.Errorf("%w: %w: ACL errors", redisstore.ErrNotRehearsed, redisstore.ErrWouldNotStart)
	kept := redisstore.Proof{Run: "b", Seq: 7, Kept: at}
	lost := redisstore.Proof{Run: "b", Seq: 7, Lost: at, Had: 6, From: "a"}
	for name, test := range map[string]struct {
		facts   durabilityFacts
		verdict Verdict
		text    string
	}{
		"rehearsed": {durabilityFacts{}, OK, "keeps what it confirms: rehearsed"},
		"it forgets": {
			durabilityFacts{rehearsal: redisstore.ErrForgets, proof: kept}, Wrong, "the next restart loses",
		},
		"not rehearsed, and never restarted": {durabilityFacts{rehearsal: elsewhere}, Warning, "not proven yet"},
		"not rehearsed, and seen": {
			durabilityFacts{rehearsal: elsewhere, proof: kept}, OK, "kept what it had confirmed over the restart",
		},
		"its own files keep it from starting": {
			durabilityFacts{rehearsal: wontStart, proof: kept}, Wrong, "its next start fails: ",
		},
		"its own files keep it from starting, and no proof": {
			durabilityFacts{rehearsal: wontStart}, Wrong, "its next start fails: ",
		},
		"not rehearsed, and lost": {
			durabilityFacts{rehearsal: elsewhere, proof: lost}, Wrong, "lost what it had confirmed",
		},
		"rehearsed by now, and lost before": {durabilityFacts{proof: lost}, Wrong, "lost what it had confirmed"},
		"not rehearsed, and the proof is unreadable": {
			durabilityFacts{rehearsal: elsewhere, unread: errors.New("permission denied")},
			Warning, "permission denied",
		},
	} {
		t.Run(name, func(t *testing.T) { finds(t, judgeDurability(test.facts), test.verdict, test.text) })
	}
}
