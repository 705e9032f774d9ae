package api

import (
	"errors"
	"net/http"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

type erasing struct {
	Number string `json:"number"`
}

// erased is how many notes were erased.
type erased struct {
	Erased int `json:"erased"`
}

func (a *API) erase(v *exchange) error {
	if err := asked(v.Request); err != nil {
		return err
	}
	b, err := body[erasing](v)
	if err != nil {
		return err
	}
	number, err := call.ParseTyped(b.Number)
	if err != nil {
		return problem(http.StatusUnprocessableEntity, "number", "the number does not exist or cannot be read: %s", err)
	}
	n, err := a.Work.Erase(v.Context(), v.who.Municipality, number, note.ByAgent(v.who.Agent), v.at)
	v.count = n
	switch {
	case errors.Is(err, note.ErrIncomplete) && !errors.Is(err, note.ErrStoreDown):
		a.unread(v, err)
		return problem(http.StatusInternalServerError, "broken",
			"%d notes were erased, and more notes for this number cannot be read: the daemon's log says why; "+
				"ask again when it is mended", n)
	case err != nil:
		return err
	}
	return v.answer(http.StatusOK, erased{n})
}
