package asterisk

import (
	"context"
	"strings"

	"github.com/bereikbaar/bereikbaar/ivr"
)

// Play implements ivr.Line.
func (l *Line) Play(ctx context.Context, media []string) (ivr.Playback, error) {
	l.noMusic() // Asterisk ends it when a sound begins
	p := &playback{line: l, id: l.board.newID("play"), done: make(chan struct{})}
	if len(media) > 0 && strings.HasPrefix(media[0], "tone:") {
		p.id = toneID(l.id())
	}
	l.mu.Lock()
	l.playing[p.id] = p
	l.mu.Unlock()
	if err := l.board.conn.Play(ctx, l.id(), p.id, media); err != nil {
		l.finished(p.id)
		return nil, l.verdict(ctx, err)
	}
	return p, nil
}

// toneID is the playback of a tone. A tone has no end: a daemon that takes the call back must know how to stop it.
func toneID(channel string) string { return "bereikbaar.tone." + channel }

// finished marks a playback as ended; an unknown one is ignored.
func (l *Line) finished(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, ok := l.playing[id]; ok {
		delete(l.playing, id)
		close(p.done)
	}
}

// unfinished lists the playbacks without a PlaybackFinished.
func (l *Line) unfinished() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []string
	for id := range l.playing {
		ids = append(ids, id)
	}
	return ids
}

// playback is a sound that plays on a line. It implements ivr.Playback.
type playback struct {
	line *Line
	id   string
	done chan struct{}
}

// Done implements ivr.Playback.
func (p *playback) Done() <-chan struct{} { return p.done }

// Stop implements ivr.Playback.
func (p *playback) Stop(ctx context.Context) error {
	err := p.line.board.conn.StopPlayback(ctx, p.id)
	switch {
	case IsGone(err): // it ended in the meantime
		return nil
	case isUnstoppable(err): // the caller hears it to its end, and the next after it: the call goes on
		p.line.board.log.Warn(
			"could not stop a playback; the caller hears it to its end", "call", p.line.call.ID, "err", err,
		)
		return nil
	}
	return p.line.verdict(ctx, err)
}
