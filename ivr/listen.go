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

// ears say what a listen pays attention to. The zero value hears keys only.
type ears struct {
	signals <-chan dispatch.Signal // of the queue; nil outside one
	ignore  dispatch.SignalKind    // of this kind pass unheard; empty for none
	deaf    time.Duration          // keys pressed sooner after the beginning pass unheard
	keep    bool                   // keys are not heard at all: they are kept for what follows
}

// speechLimit bounds what is spoken, far above all that is said: Asterisk can fail to tell of the end of a sound, and the
// caller would hear silence until he hangs up.
const speechLimit = 2 * time.Minute

// listen speaks u, and waits for a key or a signal of the queue until wait after the end of it. Both cut the speech
// short. It is the one place in which a call waits for more than one thing.
func (c *conversation) listen(ctx context.Context, u prompts.Utterance, wait time.Duration, to ears) (heard, error) {
	began := time.Now()
	playing, err := c.play(ctx, u)
	if err != nil {
		return heard{}, err
	}
	keys := c.line.Keys()
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
			return heard{signal: signal}, c.cutShort(ctx, spoken, playing)
		case key := <-keys:
			if time.Since(began) < to.deaf {
				continue
			}
			return heard{key: key}, c.cutShort(ctx, spoken, playing)
		case <-spoken:
			spoken = nil
			limit.Reset(wait)
		case <-limit.C:
			if spoken == nil {
				return heard{key: routing.Silence}, nil
			}
			c.Log.Warn("the end of what was spoken was never told; the call goes on", "call", c.contact.Call.ID)
			if err := playing.Stop(ctx); err != nil {
				return heard{}, err
			}
			spoken = nil
			limit.Reset(wait)
		}
	}
}

// say speaks u to the end; keys pressed meanwhile are kept for what follows.
func (c *conversation) say(ctx context.Context, u prompts.Utterance) error {
	_, err := c.listen(ctx, u, 0, ears{keep: true})
	return err
}

// play starts to speak u; a part without a file is left out and counted. It gives nil when there is nothing to play.
func (c *conversation) play(ctx context.Context, u prompts.Utterance) (Playback, error) {
	media, missing := c.Sounds.Media(u)
	for _, id := range missing {
		c.Register.PromptMissing(u.Language, id)
	}
	if len(media) == 0 {
		return nil, nil
	}
	return c.line.Play(ctx, media)
}

func (c *conversation) cutShort(ctx context.Context, spoken <-chan struct{}, playing Playback) error {
	if spoken == nil {
		return nil
	}
	return playing.Stop(ctx)
}

// forgetKeys drops keys pressed before a question of which the answer commits the caller to something.
func (c *conversation) forgetKeys() {
	for {
		select {
		case <-c.line.Keys():
		default:
			return
		}
	}
}
