// Package ivr holds one live call: a function that reads from top to bottom, from the welcome to the contact record.
package ivr

import (
	"context"
	"errors"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/prompts"
)

// Why a call stops being ours to handle.
var (
	// ErrHungUp is the cause when who is on the line is gone.
	ErrHungUp = errors.New("the line was hung up")
	// ErrLinkLost is returned when the link to Asterisk is down: the call stays there, and goes on when it is back.
	ErrLinkLost = errors.New("the link to Asterisk is lost")
	// ErrPutThrough is the cause when who was on the line has put somebody else through to us: the call begins anew
	// with him.
	ErrPutThrough = errors.New("somebody else was put through")
	// ErrShutdown is the cause when the daemon stops: the call stays with Asterisk for the next daemon.
	ErrShutdown = errors.New("the daemon stops")
)

// What became of two who were to be connected. Both are wrapped by what Line.Talk returns.
var (
	// ErrNotConnected says that they never could hear each other, whatever the reason.
	ErrNotConnected = errors.New("the two were not connected")
	// ErrPhoneGone is that reason when the phone at the other side had been hung up by then: who is on the line is
	// still there.
	ErrPhoneGone = errors.New("the phone was hung up first")
)

// Line is a telephone line with somebody on it whom we speak to: the caller. In a callback it is the colleague, and the
// phone at the other side, a dispatch.Leg, is the caller's. Its methods return context.Cause(ctx) when ctx ends first.
type Line interface {
	// Answer takes the call.
	Answer(ctx context.Context) error
	// Play starts to play media one after the other; a Playback that fails ends like any other.
	Play(ctx context.Context, media []string) (Playback, error)
	// Keys delivers the keys that are pressed, in order; what nobody reads for long is dropped.
	Keys() <-chan rune
	// Music plays music of an Asterisk class until something else is played or Talk begins; it goes on when it plays
	// already.
	Music(ctx context.Context, class string) error
	// Talk lets who is on the line speak with the answered phone at the other side, and returns when either side has
	// hung up. See ErrNotConnected.
	Talk(ctx context.Context, leg dispatch.Leg) error
	// Remember keeps the state on the channel, for a daemon that takes the call over.
	Remember(ctx context.Context, state string) error
	// Attend gives a context for what is done with the call until end is called: it ends with ErrPutThrough when that
	// must begin anew.
	Attend(ctx context.Context) (attending context.Context, end context.CancelFunc)
	// Restored waits until the link to Asterisk is there and lets the line be silent, so that a call can go on after
	// ErrLinkLost or ErrPutThrough.
	Restored(ctx context.Context) error
	// HandOver gives the call to the dialplan's fallback.
	HandOver(ctx context.Context) error
	// HangUp ends the call; it is harmless on one that is gone.
	HangUp(ctx context.Context) error
}

// Playback is something that is being played.
type Playback interface {
	// Done is closed when it has ended.
	Done() <-chan struct{}
	// Stop ends it early.
	Stop(ctx context.Context) error
}

// Queue is where calls wait for a person.
type Queue interface {
	Join(dispatch.Ticket) (*dispatch.Place, error)
	Adopt(dispatch.Ticket, call.AgentID, dispatch.Leg) *dispatch.Place
	Staffed(call.TeamID) int
}

// Notes makes callback notes, and knows those of a caller who rings again.
type Notes interface {
	// Promise makes a note durable and returns it, or an error: only after it returned well may a caller be told.
	Promise(context.Context, callback.Request) (note.Note, callback.How, error)
	// Live gives the notes for a number that are still to be kept, the one due first before the others.
	Live(context.Context, call.MunicipalityID, call.Number) ([]note.Note, error)
	// Repeated counts that the caller rang again about his note.
	Repeated(context.Context, note.Note, call.ID) error
	// Withdraw cancels a note because its caller asked for that; it is durable when it returns without an error.
	Withdraw(context.Context, note.Note, call.ID) error
}

// Sounds finds the files of what is spoken.
type Sounds interface {
	// Media gives what to play, and the parts for which there is no file.
	Media(prompts.Utterance) (media []string, missing []prompts.ID)
}

// Register takes down what became of calls.
type Register interface {
	Contact(call.Contact)
	PromptMissing(prompts.Language, prompts.ID)
}
