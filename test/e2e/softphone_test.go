package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// softphone is a telephone program whose sound the test follows.
type softphone struct {
	*rig.Softphone
	s        *scene
	listened int // phrases of this call that were heard before
}

func (s *scene) softphone(name string, pitch float64) *softphone {
	s.t.Helper()
	p, err := s.Softphone(s.ctx, name, pitch)
	require.NoError(s.t, err)
	return &softphone{Softphone: p, s: s}
}

func (p *softphone) dials(number string) {
	p.s.t.Helper()
	require.NoError(p.s.t, p.Dial(p.s.ctx, number))
	p.listened = 0
}

func (p *softphone) presses(keys string) {
	p.s.t.Helper()
	require.NoError(p.s.t, p.Press(p.s.ctx, keys))
}

// hears waits until a prompt begins, after what was heard before.
func (p *softphone) hears(id string) {
	p.s.t.Helper()
	p.s.eventually("hear "+id, func() error {
		phrases, err := p.Phrases()
		if err != nil {
			return err
		}
		at := slices.IndexFunc(
			phrases[min(p.listened, len(phrases)):], func(phrase rig.Phrase) bool { return phrase.Is(id) },
		)
		if at < 0 {
			return fmt.Errorf("heard only %v", phrases)
		}
		p.listened += at
		return nil
	})
}

// heard is the recording of the call so far.
func (p *softphone) heard() rig.Sound {
	p.s.t.Helper()
	sound, err := p.Heard()
	require.NoError(p.s.t, err)
	return sound
}

// hearsTone waits until the latest two seconds have a stretch of the other's tone, nearly pure.
func (p *softphone) hearsTone(of *softphone) {
	p.s.t.Helper()
	p.s.eventually(p.Name+" hears "+of.Name, func() error {
		sound, err := p.Heard()
		if err != nil {
			return err
		}
		if purest := sound[max(0, len(sound)-16000):].Purest(of.Pitch); purest < 0.9 {
			return fmt.Errorf("at best %.2f is the tone", purest)
		}
		return nil
	})
}

func TestASoftphoneRingsAndIsHelpedByASoftphone(t *testing.T) {
	s := open(t, team("kcc", map[string]any{"ring_time": "1m"})) // each call rings once
	agent, caller := s.softphone("kcc1", 1000), s.softphone("beller1", 440)

	for call, hangUp := range []func(){
		func() { require.NoError(t, caller.HangUp(s.ctx)) },
		func() { require.NoError(t, agent.HangUp(s.ctx)) },
	} {
		caller.dials("140570")
		caller.hears("nl/welkom-deventer")
		caller.hears("nl/menu-andere-vraag")
		spoken := caller.heard() // the recording up to here: welcome and menu
		require.Greater(t, spoken.Duration(), 4*time.Second)
		require.Greater(t, spoken.RMS(), -30.0, "speech of an ordinary loudness")
		require.Less(t, spoken.Silence(), 0.5, "mostly speech")
		require.Less(t, spoken.LongestSilence(), 2*time.Second, "the caller is not left in silence")

		caller.presses("2")
		caller.hears("nl/searching-agent")
		require.NoError(t, agent.AwaitRing(s.ctx, call+1))
		require.NoError(t, agent.Answer(s.ctx))
		agent.hearsTone(caller)
		caller.hearsTone(agent)
		hangUp()
		require.NoError(t, caller.AwaitEnd(s.ctx, call+1))
		require.NoError(t, agent.AwaitEnd(s.ctx, call+1))
		s.atRest()
	}
	require.Equal(t, 2.0, s.offered("kcc", call.OfferAnswered))
}

func TestASoftphoneMakesANoteWithItsKeys(t *testing.T) {
	s := open(t, nil)
	caller := s.softphone("beller1", 440) // an account, so no number to call back

	caller.dials("140570")
	caller.hears("nl/menu-aanvraag")
	caller.presses("1")
	caller.hears("nl/not-reachable")
	caller.hears("nl/offer-callback")
	caller.answersWith("1")
	caller.hears("nl/withheld-number")
	caller.hears("nl/enter-number")
	caller.answersWith("0570693911#")
	caller.hears("nl/call-back-on-number")
	for _, digit := range "0570693911" {
		caller.hears("nl/digit-" + string(digit))
	}
	caller.hears("nl/confirm-number")
	caller.answersWith("1")
	caller.hears("nl/call-back-by")
	n := s.kept("0570693911")
	require.Equal(t, call.TeamID("vergunningen"), n.Team)
	caller.hears("nl/your-reference-is")
	for _, digit := range string(n.Reference) {
		caller.hears("nl/digit-" + string(digit))
	}
	caller.hears("nl/goodbye")
	require.NoError(t, caller.AwaitEnd(s.ctx, 1))

	everything := caller.heard()
	require.Less(t, everything.Silence(), 0.6)
	require.Less(t, everything.LongestSilence(), 8*time.Second, "no longer than it takes to key in a number")
	s.atRest()
	require.Equal(t, 1.0, s.ended(call.CallbackPromised))
}

// answersWith presses keys some time into the question, as people do.
func (p *softphone) answersWith(keys string) {
	p.s.t.Helper()
	began := p.heard().Duration()
	p.s.eventually("the question is understood", func() error {
		if heard := p.heard().Duration() - began; heard < time.Second {
			return fmt.Errorf("heard for %s only", heard)
		}
		return nil
	})
	p.presses(keys)
}
