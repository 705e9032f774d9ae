package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// made lets a colleague make a note for a number and claim it.
func (s *scene) made(who, team, number string) note.Note {
	s.t.Helper()
	var receipt struct{ Reference note.Reference }
	body := fmt.Sprintf(`{"team":%q,"number":%q,"subject":"voor %s"}`, team, number, team)
	_, answer, err := s.Daemon.API(s.ctx, who, http.MethodPost, "/api/notes", 0, body)
	require.NoError(s.t, err)
	require.NoError(s.t, json.Unmarshal([]byte(answer), &receipt), answer)
	find := func() note.Note {
		for _, n := range s.notes(number) {
			if n.Reference == receipt.Reference {
				return n
			}
		}
		require.Fail(s.t, "the note is not there")
		return note.Note{}
	}
	n := find()
	status, answer, err := s.Daemon.API(s.ctx, who, http.MethodPost, "/api/notes/"+string(n.ID)+"/claim", n.Ver, "{}")
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, status, answer)
	return find()
}

// asksToCall lets a colleague ask to be put through, and gives status and body of the answer.
func (s *scene) asksToCall(who string, n note.Note) (status int, answer string) {
	s.t.Helper()
	status, answer, err := s.Daemon.API(s.ctx, who, http.MethodPost, "/api/notes/"+string(n.ID)+"/call", n.Ver, "{}")
	require.NoError(s.t, err)
	return status, answer
}

// now is the stored note.
func (s *scene) now(n note.Note) note.Note {
	s.t.Helper()
	for _, stored := range s.notes(n.Number.E164) {
		if stored.ID == n.ID {
			return stored
		}
	}
	require.Fail(s.t, "the note is gone")
	return note.Note{}
}

// One number has notes at two teams. The second colleague hears who calls it, and nothing is counted.
func TestTwoColleaguesDoNotCallOneNumberAtOnce(t *testing.T) {
	const number = "0612345678"
	s := open(t, nil)
	outside := s.callee(rig.Behaviour{NeverAnswers: true})
	first, second := s.agent("verg1", rig.Behaviour{}), s.agent("kcc1", rig.Behaviour{})
	one, two := s.made("verg1", "vergunningen", number), s.made("kcc1", "kcc", number)
	status, answer := s.asksToCall("verg1", one)
	require.Equal(t, http.StatusOK, status, answer)
	_, err := outside.AwaitRing(s.ctx, 1)
	require.NoError(t, err)

	refused := func() {
		t.Helper()
		status, answer := s.asksToCall("kcc1", two)
		require.Equal(t, http.StatusConflict, status, answer)
		require.Contains(t, answer, `"code":"dial_engaged"`)
		require.Contains(t, answer, "verg1")
		require.Contains(t, answer, "vergunningen")
	}
	refused()
	require.NoError(t, outside.Answer(s.ctx, 1))
	desk := &colleague{Agent: first, s: s}
	desk.isHeardBy(outside)
	refused()
	desk.crashes()
	desk.isHeardBy(outside)
	refused()
	require.Equal(t, two, s.now(two), "the note is as it was: no attempt was made")
	require.Empty(t, second.Calls(), "nor did that phone ring")

	require.NoError(t, outside.HangUp(s.ctx, 1))
	desk.hearsWhole("nl/ask-result")
	status, answer = s.asksToCall("kcc1", two)
	require.Equal(t, http.StatusOK, status, "the number is free again: "+answer)
	_, err = outside.AwaitRing(s.ctx, 2)
	require.NoError(t, err)
	require.NoError(t, first.HangUp(s.ctx, 1))
	require.NoError(t, second.HangUp(s.ctx, 1))
	s.atRest()
}

func TestOfTwoColleaguesAtOneInstantOneCalls(t *testing.T) {
	const number = "0612345678"
	s := open(t, nil)
	outside := s.callee(rig.Behaviour{NeverAnswers: true})
	phones := map[string]*rig.Agent{
		"verg1": s.agent("verg1", rig.Behaviour{}), "kcc1": s.agent("kcc1", rig.Behaviour{}),
	}
	notes := map[string]note.Note{
		"verg1": s.made("verg1", "vergunningen", number), "kcc1": s.made("kcc1", "kcc", number),
	}
	statuses := map[string]int{}
	var mu sync.Mutex
	var asking sync.WaitGroup
	for who, n := range notes {
		asking.Go(func() {
			status, _, err := s.Daemon.API(s.ctx, who, http.MethodPost, "/api/notes/"+string(n.ID)+"/call", n.Ver, "{}")
			mu.Lock()
			defer mu.Unlock()
			if statuses[who] = status; err != nil {
				statuses[who] = -1
			}
		})
	}
	asking.Wait()
	require.ElementsMatch(t, []int{http.StatusOK, http.StatusConflict}, []int{statuses["verg1"], statuses["kcc1"]})
	_, err := outside.AwaitRing(s.ctx, 1)
	require.NoError(t, err)
	for who, phone := range phones {
		if statuses[who] == http.StatusConflict {
			require.Empty(t, phone.Calls())
			require.Equal(t, notes[who], s.now(notes[who]))
			continue
		}
		require.NoError(t, phone.HangUp(s.ctx, 1))
	}
	s.atRest()
	require.Len(t, outside.Calls(), 1)
}

// A waiting caller would be busy, or be called away from their place.
func TestACallerWhoWaitsIsNotCalled(t *testing.T) {
	const line, number = "0612345670", "0687654321"
	s := open(t, team("kcc", map[string]any{"ring_time": "1m"}))
	outside := s.callee(rig.Behaviour{NeverAnswers: true})
	s.leavesAnotherNumber(line, number)
	phone, answers := s.agent("verg1", rig.Behaviour{NeverAnswers: true}), s.agent("kcc1", rig.Behaviour{
		NeverAnswers: true,
	})
	n := s.kept(number)
	status, said, err := s.Daemon.API(s.ctx, "verg1", http.MethodPost, "/api/notes/"+string(n.ID)+"/claim", n.Ver, "{}")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, said)
	n = s.kept(number)

	c := s.ringsFrom(line)
	refused := func(who string) {
		t.Helper()
		status, said := s.asksToCall("verg1", n)
		require.Equal(t, http.StatusConflict, status, said)
		require.Contains(t, said, `"code":"dial_caller_here"`)
		require.Contains(t, said, who)
		require.Equal(t, n, s.kept(number))
	}
	c.answersUntil("nl/menu-aanvraag", []answer{{"nl/note-choices", "4"}, {"nl/menu-aanvraag", ""}})
	refused("menu")
	c.presses("2")
	_, err = answers.AwaitRing(s.ctx, 1)
	require.NoError(t, err)
	refused("kcc")
	c.hears("music")
	require.NoError(t, s.Daemon.Kill())
	require.NoError(t, s.Daemon.Restart(s.ctx))
	_, err = answers.AwaitRing(s.ctx, 2)
	require.NoError(t, err)
	refused("kcc")
	require.NoError(t, answers.Answer(s.ctx, 2))
	c.talksTo(answers)
	refused("kcc1")
	c.hangsUp()
	_, err = answers.AwaitEnd(s.ctx, 2)
	require.NoError(t, err)

	status, said = s.asksToCall("verg1", n)
	require.Equal(t, http.StatusOK, status, "the line is free again: "+said)
	require.NoError(t, phone.Answer(s.ctx, 1))
	_, err = outside.AwaitRing(s.ctx, 1)
	require.NoError(t, err)
	require.NoError(t, phone.HangUp(s.ctx, 1))
	s.atRest()
}

// The caller rings us while the colleague's own phone rings: the caller is not dialled, and the colleague hears why.
func TestACallerWhoRingsMeanwhileIsNotDialled(t *testing.T) {
	s := open(t, nil)
	outside := s.callee(rig.Behaviour{})
	desk, before := s.callsBack(rig.Behaviour{NeverAnswers: true})
	_, err := desk.AwaitRing(s.ctx, 1)
	require.NoError(t, err)
	c := s.ringsAgain("0612345678")
	require.NoError(t, desk.Answer(s.ctx, 1))
	desk.hearsWhole("nl/caller-rings-us")
	_, err = desk.AwaitEnd(s.ctx, 1)
	require.NoError(t, err)
	c.hangsUp()
	require.Empty(t, outside.Calls())
	require.Equal(t, before, s.kept("0612345678"), "no attempt")
	s.atRest()
}

// A colleague whose own phone is logged out gets an error, instead of waiting for it to ring.
func TestAColleagueWhosePhoneIsLoggedOutIsToldSo(t *testing.T) {
	s := open(t, nil)
	outside := s.callee(rig.Behaviour{})
	c := &colleague{Agent: &rig.Agent{Name: "verg1"}, s: s}
	n := c.claimed()
	status, answer := s.asksToCall("verg1", n)
	require.Equal(t, http.StatusUnprocessableEntity, status, answer)
	require.Contains(t, answer, `"code":"dial_phone_offline"`)
	phone := s.agent("verg1", rig.Behaviour{})
	require.NoError(t, phone.LogOut(s.ctx))
	status, answer = s.asksToCall("verg1", n)
	require.Equal(t, http.StatusUnprocessableEntity, status, answer)
	require.Empty(t, outside.Calls())
	require.Equal(t, n, s.kept("0612345678"))
	phone = s.agent("verg1", rig.Behaviour{})
	c.Agent = phone
	c.does("call", n)
	_, err := phone.AwaitTalk(s.ctx, 1)
	require.NoError(t, err)
	require.NoError(t, phone.HangUp(s.ctx, 1))
	s.atRest()
}
