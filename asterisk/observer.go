package asterisk

import "time"

// Observer receives the facts for metrics. Its methods must not wait; several goroutines call them.
type Observer interface {
	// EventSkipped counts a message that is not handled.
	EventSkipped(SkipReason)
	// LinkUp counts the links that were made and reconciled.
	LinkUp()
	// LinkLost counts the links that were lost or could not be made.
	LinkLost(LossReason)
	// CommandDone times a command by its name (a bounded set). status is Asterisk's HTTP status, 0 when there was none.
	CommandDone(command string, status int, took time.Duration)
}

// SkipReason says why a message was not handled. It is fit for a metric's label.
type SkipReason string

// The reasons to skip a message.
const (
	SkipUnknown   SkipReason = "unknown"   // a type of event that Asterisk 22 does not document
	SkipMalformed SkipReason = "malformed" // no JSON object, or one without a type
	// an event about a channel, playback or endpoint that it does not name
	SkipMissingID      SkipReason = "missing_id"
	SkipHuge           SkipReason = "huge"            // longer than Options.EventLimit
	SkipOverLimit      SkipReason = "over_limit"      // longer than Options.ReadLimit: the link was lost with it
	SkipUnmatchedReply SkipReason = "unmatched_reply" // came after its command's time limit

	skipUnused SkipReason = "unused" // known and unused: no fault, and not counted
)

// SkipReasons lists every reason, for metrics that must exist before the first event.
func SkipReasons() []SkipReason {
	return []SkipReason{SkipUnknown, SkipMalformed, SkipMissingID, SkipHuge, SkipOverLimit, SkipUnmatchedReply}
}

// LossReason says why there is no link. It is fit for a metric's label.
type LossReason string

// The reasons to have no link.
const (
	LossUnreachable LossReason = "unreachable" // Asterisk is away, or is not ready
	LossRefused     LossReason = "refused"     // wrong password, or a user that is read_only
	LossSetup       LossReason = "setup"       // the event filter or the reconciliation failed
	LossClosed      LossReason = "closed"      // closed by the other side, or a network error
	LossSilent      LossReason = "silent"      // half open: nothing was heard for Options.ReadTimeout
	LossOverLimit   LossReason = "over_limit"  // a message longer than Options.ReadLimit
	LossReplaced    LossReason = "replaced"    // another program took over the application
	LossOvertaken   LossReason = "overtaken"   // an earlier attempt of ours took over the application
)

// LossReasons lists every reason, for metrics that must exist before the first loss.
func LossReasons() []LossReason {
	return []LossReason{
		LossUnreachable, LossRefused, LossSetup, LossClosed, LossSilent, LossOverLimit, LossReplaced, LossOvertaken,
	}
}

type nobody struct{}

func (nobody) EventSkipped(SkipReason)                {}
func (nobody) LinkUp()                                {}
func (nobody) LinkLost(LossReason)                    {}
func (nobody) CommandDone(string, int, time.Duration) {}
