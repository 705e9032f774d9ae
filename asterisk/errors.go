package asterisk

import (
	"errors"
	"fmt"
	"net/http"
)

// What can go wrong on the way to Asterisk; commands wrap these.
var (
	// ErrDown says that there was no link to Asterisk within the command's time limit: it did not run.
	ErrDown = errors.New("no link to Asterisk")
	// ErrUnknownOutcome says that a command was sent and no reply came: it may have run, or may still run.
	ErrUnknownOutcome = errors.New("no reply from Asterisk, so it is not known whether the command ran")
	// ErrReplaced ends Run: another program registered our application, and Asterisk sends it our events from now on.
	ErrReplaced = errors.New("asterisk: another program took over our Stasis application; stop one of the two")

	errStopped = errors.New("the connection is being stopped")
)

// CommandError is Asterisk's refusal of a command.
type CommandError struct {
	Command string // its name, such as "answer"
	Method  string
	Path    string // below /ari, without query: queries may hold what callers said
	Status  int    // HTTP status
	Message string // Asterisk's own words
}

// Error names the command, the path and Asterisk's own words.
func (e *CommandError) Error() string {
	return fmt.Sprintf("asterisk: %s: %s %s: %d %s", e.Command, e.Method, e.Path, e.Status, e.Message)
}

// IsGone says that the command came too late: the channel, playback or bridge no longer exists (404), or the channel
// has not been answered or is hanging up (412). That is a hang-up, not a fault. Putting a channel that is gone into a
// bridge is answered with 400 (seen on 22.10.1), which counts too.
func IsGone(err error) bool {
	e, ok := errors.AsType[*CommandError](err)
	return ok && (e.Status == http.StatusNotFound || e.Status == http.StatusPreconditionFailed ||
		e.Message == messageNoChannel || e.Message == messageNoSource)
}

// IsConflict says that Asterisk refuses the command as things stand (409): the id is taken, or the channel is not in
// our application any more.
func IsConflict(err error) bool {
	e, ok := errors.AsType[*CommandError](err)
	return ok && e.Status == http.StatusConflict
}

// isLeaving says that the channel has left our application and not yet ended (409): it is being hung up, or another
// channel takes its place.
func isLeaving(err error) bool {
	e, ok := errors.AsType[*CommandError](err)
	return ok && e.Status == http.StatusConflict && e.Message == messageNotInside
}

// IsRefused says that Asterisk could not make the channel (500, "Allocation failed"): the phone is not registered, or
// is not configured.
func IsRefused(err error) bool {
	e, ok := errors.AsType[*CommandError](err)
	return ok && e.Status == http.StatusInternalServerError && e.Message == messageNoContact
}

// isUnstoppable says that Asterisk could not stop a playback (500), which goes on.
func isUnstoppable(err error) bool {
	e, ok := errors.AsType[*CommandError](err)
	return ok && e.Status == http.StatusInternalServerError && e.Message == messageNotStopped
}

// Asterisk's own words, where the status alone does not tell.
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
