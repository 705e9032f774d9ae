package e2e

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// colleague is a colleague with a phone, who works notes over the JSON API.
type colleague struct {
	*rig.Agent
	s        *scene
	listened time.Time
}

// does posts an action on a note, in the name of the colleague.
func (c *colleague) does(what string, n note.Note) {
	c.s.t.Helper()
	c.tells(what, n, "{}")
}

// tells is does with a body.
func (c *colleague) tells(what string, n note.Note, body string) {
	c.s.t.Helper()
	c.s.eventually("the store answers", func() error { // a busy machine may exceed the daemon's own wait
		status, answer, err := c.s.Daemon.API(
			c.s.ctx, c.Name, http.MethodPost, "/api/notes/"+string(n.ID)+"/"+what, n.Ver, body,
		)
		require.NoError(c.s.t, err)
		if status == http.StatusServiceUnavailable && c.s.kept("0612345678").Ver == n.Ver {
			return errors.New(answer)
		}
		if status != http.StatusServiceUnavailable { // else it was done
			require.Less(c.s.t, status, 300, answer)
		}
		return nil
	})
}

// hearsWhole waits until a phrase has ended on the colleague's phone, after what was heard before.
func (c *colleague) hearsWhole(id string) {
	c.s.t.Helper()
	phrase, err := c.AwaitPhrase(c.s.ctx, c.listened, true, id)
	require.NoError(c.s.t, err)
	c.listened = phrase.From
}

// isHeardBy asserts that the caller hears the colleague, once the two are connected.
func (c *colleague) isHeardBy(outside *rig.Agent) {
	c.s.t.Helper()
	require.NoError(c.s.t, c.MakeHeard(c.s.ctx, outside.Handset, 440))
}

func (c *colleague) presses(key string) {
	c.s.t.Helper()
	require.NoError(c.s.t, c.Press(c.s.ctx, key))
}

// claimed makes a note in a call, and lets a colleague claim it.
func (c *colleague) claimed() note.Note {
	c.s.t.Helper()
	n := c.s.asksForANote("0612345678").confirmed("0612345678", "vergunningen", true)
	c.does("claim", n)
	return c.s.kept("0612345678")
}

// callsBack lets the colleague ask to be put through. verg1 logs in only now, so that no caller was put through to
// them.
func (s *scene) callsBack(b rig.Behaviour) (*colleague, note.Note) {
	s.t.Helper()
	c := &colleague{Agent: &rig.Agent{Name: "verg1"}, s: s}
	n := c.claimed()
	c.Agent = s.agent("verg1", b)
	c.does("call", n)
	return c, n
}

func (s *scene) callee(b rig.Behaviour) *rig.Agent {
	s.t.Helper()
	outside, err := s.Callee(b)
	require.NoError(s.t, err)
	return outside
}

func TestACallerIsCalledBackAndHelped(t *testing.T) {
	s := open(t, nil)
	outside := s.callee(rig.Behaviour{RingFor: 2 * time.Second})
	desk, n := s.callsBack(rig.Behaviour{})
	_, err := desk.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	shown, err := desk.Messages()
	require.NoError(t, err)
	require.Contains(
		t, shown, "Terugbelnotitie "+string(n.Reference), "the colleague's phone shows the callback and its reference",
	)
	desk.hearsWhole("nl/calling-back")

	_, err = outside.AwaitRing(s.ctx, 1)
	require.NoError(t, err)
	require.Equal(t, note.Calling, s.kept("0612345678").State, "written before it was dialled")
	said, err := outside.Messages()
	require.NoError(t, err)
	require.Contains(t, said, "INVITE sip:+31612345678@")
	require.Contains(t, said, "+31140570@", "the caller sees the municipality")
	require.NotContains(t, said, "verg1", "and not which employee calls")
	_, err = outside.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	desk.isHeardBy(outside)
	require.NoError(t, outside.HangUp(s.ctx, 1))

	desk.hearsWhole("nl/ask-result")
	desk.presses("1")
	desk.hearsWhole("nl/ask-resolved")
	desk.presses("1")
	desk.hearsWhole("nl/note-closed")
	after := s.kept("0612345678")
	require.Equal(t, note.Resolved, after.State)
	require.Equal(t, note.Reached, after.Outcome)
	require.True(t, after.NormMet)
	require.Equal(t, attempt.LineAnswered, after.Attempts[0].Line)
	require.Positive(t, after.Attempts[0].Talked)
	s.atRest()
}

func TestACallerIsNotReached(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		behaviour rig.Behaviour
		line      attempt.LineResult
		result    attempt.Result
		hears     string
	}{
		"busy":    {rig.Behaviour{Refuses: 486}, attempt.LineBusy, attempt.NotReached, "nl/attempt-not-reached"},
		"refuses": {rig.Behaviour{Refuses: 603}, attempt.LineRefused, attempt.Refused, "nl/attempt-noted"},
		"no answer": {
			rig.Behaviour{NeverAnswers: true}, attempt.LineNoAnswer, attempt.NotReached, "nl/attempt-not-reached",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, nil)
			outside := s.callee(test.behaviour)
			desk, _ := s.callsBack(rig.Behaviour{})
			_, err := outside.AwaitRing(s.ctx, 1)
			require.NoError(t, err)
			desk.hearsWhole(test.hears)
			after := s.kept("0612345678")
			require.Equal(t, note.Claimed, after.State, "theirs to try again")
			require.Len(t, after.Attempts, 1)
			require.Equal(t, test.line, after.Attempts[0].Line)
			require.Equal(t, test.result, after.Attempts[0].Result)
			s.atRest()
		})
	}
}

func TestTheColleagueDoesNotAnswerTheirOwnPhone(t *testing.T) {
	s := open(t, nil)
	outside := s.callee(rig.Behaviour{})
	desk, before := s.callsBack(rig.Behaviour{NeverAnswers: true})
	_, err := desk.AwaitEnd(s.ctx, 1)
	require.NoError(t, err)
	require.Empty(t, outside.Calls(), "the caller was not rung")
	require.Equal(t, before, s.kept("0612345678"), "and no attempt was made")
	s.atRest()
}

func TestANumberThatMayNoLongerBeDialledIsRefused(t *testing.T) {
	s := open(t, nil)
	outside := s.callee(rig.Behaviour{})
	desk, before := s.callsBack(rig.Behaviour{NeverAnswers: true})
	_, err := desk.AwaitRing(s.ctx, 1)
	require.NoError(t, err)
	require.NoError(
		t,
		s.Daemon.Configure(
			rig.Overrides(rig.AlwaysOpen(), map[string]any{"callbacks": map[string]any{"countries": []string{"BE"}}}),
		),
	)
	require.NoError(t, s.Daemon.Reload())
	s.eventually("the configuration is taken over", func() error {
		return equal(1, s.metric("bereikbaar_config_reloads_total", "result", "ok"))
	})
	require.NoError(t, desk.Answer(s.ctx, 1))
	desk.hearsWhole("nl/not-dialled")
	_, err = desk.AwaitEnd(s.ctx, 1)
	require.NoError(t, err)
	require.Empty(t, outside.Calls())
	require.Equal(t, before, s.kept("0612345678"))
	require.Equal(t, 1.0, s.metric("bereikbaar_dials_refused_total", "reason", "number"))
	s.atRest()
}
