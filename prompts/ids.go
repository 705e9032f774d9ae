package prompts

// The whole sentences for Speaker.Say. Each exists in every built-in language; the configuration may replace its text.
const (
	Welcome                   ID = "welcome"
	SearchingAgent            ID = "searching-agent"
	AllBusy                   ID = "all-busy"
	NotReachable              ID = "not-reachable"
	OfferCallback             ID = "offer-callback"
	OfferCallbackAgain        ID = "offer-callback-again"
	WithheldNumber            ID = "withheld-number"
	EnterNumber               ID = "enter-number"
	UnusableNumber            ID = "unusable-number"
	EntryFailed               ID = "entry-failed"
	CallbackNotPossible       ID = "callback-not-possible"
	CallbackNotPossibleClosed ID = "callback-not-possible-closed"
	NoteAlreadyOpen           ID = "note-already-open"
	NoteInHand                ID = "note-in-hand"
	NoteTried                 ID = "note-tried"
	NoteLate                  ID = "note-late"
	NoteForThisNumber         ID = "note-for-this-number"
	NotesForThisNumber        ID = "notes-for-this-number"
	NoteChoices               ID = "note-choices"
	NotesChoices              ID = "notes-choices"
	EnterReference            ID = "enter-reference"
	ReferenceUnknown          ID = "reference-unknown"
	CallerRingsUs             ID = "caller-rings-us"
	NoteStays                 ID = "note-stays"
	ConfirmWithdrawal         ID = "confirm-withdrawal"
	NoteWithdrawn             ID = "note-withdrawn"

	// For a colleague, in a callback.
	CallingBack       ID = "calling-back"
	NotDialled        ID = "not-dialled"
	AskResult         ID = "ask-result"
	AskResolved       ID = "ask-resolved"
	AttemptNotReached ID = "attempt-not-reached"
	AttemptNoted      ID = "attempt-noted"
	NoteClosed        ID = "note-closed"

	Closed      ID = "closed"
	WrongChoice ID = "wrong-choice"
	// The dialplan speaks Fallback when the daemon is away, and FallbackAgain to a caller whom the daemon had welcomed.
	// Their file names are part of the dialplan.
	Fallback      ID = "fallback"
	FallbackAgain ID = "fallback-again"
	Goodbye       ID = "goodbye"
)

// Silences to put between things that are said.
const (
	PauseShort ID = "pause-short" // between groups and clauses, 180 ms
	PauseLong  ID = "pause-long"  // after a composed sentence, 400 ms
)

// Parts of composed sentences. Only this package joins them.
const (
	callBackOnNumber   ID = "call-back-on-number"
	confirmNumber      ID = "confirm-number"
	callBackBy         ID = "call-back-by"
	yourReferenceIs    ID = "your-reference-is"
	youAreNext         ID = "you-are-next"
	oneCallerBeforeYou ID = "one-caller-before-you"
	thereAre           ID = "there-are"
	callersBeforeYou   ID = "callers-before-you"
	waitUnderAMinute   ID = "wait-under-a-minute"
	waitAboutAMinute   ID = "wait-about-a-minute"
	waitAbout          ID = "wait-about"
	waitMinutes        ID = "wait-minutes"
	waitOverAnHour     ID = "wait-over-an-hour"
	youCanCallUs       ID = "you-can-call-us"
	youCanCallUsAgain  ID = "you-can-call-us-again"
	onWorkingDays      ID = "on-working-days"
	everyDay           ID = "every-day"
	onDay              ID = "on-day"
	fromDay            ID = "from-day"
	toDay              ID = "to-day"
	between            ID = "between"
	startingAt         ID = "starting-at"
	allDay             ID = "all-day"
	and                ID = "and"
	atTime             ID = "at-time"
	hour               ID = "hour"
	minuteZero         ID = "minute-zero"
	beforeNoon         ID = "before-noon"
	afterNoon          ID = "after-noon"
	noon               ID = "noon"
	midnight           ID = "midnight"
	atEndOfDay         ID = "at-end-of-day"
	numberAnd          ID = "number-and"
	digitPlus          ID = "digit-plus"
)
