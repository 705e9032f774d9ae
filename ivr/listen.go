package ivr

import (
	"context"
	"time"

	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

// heard is the key or the queue's signal that ended a listen; neither when the time was up.
type heard struct {
	key    rune
	signal dispatch.Signal
}

func (h heard) connected() bool { return h.signal.Kind == dispatch.Connected }

// attention says which keys and signals end a listen. The zero value hears keys only.
type attention struct {
	signals <-chan dispatch.Signal // of the queue; nil outside one
	ignore  dispatch.SignalKind    // signals of this kind pass unheard; empty for none
	deaf    time.Duration          // keys pressed this soon after the beginning pass unheard
	keep    bool                   // keys are not heard, and kept for the next listen
}

const (
	answerWait = 6 * time.Second // for a key after a question
	// questionBegins is how long a question must have been heard before a key counts as its answer.
	questionBegins = 600 * time.Millisecond
	questions      = 2 // how often a question is put before silence means no
	// lateKey is how long after a menu without an answer a key may still be meant for it: a caller who takes the
	// telephone from their ear to find the key does not hear that it was too late.
	lateKey = 4 * time.Second
)

// speechLimit bounds a playback, far above the longest prompt. Asterisk can lose a PlaybackFinished, and the caller
// would hear silence until they hang up.
const speechLimit = 2 * time.Minute

// listen speaks u, and waits for a key or a signal of the queue until wait after the end of it. Both cut the speech
// short. It is the one place where a call waits for more than one thing.
func (a *attendant) listen(ctx context.Context, u prompts.Utterance, wait time.Duration, to attention) (heard, error) {
	began := time.Now()
	playing, err := a.play(ctx, u)
	if err != nil {
		return heard{}, err
	}
	keys := a.line.Keys()
	if to.keep {
		keys = nil
	}
	var spoken <-chan struct{} // nil when nothing is spoken
	limit := time.NewTimer(wait)
	defer limit.Stop()
	if playing != nil {
		limit.Reset(speechLimit)
		spoken = playing.Done()
	}
	for {
		select {
		case <-ctx.Done():
			return heard{}, context.Cause(ctx)
		case signal := <-to.signals:
			if signal.Kind == to.ignore {
				continue
			}
			return heard{signal: signal}, a.cutShort(ctx, spoken, playing)
		case key := <-keys:
			asked := to.deaf > 0 && spoken == nil // a question was heard to its end
			if time.Since(began) < to.deaf || time.Now().Before(a.late) && !asked {
				continue
			}
			a.late = time.Time{}
			return heard{key: key}, a.cutShort(ctx, spoken, playing)
		case <-spoken:
			spoken = nil
			limit.Reset(wait)
		case <-limit.C:
			if spoken == nil {
				return heard{key: routing.Silence}, nil
			}
			a.log.Warn("no PlaybackFinished; continuing")
			if err := playing.Stop(ctx); err != nil {
				return heard{}, err
			}
			spoken = nil
			limit.Reset(wait)
		}
	}
}

// say speaks u to the end; keys pressed meanwhile are kept for the next listen.
func (a *attendant) say(ctx context.Context, u prompts.Utterance) error {
	_, err := a.listen(ctx, u, 0, attention{keep: true})
	return err
}

// tooLate lets keys pass unheard that may still be meant for the question before: the next one was not put yet.
func (a *attendant) tooLate() { a.late = time.Now().Add(lateKey) }

// ask puts a question whose answer is binding. A key that was pressed before the question can have been understood does
// not count: people press twice, and a line under load may report one key twice.
func (a *attendant) ask(ctx context.Context, question prompts.Utterance, to attention) (heard, error) {
	return a.askFor(ctx, question, answerWait, to)
}

// askFor asks like ask, where silence moves the call on: until wait after the question.
func (a *attendant) askFor(
	ctx context.Context, question prompts.Utterance, wait time.Duration, to attention,
) (heard, error) {
	a.forgetKeys()
	to.deaf = questionBegins
	return a.listen(ctx, question, wait, to)
}

// play starts to speak u; a part without a file is left out and counted. It gives nil when no part has a file.
func (a *attendant) play(ctx context.Context, u prompts.Utterance) (Playback, error) {
	media, missing := a.sounds.Media(u)
	for _, id := range missing {
		a.register.PromptMissing(u.Language, id)
	}
	if len(media) == 0 {
		return nil, nil
	}
	return a.line.Play(ctx, media)
}

func (a *attendant) cutShort(ctx context.Context, spoken <-chan struct{}, playing Playback) error {
	if spoken == nil {
		return nil
	}
	return playing.Stop(ctx)
}

// forgetKeys drops keys pressed before a question whose answer is binding.
func (a *attendant) forgetKeys() {
	for {
		select {
		case <-a.line.Keys():
		default:
			return
		}
	}
}
