package e2e

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// isRefused asserts that the API refuses an action on a note, with this code.
func (s *scene) isRefused(who, what string, n note.Note, code string) {
	s.t.Helper()
	s.eventually(what+" is refused", func() error {
		seen := s.now(n)
		status, body, err := s.Daemon.API(
			s.ctx, who, http.MethodPost, "/api/notes/"+string(n.ID)+"/"+what, seen.Ver, "{}",
		)
		require.NoError(s.t, err)
		if strings.Contains(body, `"code":"stale"`) { // the daemon changed it since it was seen
			return errors.New(body)
		}
		require.Contains(s.t, []int{http.StatusConflict, http.StatusUnprocessableEntity}, status, body)
		require.Contains(s.t, body, `"code":"`+code+`"`)
		return nil
	})
}

// seesItThrough answers the given questions to the colleague, until the note is closed.
func (c *colleague) seesItThrough(questions ...string) {
	c.s.t.Helper()
	for _, question := range questions {
		c.hearsWhole(question)
		c.presses("1")
	}
	c.hearsWhole("nl/note-closed")
	n := c.s.kept("0612345678")
	require.Equal(c.s.t, note.Resolved, n.State)
	require.Equal(c.s.t, note.Reached, n.Outcome)
	last := n.Attempts[len(n.Attempts)-1]
	require.Equal(c.s.t, attempt.LineAnswered, last.Line)
	require.Positive(c.s.t, last.Talked)
	c.s.atRest()
}

// crashes kills and restarts the daemon; the colleague's phone is heard from the kill on.
func (c *colleague) crashes() {
	c.s.t.Helper()
	require.NoError(c.s.t, c.s.Daemon.Kill())
	c.listened = time.Now()
	require.NoError(c.s.t, c.s.Daemon.Restart(c.s.ctx))
}

// The daemon's death does not cut the two off, and the callback goes on.
func TestTheDaemonIsKilledDuringACallback(t *testing.T) {
	s := open(t, nil)
	outside := s.callee(rig.Behaviour{})
	desk, _ := s.callsBack(rig.Behaviour{})
	_, err := outside.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	desk.isHeardBy(outside)
	desk.crashes()
	desk.isHeardBy(outside)
	n := s.kept("0612345678")
	require.Equal(t, note.Calling, n.State)
	s.isRefused("kcc1", "claim", n, "state")
	require.NoError(t, outside.HangUp(s.ctx, 1))
	desk.seesItThrough("nl/ask-result", "nl/ask-resolved")
	_, err = desk.AwaitEnd(s.ctx, 1)
	require.NoError(t, err, "their phone is free again")
	require.Len(t, s.kept("0612345678").Attempts, 1)
}

// A caller whom the colleague transferred is not cut off either, and keeps talking; the note records how long. The
// colleague is free meanwhile.
func TestTheDaemonIsKilledAfterACallbackWasPutThrough(t *testing.T) {
	s := open(t, nil)
	desk := &colleague{Agent: &rig.Agent{Name: "verg1"}, s: s}
	n := desk.claimed()
	next := s.asksForANote("0612345679").confirmed("0612345679", "vergunningen", true)
	desk.does("claim", next)
	phone, other := s.softphone("verg1", 1000), s.agent("kcc1", rig.Behaviour{})
	outside := s.callee(rig.Behaviour{})
	desk.does("call", n)
	require.NoError(t, phone.AwaitRing(s.ctx, 1))
	require.NoError(t, phone.Answer(s.ctx))
	_, err := outside.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	require.NoError(t, outside.AwaitTone(s.ctx, time.Time{}, phone.Pitch))
	require.NoError(t, phone.PutThroughTo("kcc1"))
	_, err = other.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	require.NoError(t, other.MakeHeard(s.ctx, outside.Handset, 440))
	desk.does("call", s.kept("0612345679")) // they can go on with the next
	require.NoError(t, phone.AwaitRing(s.ctx, 2))
	require.NoError(t, phone.HangUp(s.ctx))
	s.crashes()
	require.Zero(t, s.metric("bereikbaar_calls_active"), "none of them is a caller")
	require.NoError(t, other.MakeHeard(s.ctx, outside.Handset, 440))
	require.NoError(t, outside.HangUp(s.ctx, 1))
	_, err = other.AwaitEnd(s.ctx, 1)
	require.NoError(t, err)
	s.atRest()
	kept := s.kept("0612345678")
	require.Equal(t, note.Calling, kept.State, "the colleague gives the outcome elsewhere")
	require.Equal(t, attempt.LineAnswered, kept.Attempts[0].Line)
	require.Positive(t, kept.Attempts[0].Talked)
}

// Row 10 of the fault matrix, before a caller is reached: phones that ring for a dead daemon stop, the note keeps its
// owner and records whether the caller's phone may have rung, and the colleague asks to be put through anew.
func TestTheDaemonIsKilledBeforeACallerIsReached(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		until func(t *testing.T, s *scene, desk *colleague, outside *rig.Agent, n note.Note)
		tried []attempt.LineResult // then
		rung  int                  // calls to the colleague's phone by then
	}{
		"it is claimed": {func(*testing.T, *scene, *colleague, *rig.Agent, note.Note) {}, nil, 0},
		"the colleague's phone rings": {func(t *testing.T, s *scene, desk *colleague, _ *rig.Agent, n note.Note) {
			desk.does("call", n)
			_, err := desk.AwaitRing(s.ctx, 1)
			require.NoError(t, err)
		}, nil, 1},
		"the caller's phone rings": {func(t *testing.T, s *scene, desk *colleague, outside *rig.Agent, n note.Note) {
			desk.does("call", n)
			require.NoError(t, desk.Answer(s.ctx, 1))
			_, err := outside.AwaitRing(s.ctx, 1)
			require.NoError(t, err)
		}, []attempt.LineResult{attempt.LineAbandoned}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, nil)
			desk := &colleague{Agent: &rig.Agent{Name: "verg1"}, s: s}
			n := desk.claimed()
			desk.Agent = s.agent("verg1", rig.Behaviour{NeverAnswers: true})
			outside := s.callee(rig.Behaviour{NeverAnswers: true})
			test.until(t, s, desk, outside, n)
			desk.crashes()
			for call := range desk.Calls() {
				_, err := desk.AwaitEnd(s.ctx, call+1)
				require.NoError(t, err)
			}
			for call := range outside.Calls() {
				_, err := outside.AwaitEnd(s.ctx, call+1)
				require.NoError(t, err)
			}
			s.atRest()
			n = s.kept("0612345678")
			require.Equal(t, note.Claimed, n.State)
			s.isRefused("kcc1", "claim", n, "state")
			var tried []attempt.LineResult
			for _, a := range n.Attempts {
				tried = append(tried, a.Line)
				require.Equal(t, attempt.NotReached, a.Result)
			}
			require.Equal(t, test.tried, tried)
			require.Len(t, outside.Calls(), len(tried))
			require.Len(t, desk.Calls(), test.rung)

			desk.does("call", n)
			require.NoError(t, desk.Answer(s.ctx, test.rung+1))
			require.NoError(t, outside.Answer(s.ctx, len(tried)+1))
			require.NoError(t, outside.HangUp(s.ctx, len(tried)+1))
			desk.seesItThrough("nl/ask-result", "nl/ask-resolved")
		})
	}
}

// The same after the caller was reached: the colleague is asked the questions that they have not answered.
func TestTheDaemonIsKilledWhileAColleagueGivesTheResult(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tells []string // before the kill
		hears string   // at the kill
		state note.State
		asked []string // after it
	}{
		"asked for the result": {
			nil, "nl/ask-result", note.Calling, []string{"nl/ask-result", "nl/ask-resolved"},
		},
		"the result is given": {
			[]string{"nl/ask-result"}, "nl/ask-resolved", note.Claimed, []string{"nl/ask-resolved"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, nil)
			outside := s.callee(rig.Behaviour{})
			desk, _ := s.callsBack(rig.Behaviour{})
			require.NoError(t, outside.HangUp(s.ctx, 1))
			for _, question := range test.tells {
				desk.hearsWhole(question)
				desk.presses("1")
			}
			desk.hearsWhole(test.hears)
			before := s.kept("0612345678")
			desk.crashes()
			n := s.kept("0612345678")
			require.Equal(t, test.state, n.State)
			require.Equal(t, before.Attempts, n.Attempts)
			s.isRefused("kcc1", "claim", n, "state")
			desk.seesItThrough(test.asked...)
			require.Len(t, outside.Calls(), 1)
		})
	}
}
