package daemon

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/web/pages"
)

// outside is an exchange whose calls outside do what a test says.
type outside struct {
	ivr.Exchange
	dial func() error
}

func (o outside) Dial(context.Context, ivr.Outside) (dispatch.Leg, error) { return nil, o.dial() }

func TestTheStageOfACallbackIsThatOfItsNote(t *testing.T) {
	s := newStages()
	stands := func(id note.ID, is pages.Stage) {
		t.Helper()
		about, stage := s.of("kcc1")
		require.Equal(t, id, about)
		require.Equal(t, is, stage)
	}
	dials := func(id note.ID, err error) {
		_, got := staged{s, outside{dial: func() error {
			if err == nil {
				stands(id, pages.StageCaller)
			}
			return err
		}}}.Dial(t.Context(), ivr.Outside{Agent: "kcc1", Note: id})
		require.Equal(t, err, got)
	}
	stands("", pages.StageNone)
	s.begin("kcc1", "one")
	stands("one", pages.StageDesk)
	dials("one", nil)
	stands("one", pages.StageTalking)
	s.begin("kcc1", "two") // the first caller was transferred, and talks on
	dials("one", errors.New("late"))
	s.end("kcc1", "one")
	stands("two", pages.StageDesk)
	dials("two", errors.New("busy"))
	stands("two", pages.StageNone)
	s.end("kcc1", "two")
	stands("", pages.StageNone)
}
