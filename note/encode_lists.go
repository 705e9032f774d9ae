package note

import (
	"encoding/json"
	"time"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/call"
)

// storedAttempt is an Attempt as JSON. Times are texts as in storedTime.
type storedAttempt struct {
	Began    string             `json:"began"`
	Ended    string             `json:"ended,omitempty"`
	By       call.AgentID       `json:"by,omitempty"`
	Line     attempt.LineResult `json:"line,omitempty"`
	TalkedMS int64              `json:"talked_ms,omitempty"`
	Result   attempt.Result     `json:"result,omitempty"`
}

// storedStint is a Stint as JSON.
type storedStint struct {
	Team  call.TeamID `json:"team"`
	From  string      `json:"from"`
	Until string      `json:"until,omitempty"`
}

func encodeAttempts(attempts []attempt.Attempt) string {
	stored := make([]storedAttempt, len(attempts))
	for i, a := range attempts {
		stored[i] = storedAttempt{
			Began: stamp(a.Began), Ended: stamp(a.Ended), By: a.By, Line: a.Line, TalkedMS: a.Talked.Milliseconds(),
			Result: a.Result,
		}
	}
	return list(stored)
}

func encodeStints(stints []Stint) string {
	stored := make([]storedStint, len(stints))
	for i, s := range stints {
		stored[i] = storedStint{Team: s.Team, From: stamp(s.From), Until: stamp(s.Until)}
	}
	return list(stored)
}

func list[T any](stored []T) string {
	if len(stored) == 0 {
		return ""
	}
	text, _ := json.Marshal(stored) // texts and numbers never fail
	return string(text)
}

// stamp is a time as it is stored, empty for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(storedTime)
}

func (r *reader) attempts() []attempt.Attempt {
	var stored []storedAttempt
	if !r.list(fieldAttempts, &stored) {
		return nil
	}
	attempts := make([]attempt.Attempt, len(stored))
	for i, a := range stored {
		began, ended := r.stamp(fieldAttempts, a.Began), r.stamp(fieldAttempts, a.Ended)
		if began.IsZero() || a.Line != attempt.LineUnknown && !isLine(string(a.Line)) || a.Result != "" && !isResult(
			string(a.Result),
		) || a.TalkedMS < 0 {
			r.fail(fieldAttempts, "holds something that is not an attempt")
			return nil
		}
		attempts[i] = attempt.Attempt{
			Began: began, Ended: ended, By: a.By, Line: a.Line,
			Talked: time.Duration(a.TalkedMS) * time.Millisecond, Result: a.Result,
		}
	}
	return attempts
}

func (r *reader) stints() []Stint {
	var stored []storedStint
	if !r.list(fieldStints, &stored) {
		return nil
	}
	stints := make([]Stint, len(stored))
	for i, s := range stored {
		from, until := r.stamp(fieldStints, s.From), r.stamp(fieldStints, s.Until)
		if s.Team == "" || from.IsZero() {
			r.fail(fieldStints, "holds something that is not a stint")
			return nil
		}
		stints[i] = Stint{Team: s.Team, From: from, Until: until}
	}
	return stints
}

// list reads an optional field. It is false when the field is absent or cannot be read.
func (r *reader) list(name string, into any) bool {
	if r.fields[name] == "" {
		return false
	}
	if err := json.Unmarshal([]byte(r.fields[name]), into); err != nil {
		r.fail(name, "is not a list in JSON")
		return false
	}
	return true
}

// stamp reads a time within a list; an empty text is none.
func (r *reader) stamp(name, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(storedTime, text)
	if err != nil {
		r.fail(name, "holds something that is not a time such as "+storedTime)
	}
	return t.UTC()
}
