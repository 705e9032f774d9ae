package ivr

import (
	"context"
	"time"

	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

// heard is what ended a listen: a key, a signal of the queue, or neither when the time was up.
type heard struct {
	key    rune
	signal dispatch.Signal
}

func (h heard) connected() bool { return h.signal.Kind == dispatch.Connected }

// attention says what a listen pays attention to. The zero value hears keys only.
type attention struct {
	signals <-chan dispatch.Signal // of the queue; nil outside one
	ignore  dispatch.SignalKind    // of this kind pass unheard; empty for none
	deaf    time.Duration          // keys pressed sooner after the beginning pass unheard
	keep    bool                   // keys are not heard at all: they are kept for what follows
}

const (
	answerWait = 6 * time.Second // for a key after a question
	// questionBegins is how long a question must have been heard before a key counts as its answer.
	questionBegins = 600 * time.Millisecond
	questions      = 2 // how often a question is put before no answer means no
	// lateKey is how long after a menu went on without an answer a key may still be meant for it: whoever takes the
	// telephone from their ear to find the key does not hear that it was too late.
	lateKey = 4 * time.Second
)

// speechLimit bounds what is spoken, far above all that is said: Asterisk can fail to tell of the end of a sound, and
// the caller would hear silence until he hangs up.
const speechLimit = 2 * time.Minute

// listen speaks u, and waits for a key or a signal of the queue until wait after the end of it. Both cut the speech
// short. It is the one place in which a call waits for more than one thing.
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
			a.log.Warn("the end of what was spoken was never told; the call goes on")
			if err := playing.Stop(ctx); err != nil {
				return heard{}, err
			}
			spoken = nil
			limit.Reset(wait)
		}
	}
}

// say speaks u to the end; keys pressed meanwhile are kept for what follows.
func (a *attendant) say(ctx context.Context, u prompts.Utterance) error {
	_, err := a.listen(ctx, u, 0, attention{keep: true})
	return err
}

// tooLate lets keys pass unheard that may still be meant for what was asked before: it went on without them, and what
// follows was not asked for yet.
func (a *attendant) tooLate() { a.late = time.Now().Add(lateKey) }

// ask puts a question of which the answer commits somebody to something. A key that was pressed before it can have been
// understood does not count: people press twice, and a line under load may tell of one key twice.
func (a *attendant) ask(ctx context.Context, question prompts.Utterance, to attention) (heard, error) {
	return a.askFor(ctx, question, answerWait, to)
}

// askFor asks like ask, of somebody whom silence takes on: until wait after the question.
func (a *attendant) askFor(
	ctx context.Context, question prompts.Utterance, wait time.Duration, to attention,
) (heard, error) {
	a.forgetKeys()
	to.deaf = questionBegins
	return a.listen(ctx, question, wait, to)
}

// play starts to speak u; a part without a file is left out and counted. It gives nil when there is nothing to play.
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

// forgetKeys drops keys pressed before a question of which the answer commits somebody to something.
func (a *attendant) forgetKeys() {
	for {
		select {
		case <-a.line.Keys():
		default:
			return
		}
	}
}
