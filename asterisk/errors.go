package asterisk

import (
	"errors"
	"fmt"
	"net/http"
)

// The errors of the link; commands wrap them.
var (
	// ErrDown means that there was no link within the command's time limit: the command did not run.
	ErrDown = errors.New("no link to Asterisk")
	// ErrUnknownOutcome means that the command was sent and no reply came: it may have run, or may still run.
	ErrUnknownOutcome = errors.New("no reply from Asterisk; the command may have run")
	// ErrReplaced ends Run: another program registered our application, and Asterisk sends it our events from now on.
	ErrReplaced = errors.New("asterisk: another program took over our Stasis application; stop one of the two")

	errStopped = errors.New("the connection is being stopped")
)

// CommandError is Asterisk's refusal of a command.
type CommandError struct {
	Command string // its name, such as "answer"
	Method  string
	Path    string // below /ari, without query: queries may hold callers' data
	Status  int    // HTTP status
	Message string // Asterisk's own words
}

// Error names the command, the path and Asterisk's own words.
func (e *CommandError) Error() string {
	return fmt.Sprintf("asterisk: %s: %s %s: %d %s", e.Command, e.Method, e.Path, e.Status, e.Message)
}

// IsGone reports that the command came too late: the channel, playback or bridge no longer exists (404), or the channel
// is not answered yet or is hanging up (412). It is a hang-up, not a fault. For a channel that is gone Asterisk answers
// 400 to AddToBridge (seen on 22.10.1), which counts too.
func IsGone(err error) bool {
	e, ok := errors.AsType[*CommandError](err)
	return ok && (e.Status == http.StatusNotFound || e.Status == http.StatusPreconditionFailed ||
		e.Message == messageNoChannel || e.Message == messageNoSource)
}

// IsConflict reports that the state forbids the command (409): the id is taken, or the channel has left our
// application.
func IsConflict(err error) bool {
	e, ok := errors.AsType[*CommandError](err)
	return ok && e.Status == http.StatusConflict
}

// isLeaving reports that the channel has left our application and not yet ended (409): it is being hung up, or another
// channel takes its place.
func isLeaving(err error) bool {
	e, ok := errors.AsType[*CommandError](err)
	return ok && e.Status == http.StatusConflict && e.Message == messageNotInside
}

// IsRefused reports that Asterisk could not make the channel (500, "Allocation failed"): the phone is not registered or
// not configured.
func IsRefused(err error) bool {
	e, ok := errors.AsType[*CommandError](err)
	return ok && e.Status == http.StatusInternalServerError && e.Message == messageNoContact
}

// isUnstoppable reports that Asterisk could not stop a playback (500), which goes on.
func isUnstoppable(err error) bool {
	e, ok := errors.AsType[*CommandError](err)
	return ok && e.Status == http.StatusInternalServerError && e.Message == messageNotStopped
}

// Asterisk's own words, where the status alone is ambiguous.
const (
	messageNoChannel  = "Channel not found"
	messageNoSource   = "Event source does not exist"
	messageNoVariable = "Provided variable was not found"
	messageNoContact  = "Allocation failed"
	messageNotInside  = "Channel not in Stasis application"
	messageNotStopped = "Could not stop playback"
)

// lossError is an error that ends the link, or kept it from being made.
type lossError struct {
	reason LossReason
	err    error
}

func (e lossError) Error() string { return e.err.Error() }
func (e lossError) Unwrap() error { return e.err }

func lossReason(err error) LossReason {
	if e, ok := errors.AsType[lossError](err); ok {
		return e.reason
	}
	return LossClosed
}
