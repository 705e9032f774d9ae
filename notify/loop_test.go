package notify

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

func TestANewNoteIsToldToWhomItConcerns(t *testing.T) {
	inScene(t, func(s *scene) {
		s.rules.Receivers = append(s.rules.Receivers,
			Receiver{
				Name: PersonName("els"), Municipality: deventer, Lane: MailLane, Kinds: []Kind{NewNote}, Person: "els",
			},
			Receiver{
				Name: PersonName("jan"), Municipality: deventer, Lane: MailLane, Kinds: []Kind{NewNote}, Person: "jan",
				Teams: []call.TeamID{"burgerzaken"},
			},
		)
		stop := s.runs()
		defer stop()
		n := s.makes(func(n *note.Note) { n.Personal = "els" })
		s.makes(func(n *note.Note) { n.Team, n.Owner = "archief", "archief" })
		passes(3 * time.Second)
		mails := s.post.of(MailLane)
		require.Len(t, mails, 2)
		require.ElementsMatch(t, []string{"balie@deventer.nl", "els@deventer.nl"},
			[]string{mails[0].Address, mails[1].Address})
		for _, m := range mails {
			require.Contains(t, m.Subject, string(n.Reference))
			require.Contains(t, m.Body, "https://bel.deventer.nl/notes/"+string(n.Reference))
			require.NotContains(t, m.Body, "612345678")
			require.NotContains(t, m.Body, "paspoort")
		}
		require.Equal(t, 1, s.meter.count("dropped mail new no_address"), "nothing is known of Jan")
		hooks := s.post.of(hook)
		require.Len(t, hooks, 1)
		var says told
		require.NoError(t, json.Unmarshal(hooks[0].Data, &says))
		require.Equal(t, "note.new", says.Type)
		require.Equal(t, string(n.Reference), says.Data.Note.Reference)
		require.NotContains(t, string(hooks[0].Data), "612345678")
		require.Zero(t, s.box.waiting())
		s.quiet()
	})
}

func TestWarningsAndLatenessAreTold(t *testing.T) {
	inScene(t, func(s *scene) {
		stop := s.runs()
		defer stop()
		n := s.makes(func(n *note.Note) { n.Warn = n.Made.Add(time.Hour) })
		passes(2 * time.Second)
		n = s.does(n, note.EventWarned, note.BySystem)
		passes(2 * time.Second)
		n = s.does(n, note.EventOverdue, note.BySystem)
		passes(2 * time.Second)
		n = s.does(n, note.EventClaimed, "agent:jan", func(e *note.Event) { e.Hold = time.Hour })
		s.does(n, note.EventRerouted, "agent:jan", func(e *note.Event) { e.Team, e.Reason = "kcc", "x" })
		passes(2 * time.Second)
		var kinds []Kind
		for _, m := range s.post.of(MailLane) {
			kinds = append(kinds, m.Kind)
		}
		require.Equal(t, []Kind{NewNote, Warning, Overdue}, kinds, "the desk is not told of a note that left it")
		require.Len(t, s.post.of(hook), 4, "the program is: it is new to another team")
	})
}

func TestWhatHappenedMeanwhileIsToldOnceAfterAStart(t *testing.T) {
	inScene(t, func(s *scene) {
		s.runs()()
		n := s.makes()
		require.Empty(t, s.post.of(MailLane))
		first, second := s.runs(), s.runs()
		passes(5 * time.Second)
		first()
		second()
		require.Len(t, s.post.of(MailLane), 1, "also when two daemons look")
		require.Len(t, s.post.of(hook), 1)
		s.runs()()
		require.Len(t, s.post.of(MailLane), 1)
		require.Contains(t, s.post.of(MailLane)[0].Subject, string(n.Reference))
	})
}

func TestASlowServerHoldsUpNoOther(t *testing.T) {
	inScene(t, func(s *scene) {
		s.post.hang[MailLane] = true
		stop := s.runs()
		for range 3 {
			s.makes()
		}
		passes(3 * time.Second)
		require.Len(t, s.post.of(hook), 3)
		require.Empty(t, s.post.of(MailLane))
		require.Equal(t, 3, s.box.waiting())
		begun := time.Now()
		stop()
		require.Less(t, time.Since(begun), 2*finish, "a stop does not wait for it")
	})
}

func TestAServerIsAwayAndComesBack(t *testing.T) {
	inScene(t, func(s *scene) {
		s.post.fails(MailLane, &SendError{Failure: Unreachable, Lane: true, Err: errors.New("connection refused")})
		stop := s.runs()
		defer stop()
		for range 5 {
			s.makes()
		}
		passes(time.Hour)
		failed := s.meter.count("failed mail new unreachable")
		require.Greater(t, failed, 40, "it is looked at again within a minute")
		require.Less(t, failed, 140, "by one of the five at a time")
		require.Equal(t, 1, strings.Count(s.log.String(), "notifications cannot be delivered"), "it is said once")
		require.InDelta(t, time.Hour.Seconds(), s.meter.age(Mail).Seconds(), 5)
		s.post.fails(MailLane, nil)
		passes(2*lanePause + 5*time.Second)
		require.Len(t, s.post.of(MailLane), 5)
		require.Contains(t, s.log.String(), "delivered again")
		require.Zero(t, s.box.waiting())
		require.Zero(t, s.meter.age(Mail))
		ids := map[string]bool{}
		for _, m := range s.post.of(MailLane) {
			ids[m.ID] = true
		}
		require.Len(t, ids, 5)
		s.quiet()
	})
}

func TestAMessageThatIsRefusedHoldsUpNoOther(t *testing.T) {
	inScene(t, func(s *scene) {
		s.post.fails(MailLane, &SendError{Failure: Refused, Code: 451})
		stop := s.runs()
		defer stop()
		s.makes()
		passes(10 * time.Second)
		require.Empty(t, s.post.of(MailLane))
		s.post.fails(MailLane, nil)
		n := s.makes()
		passes(3 * time.Second)
		require.Contains(t, s.post.of(MailLane)[0].Subject, string(n.Reference), "the next goes first")
		passes(time.Minute)
		require.Len(t, s.post.of(MailLane), 2)
	})
}

func TestWhatIsNeverTakenIsGivenUp(t *testing.T) {
	inScene(t, func(s *scene) {
		s.post.fails(MailLane, &SendError{Failure: Refused, Code: 550, Forever: true})
		s.post.fails(hook, &SendError{Failure: Unreachable, Lane: true})
		stop := s.runs()
		defer stop()
		s.makes(func(n *note.Note) { n.Deadline = n.Made.Add(30 * 24 * time.Hour) })
		passes(3 * time.Second)
		require.Equal(t, 1, s.meter.count("dropped mail new rejected"))
		passes(mostAge - time.Minute)
		require.Equal(t, 0, s.meter.count("dropped webhook new too_old"))
		passes(10 * time.Minute)
		require.Equal(t, 1, s.meter.count("dropped webhook new too_old"))
		s.post.fails(hook, &SendError{Failure: Refused, Code: 400})
		s.makes(func(n *note.Note) { n.Deadline = n.Made.Add(30 * 24 * time.Hour) })
		passes(30 * time.Hour)
		require.Equal(t, 1, s.meter.count("dropped webhook new too_often"))
		s.quiet()
	})
}

func TestNothingOfAnErasedCallerIsTold(t *testing.T) {
	inScene(t, func(s *scene) {
		s.rules.Number, s.rules.Story = true, true
		down := &SendError{Failure: Unreachable, Lane: true}
		s.post.fails(MailLane, down)
		s.post.fails(hook, down)
		stop := s.runs()
		defer stop()
		n := s.does(s.makes(), note.EventCancelled, note.ByCaller)
		passes(3 * time.Second)
		require.Equal(t, 1, s.meter.count("dropped mail new moot"), "nobody needs to call")
		s.box.mu.Lock()
		for _, i := range s.box.items {
			require.NotContains(t, EncodeItem(i), "612345678")
			require.NotContains(t, EncodeItem(i), string(n.Reference))
		}
		s.box.mu.Unlock()
		rest := note.Remains(n, note.EventID("01JD5V3Z5QXKZ9W7M2R4T6Y8ZZ"), time.Now().UTC(), note.BySystem, "asked")
		_, err := s.notes.Advance(t.Context(), n, rest)
		require.NoError(t, err)
		s.post.fails(hook, nil)
		passes(2 * lanePause)
		require.Empty(t, s.post.of(hook))
		require.Equal(t, 1, s.meter.count("dropped webhook new gone"))
		require.Zero(t, s.box.waiting())
	})
}

func TestTheListComesWhenTheTeamOpens(t *testing.T) {
	inScene(t, func(s *scene) {
		s.rules.Receivers = append(s.rules.Receivers, Receiver{
			Name: PersonName("els"), Municipality: deventer, Lane: MailLane, Kinds: []Kind{Daily}, Person: "els",
		})
		for i := range s.rules.Receivers {
			s.rules.Receivers[i].Kinds = []Kind{Daily}
		}
		stop := s.runs()
		late := s.makes(func(n *note.Note) { n.Deadline = n.Made.Add(time.Hour) })
		next := s.makes(func(n *note.Note) { n.Personal = "els" })
		passes(2*time.Hour - 10*time.Second)
		require.Empty(t, s.post.of(MailLane), "it is not nine yet")
		passes(15 * time.Second)
		mails := s.post.of(MailLane)
		require.Len(t, mails, 2)
		if mails[0].Address != "balie@deventer.nl" {
			mails[0], mails[1] = mails[1], mails[0]
		}
		require.Equal(t, "Terugbelnotities van maandag 3 januari", mails[0].Subject)
		require.Less(t, strings.Index(mails[0].Body, string(late.Reference)),
			strings.Index(mails[0].Body, string(next.Reference)), "first due first")
		require.Contains(t, mails[0].Body, "(te laat)")
		require.Contains(t, mails[1].Body, "These callback notes of yours")
		require.NotContains(t, mails[1].Body, string(late.Reference))
		require.Len(t, s.post.of(hook), 1, "one list of burgerzaken, and none of a team without notes")
		stop()
		stop = s.runs()
		passes(time.Hour)
		stop()
		require.Len(t, s.post.of(MailLane), 2, "a restart does not repeat it")
		defer s.runs()()
		passes(24 * time.Hour)
		require.Len(t, s.post.of(MailLane), 4, "the next day")
		passes(5 * 24 * time.Hour)
		require.Len(t, s.post.of(MailLane), 10, "and not in the weekend")
	})
}

func TestTheStoreIsAway(t *testing.T) {
	inScene(t, func(s *scene) {
		stop := s.runs()
		defer stop()
		s.box.fail(note.ErrStoreDown)
		s.makes()
		passes(time.Minute)
		require.Equal(t, 1, strings.Count(s.log.String(), "could not be looked after"))
		s.box.fail(nil)
		passes(3 * time.Second)
		require.Len(t, s.post.of(MailLane), 1)
	})
}

func TestAMessageThatWasTakenIsNotSentAgainWhileTheStoreIsAway(t *testing.T) {
	inScene(t, func(s *scene) {
		stop := s.runs()
		defer stop()
		s.box.mu.Lock()
		s.box.stuck = note.ErrStoreDown
		s.box.mu.Unlock()
		s.makes()
		passes(5 * time.Minute)
		require.Len(t, s.post.of(MailLane), 1)
		require.Equal(t, 2, s.box.waiting())
		s.box.mu.Lock()
		s.box.stuck = nil
		s.box.mu.Unlock()
		passes(2 * time.Minute)
		require.Len(t, s.post.of(MailLane), 1)
		require.Zero(t, s.box.waiting())
	})
}

func TestReceiversThatLeftTheConfigurationAreToldNothing(t *testing.T) {
	inScene(t, func(s *scene) {
		s.post.fails(MailLane, &SendError{Failure: Unreachable, Lane: true})
		stop := s.runs()
		defer stop()
		s.makes()
		passes(3 * time.Second)
		s.tells(s.rules.Receivers[1:])
		s.post.fails(MailLane, nil)
		passes(time.Minute)
		require.Empty(t, s.post.of(MailLane))
		require.Equal(t, 1, s.meter.count("dropped mail new no_receiver"))
		s.tells(nil)
		s.makes()
		passes(time.Minute)
		require.Len(t, s.post.of(hook), 1)
	})
}

// The operator took a team from a program while its list waited: it may not know of that team any more.
func TestAListOfATeamThatTheReceiverHasNoMoreIsNotTold(t *testing.T) {
	inScene(t, func(s *scene) {
		s.rules.Number, s.rules.Story = true, true
		for i := range s.rules.Receivers {
			s.rules.Receivers[i].Kinds = []Kind{Daily}
		}
		s.post.fails(hook, &SendError{Failure: Unreachable, Lane: true})
		s.makes()
		stop := s.runs()
		defer stop()
		passes(2*time.Hour + time.Minute)
		require.Equal(t, 1, s.box.waiting(), "the list of burgerzaken")
		program := s.rules.Receivers[1]
		program.Teams = []call.TeamID{"kcc"}
		s.tells([]Receiver{program})
		s.post.fails(hook, nil)
		passes(2 * lanePause)
		require.Empty(t, s.post.of(hook))
		require.Zero(t, s.box.waiting())
		require.Equal(t, 1, s.meter.count("dropped webhook daily no_receiver"))
	})
}

func TestChangesThatAreTooOldAreNotTold(t *testing.T) {
	inScene(t, func(s *scene) {
		s.runs()()
		s.makes()
		passes(mostAge + time.Minute)
		n := s.makes()
		stop := s.runs()
		defer stop()
		passes(3 * time.Second)
		require.Len(t, s.post.of(hook), 1)
		require.Contains(t, string(s.post.of(hook)[0].Data), string(n.Reference))
		require.Contains(t, s.log.String(), "too old to be told")
	})
}

func TestMuchHappenedMeanwhile(t *testing.T) {
	inScene(t, func(s *scene) {
		s.runs()()
		for range 5*atOnce + 7 {
			s.makes()
		}
		stop := s.runs()
		defer stop()
		passes(3 * time.Second)
		require.Len(t, s.post.of(MailLane), 5*atOnce+7)
		require.Len(t, s.post.of(hook), 5*atOnce+7)
	})
}

func TestYesterdaysListIsNotToldToday(t *testing.T) {
	inScene(t, func(s *scene) {
		for i := range s.rules.Receivers {
			s.rules.Receivers[i].Kinds = []Kind{Daily}
		}
		s.post.fails(hook, &SendError{Failure: Unreachable, Lane: true})
		s.makes(func(n *note.Note) { n.Deadline = n.Made.Add(72 * time.Hour) })
		stop := s.runs()
		defer stop()
		passes(27 * time.Hour) // the lists of two days
		s.post.fails(hook, nil)
		passes(2 * lanePause)
		require.Len(t, s.post.of(hook), 1)
		require.Equal(t, 1, s.meter.count("dropped webhook daily too_old"))
	})
}
