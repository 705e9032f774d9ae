// Package ivr runs one live call, from the welcome to the contact record, in code that reads from top to bottom.
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

// The reasons why a call is no longer ours to handle.
var (
	// ErrHungUp is the cause when the person on the line has hung up.
	ErrHungUp = errors.New("the line was hung up")
	// ErrLinkLost is returned when the link to Asterisk is down: the call stays there, and goes on when the link is
	// back.
	ErrLinkLost = errors.New("the link to Asterisk is lost")
	// ErrPutThrough is the cause when the person on the line has transferred another one to us: the call begins anew
	// with them.
	ErrPutThrough = errors.New("somebody else was put through")
	// ErrShutdown is the cause when the daemon stops: the call stays with Asterisk for the next daemon.
	ErrShutdown = errors.New("the daemon stops")
)

// The errors of two legs that were to be bridged. Line.Talk wraps them.
var (
	// ErrNotConnected says that the two never heard each other, whatever the reason.
	ErrNotConnected = errors.New("the two were not connected")
	// ErrPhoneGone is that reason when the other side had hung up by then: the person on the line is still there.
	ErrPhoneGone = errors.New("the phone was hung up first")
)

// Line is the telephone line of the person we speak to: the caller. In a callback it is the colleague's, and the phone
// at the other side, a dispatch.Leg, is the caller's. Its methods return context.Cause(ctx) when ctx ends first.
type Line interface {
	// Answer takes the call.
	Answer(ctx context.Context) error
	// Play starts a playback of media, one after the other; a Playback that fails ends like any other.
	Play(ctx context.Context, media []string) (Playback, error)
	// Keys delivers the pressed keys, in order; keys that stay unread for long are dropped.
	Keys() <-chan rune
	// Music plays music of an Asterisk class until the next Play or Talk; music that plays already goes on.
	Music(ctx context.Context, class string) error
	// Talk bridges the line with the answered phone at the other side, and returns when either side has hung up. See
	// ErrNotConnected.
	Talk(ctx context.Context, leg dispatch.Leg) error
	// Remember keeps the state on the channel, for a daemon that takes the call over.
	Remember(ctx context.Context, state string) error
	// Attend gives a context for handling the call until end is called. It ends with ErrPutThrough when that must begin
	// anew.
	Attend(ctx context.Context) (attending context.Context, end context.CancelFunc)
	// Restored waits for the link to Asterisk and silences the line, so that a call can go on after ErrLinkLost or
	// ErrPutThrough.
	Restored(ctx context.Context) error
	// HandOver gives the call to the dialplan's fallback.
	HandOver(ctx context.Context) error
	// HangUp ends the call; it is harmless when that is gone.
	HangUp(ctx context.Context) error
}

// Playback is a sound that Asterisk plays.
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

// Notes makes callback notes, and finds the earlier ones of a caller.
type Notes interface {
	// Promise makes a note durable and returns it. Tell the caller only after it returned without an error.
	Promise(context.Context, callback.Request) (note.Note, callback.How, error)
	// Live gives the unresolved notes for a number, the one due first before the others.
	Live(context.Context, call.MunicipalityID, call.Number) ([]note.Note, error)
	// Repeated counts that the caller rang again about their note.
	Repeated(context.Context, note.Note, call.ID) error
	// Withdraw cancels a note at its caller's request; that is durable when it returns without an error.
	Withdraw(context.Context, note.Note, call.ID) error
}

// Sounds finds the files of prompts.
type Sounds interface {
	// Media gives the files to play, and the parts without a file.
	Media(prompts.Utterance) (media []string, missing []prompts.ID)
}

// Register records how calls went.
type Register interface {
	Contact(call.Contact)
	PromptMissing(prompts.Language, prompts.ID)
}
