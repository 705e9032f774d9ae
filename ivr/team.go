package ivr

import (
	"context"
	"errors"
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

// team puts the call before a team. It gives the next target when the call moves on, nil when it is over.
func (c *session) team(ctx context.Context, t routing.Team) (*routing.Target, error) {
	now := time.Now().UTC()
	c.contact.Municipality = t.Municipality
	switch routing.Decide(t, routing.Facts{Staffed: c.operator.Queue.Staffed(t.ID)}, now) {
	case routing.Closed:
		return nil, c.closed(ctx, t, now)
	case routing.OfferCallback:
		return c.wait(ctx, t, now, offerNow)
	case routing.MoveOn:
		c.contact.Offers = append(c.contact.Offers, call.Offer{
			Team: t.ID, At: now, Open: true, Result: call.OfferMovedOn,
		})
		return &routing.Target{Team: t.Overflow}, nil
	default:
		return c.wait(ctx, t, now, offerLater)
	}
}

// closed tells the opening hours and offers a note.
func (c *session) closed(ctx context.Context, t routing.Team, now time.Time) error {
	c.contact.Outcome = call.HeardClosed
	if err := c.say(ctx, c.closedSpeech(t, now)); err != nil {
		return err
	}
	if t.Callback.Enabled {
		talk := noteOffer{session: c, team: t}
		switch result, err := talk.offer(ctx, c.speaker.Say(prompts.OfferCallback)); {
		case err != nil || result == promised:
			return err
		case result == impossible:
			return c.say(ctx, c.speaker.Say(prompts.CallbackNotPossibleClosed))
		}
	}
	return c.say(ctx, c.speaker.Say(prompts.Goodbye))
}

// When the caller is offered a note for the first time.
const (
	offerLater = false
	offerNow   = true
)

// waiting is a call in a team's queue.
type waiting struct {
	*session
	team     routing.Team
	offer    *call.Offer
	place    *dispatch.Place
	entered  time.Time // the queue, for the figures and for the place in it
	announce time.Time // next announcement; zero for none
	propose  time.Time // when a note is offered because of a long wait; zero for not (any more)
	expire   time.Time // when the call moves on; zero for never
	quiet    time.Time // no note is proposed before it
	leaving  bool      // nobody is there, and another team takes over
	vanished int       // phones that answered and hung up before they were connected
}

// vanishes is how many such phones count as nobody being there: else one phone could do so for ever.
const vanishes = 3

// wait keeps the call in the team's queue until an agent answers, a note is promised, the wait is over, or the caller
// hangs up.
func (c *session) wait(ctx context.Context, t routing.Team, now time.Time, offerFirst bool) (*routing.Target, error) {
	entered := c.state.since(t.ID, now)
	w := &waiting{session: c, team: t, entered: entered, offer: c.offered(t, entered)}
	c.contact.Outcome = call.Abandoned
	w.schedule(now)
	switch err := w.join(); {
	case errors.Is(err, queue.ErrUnknownTeam): // it left the configuration since this call began
		return w.moveOn()
	case err != nil:
		return nil, err
	}
	defer w.leave()
	c.at(call.Offer{Team: t.ID, At: entered})
	c.placed()
	next, err := w.serve(ctx, offerFirst)
	switch w.offer.Result {
	case call.OfferAnswered, call.OfferTookNote: // the wait has been recorded
		return next, err
	case call.OfferAbandoned, call.OfferMovedOn, call.OfferLost:
	}
	w.offer.Waited = time.Since(w.entered)
	if err != nil && !errors.Is(err, ErrHungUp) {
		w.offer.Result = call.OfferLost
	}
	return next, err
}

// offered records an offer of the call to the team. One that a lost link or a transfer broke off goes on.
func (c *session) offered(t routing.Team, entered time.Time) *call.Offer {
	last := len(c.contact.Offers) - 1
	if last >= 0 && c.contact.Offers[last].Team == t.ID && c.contact.Offers[last].Result == call.OfferLost {
		c.contact.Offers[last].Result = call.OfferAbandoned
		return &c.contact.Offers[last]
	}
	c.contact.Offers = append(c.contact.Offers, call.Offer{
		Team: t.ID, At: entered, Open: t.Hours.Open(entered), Result: call.OfferAbandoned,
	})
	return &c.contact.Offers[last+1]
}

func (w *waiting) schedule(now time.Time) {
	if w.team.Announce > 0 {
		w.announce = now.Add(w.team.Announce)
	}
	if w.team.Callback.Enabled && w.team.Callback.After > 0 {
		w.propose = w.entered.Add(w.team.Callback.After)
	}
	if w.team.MaxWait > 0 && w.team.Overflow != "" {
		w.expire = w.entered.Add(w.team.MaxWait)
	}
}

func (w *waiting) join() error {
	place, err := w.operator.Queue.Join(dispatch.Ticket{
		Call: w.contact.Call, Team: w.team.ID, Since: w.entered, Choice: w.contact.Choices, Note: w.state.Reference,
	})
	if err != nil {
		return err
	}
	w.place = place
	return nil
}

// leave gives up the place in the queue. It is harmless twice.
func (w *waiting) leave() {
	if w.place == nil {
		return
	}
	w.place.Leave()
	w.offer.Rung += w.place.Rung()
	w.place = nil
}

func (w *waiting) serve(ctx context.Context, offerFirst bool) (*routing.Target, error) {
	w.state.Team, w.state.Since, w.state.Choices = w.team.ID, w.entered.UnixMilli(), w.contact.Choices
	w.state.Offers = w.contact.Offers[:len(w.contact.Offers)-1]
	if err := w.line.Remember(ctx, w.state.String()); err != nil {
		return nil, err
	}
	var h heard
	var err error
	if offerFirst {
		h, err = w.nobodyThere(ctx)
	} else if w.team.Greeting != "" {
		h, err = w.listen(ctx, w.speaker.Say(w.team.Greeting), 0, attention{signals: w.place.Signals()})
	}
	for err == nil {
		switch {
		case h.connected():
			if err = w.talk(ctx, h.signal); !errors.Is(err, ErrPhoneGone) {
				return nil, err
			}
			h, err = w.waitOn(ctx)
		case w.offer.Result == call.OfferTookNote:
			return nil, nil
		case h.signal.Kind == dispatch.TeamGone, w.leaving, w.expired():
			return w.moveOn()
		case h.signal.Kind == dispatch.NobodyLeft:
			h, err = w.nobodyThere(ctx)
		case h.key != routing.Silence && h.key == w.team.Callback.Key && w.team.Callback.Enabled:
			h, err = w.discussNote(ctx, (*noteOffer).take)
		default:
			h, err = w.pass(ctx)
		}
	}
	return nil, err
}

// pass plays music until something happens, or speaks the announcement or proposal that is due.
func (w *waiting) pass(ctx context.Context) (heard, error) {
	now := time.Now()
	switch {
	case due(w.propose, now):
		return w.proposeNote(ctx, w.speaker.Say(prompts.OfferCallbackAgain))
	case due(w.announce, now):
		h, err := w.listen(ctx, w.announcement(), 0, attention{signals: w.place.Signals()})
		w.announce = time.Now().Add(w.team.Announce) // from its end: music comes between
		return h, err
	}
	if err := w.line.Music(ctx, w.team.Music); err != nil {
		return heard{}, err
	}
	return w.listen(ctx, prompts.Utterance{}, w.untilNext(now), attention{signals: w.place.Signals()})
}

// proposePause is the least time between two proposals of a note.
const proposePause = time.Minute

// nobodyThere offers a note because nobody of the team answered. A caller who declines goes to the team that takes
// over, or waits on.
func (w *waiting) nobodyThere(ctx context.Context) (heard, error) {
	var h heard
	var err error
	if w.team.Callback.Enabled && !time.Now().Before(w.quiet) {
		h, err = w.proposeNote(ctx, w.speaker.Say(prompts.NotReachable, prompts.OfferCallback))
	}
	w.leaving = w.team.Overflow != "" && h.signal.Kind == ""
	return h, err
}

// proposeNote asks whether the caller wants to be called back instead of waiting.
func (w *waiting) proposeNote(ctx context.Context, question prompts.Utterance) (heard, error) {
	w.propose = time.Time{}
	defer func() { w.quiet = time.Now().Add(proposePause) }()
	return w.discussNote(
		ctx, func(d *noteOffer, ctx context.Context) (noteResult, error) { return d.offer(ctx, question) },
	)
}

// discussNote holds a dialogue about a note while the call keeps its place in the queue.
func (w *waiting) discussNote(
	ctx context.Context, hold func(*noteOffer, context.Context) (noteResult, error),
) (heard, error) {
	talk := noteOffer{session: w.session, team: w.team, signals: w.place.Signals(), settled: w.settle}
	result, err := hold(&talk, ctx)
	if err == nil && result == impossible {
		return w.listen(ctx, w.speaker.Say(prompts.CallbackNotPossible), 0, attention{signals: w.place.Signals()})
	}
	return heard{signal: talk.signal}, err
}

// settle ends the wait of a caller with a promise: no phone rings while they hear the confirmation.
func (w *waiting) settle() {
	w.offer.Result = call.OfferTookNote
	w.offer.Waited = time.Since(w.entered)
	w.leave()
}

// longPass is how long a call waits for signals when nothing is planned.
const longPass = time.Hour

func (w *waiting) untilNext(now time.Time) time.Duration {
	next := now.Add(longPass)
	for _, t := range []time.Time{w.announce, w.propose, w.expire} {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	return next.Sub(now)
}

func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

func (w *waiting) expired() bool { return due(w.expire, time.Now()) }

// moveOn takes the call to the team that takes over, or to the contact centre when its own team is gone.
func (w *waiting) moveOn() (*routing.Target, error) {
	w.offer.Result = call.OfferMovedOn
	if w.team.Overflow != "" {
		return &routing.Target{Team: w.team.Overflow}, nil
	}
	return &routing.Target{Team: w.plan.Municipalities[w.team.Municipality].ContactCentre}, nil
}

// announcement tells a waiting caller their position and expected wait.
func (w *waiting) announcement() prompts.Utterance {
	speech := w.speaker.Say(prompts.AllBusy)
	position, wait, known, ok := w.place.Position()
	if ok {
		speech = speech.Then(w.speaker.Position(position - 1))
	}
	if ok && known {
		speech = speech.Then(w.speaker.ExpectedWait(wait))
	}
	return speech
}

// talk connects the caller with the answered phone. The offer counts as answered only when that succeeded.
func (w *waiting) talk(ctx context.Context, signal dispatch.Signal) error {
	answered := time.Now()
	defer w.talking(signal.Agent, answered)()
	w.at(call.Offer{Team: w.team.ID, Agent: signal.Agent, At: answered})
	err := w.line.Talk(ctx, signal.Leg)
	if errors.Is(err, ErrNotConnected) {
		return err
	}
	w.offer.Result, w.offer.Agent = call.OfferAnswered, signal.Agent
	w.offer.Waited, w.offer.Talked = answered.Sub(w.entered), time.Since(answered)
	w.contact.Outcome = call.Answered
	return err
}

// waitOn takes the caller's place anew, after the answered phone was hung up before the two were connected.
func (w *waiting) waitOn(ctx context.Context) (heard, error) {
	w.leave()
	w.at(call.Offer{Team: w.team.ID, At: w.entered})
	switch err := w.join(); {
	case errors.Is(err, queue.ErrUnknownTeam):
		return heard{signal: dispatch.Signal{Kind: dispatch.TeamGone}}, nil
	case err != nil:
		return heard{}, err
	}
	w.vanished++
	if w.vanished%vanishes == 0 {
		return w.nobodyThere(ctx)
	}
	return heard{}, nil
}

// talking publishes with whom an agent talks, until end.
func (c *session) talking(agent call.AgentID, since time.Time) (end func()) {
	return c.operator.talks.begin(agent, Talking{
		Call: c.contact.Call.ID, Since: since.UTC(), Note: note.Reference(c.state.Reference),
	})
}

// closedSpeech tells that the team is closed, its opening hours, and when it opens again.
func (c *session) closedSpeech(t routing.Team, now time.Time) prompts.Utterance {
	speech := c.speaker.Say(prompts.Closed).Then(c.speaker.OpeningWeek(spokenWeek(t.Hours.Week())))
	if opens, _, ok := t.Hours.Next(now); ok {
		speech = speech.Then(c.speaker.Reopens(opens.In(t.Hours.Location())))
	}
	return speech
}

// spokenWeek turns opening hours into their spoken form.
func spokenWeek(week calendar.Week) prompts.Week {
	var spoken prompts.Week
	for day, spans := range week {
		for _, span := range spans {
			spoken[day] = append(spoken[day], prompts.Span{
				From: span.From.SinceMidnight(), To: span.To.SinceMidnight(),
			})
		}
	}
	return spoken
}
