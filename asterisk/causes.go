package asterisk

// Cause says why a channel ended, in the numbers of ITU-T Q.850 as Asterisk uses them (causes.h).
type Cause int

// The causes that are told apart.
const (
	CauseUnknown           Cause = 0
	CauseUnallocated       Cause = 1  // the number does not exist
	CauseNoRoute           Cause = 3  // no way to the destination
	CauseNormalClearing    Cause = 16 // somebody hung up
	CauseUserBusy          Cause = 17 // SIP 486
	CauseNoUserResponse    Cause = 18 // SIP 408
	CauseNoAnswer          Cause = 19 // rang and was not answered in time (originate: since 22.4)
	CauseSubscriberAbsent  Cause = 20 // not registered
	CauseCallRejected      Cause = 21 // SIP 401, 403, 603 and others
	CauseAnsweredElsewhere Cause = 26 // another phone took it; phones then show no missed call
	CauseOutOfOrder        Cause = 27 // the destination does not work
	CauseInvalidFormat     Cause = 28 // the number is incomplete; SIP 484
	CauseTemporaryFailure  Cause = 41 // SIP 500
)
