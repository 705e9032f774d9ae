// Package routing decides where a call goes: which municipality, menu and team, and whether that team is open. Whose
// phone rings is decided by queue. Time is always an argument; nothing here waits, logs or does I/O.
package routing

import (
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/prompts"
)

// Plan is the configuration of where calls go. It is immutable: a reload makes a new one, and live calls finish on
// theirs.
type Plan struct {
	Municipalities map[call.MunicipalityID]Municipality
	Entries        map[string]Entry // by canonical dialled number, see EntryKey
	Menus          map[MenuID]Menu
	Teams          map[call.TeamID]Team
	Agents         map[call.AgentID]Agent
	Unknown        Entry // for a call to a number that is not in Entries
}

// Municipality is one of the municipalities that the installation answers for.
type Municipality struct {
	ID            call.MunicipalityID
	Name          string
	Location      *time.Location
	Language      prompts.Language
	ContactCentre call.TeamID // the KCC: where doing nothing ends
	CallerID      string      // the number that its callbacks show, E.164

	CallbackCountries []string // whose numbers are called back, ISO 3166 codes such as "NL"
}

// Entry is a number that callers dial, with its welcome and first target.
type Entry struct {
	Number       string // canonical, see EntryKey
	Municipality call.MunicipalityID
	Language     prompts.Language
	Welcome      prompts.ID // spoken after answering; empty for none
	First        Target
}

// EntryKey is the form in which dialled numbers are compared: E.164 where the input is a valid number, so that
// 140570, 0140570 and +31140570 are one entry; the input itself otherwise (an internal extension).
func EntryKey(dialled string) string {
	n, err := call.ParseNumber(dialled)
	if err != nil {
		return dialled
	}
	return n.E164
}

// MenuID names a menu (keuzemenu) of the configuration.
type MenuID string

// Target is where a call goes next: exactly one field is set.
type Target struct {
	Menu  MenuID
	Team  call.TeamID
	Refer prompts.ID // a text that says which municipality to ring; the call ends after it
}

// Menu is one level of choices (keuzemenu): at most four, and staying on the line always leads to a person.
type Menu struct {
	ID         MenuID
	Prompts    []prompts.ID
	Options    map[rune]Target
	Wait       time.Duration // for a key, after the last prompt
	Tries      int           // how often the menu is spoken before wrong keys count as staying on the line
	Repeats    int           // how often it is spoken again after silence before that counts as staying on the line
	StayOnLine Target
}

// Strategy names the way in which a team's free agents are rung. Package queue has the table of them.
type Strategy string

// Agent is a person with a phone.
type Agent struct {
	ID       call.AgentID
	Endpoint string // as Asterisk dials it: "PJSIP/kcc1", or "PJSIP/1234@pbx" for an extension behind another exchange
}

// Team is a group of people who answer the same questions, with one queue (wachtrij) before it.
type Team struct {
	ID           call.TeamID
	Name         string
	Municipality call.MunicipalityID
	Members      []call.AgentID // a strategy may go by their order
	Strategy     Strategy
	Priority     int           // of its callers for agents who work for several teams; higher goes first
	RingTime     time.Duration // of one phone before the next is tried
	Retry        time.Duration // pause before phones that did not answer are rung again for the same caller
	WrapUp       time.Duration // nawerktijd after a conversation
	MissedLimit  int           // missed rings in a row after which an agent is paused; 0 never pauses
	MissedPause  time.Duration // how long that pause lasts
	Hours        *calendar.Hours
	Greeting     prompts.ID    // spoken once on entering the queue, cut short by an answer; empty for none
	Music        string        // Asterisk's music on hold class
	Announce     time.Duration // between announcements of position and wait while waiting; 0 for none
	MaxWait      time.Duration // after which the call moves on to Overflow; 0 for no limit
	Overflow     call.TeamID   // empty for none
	Callback     CallbackOffer
}

// CallbackOffer says when a team's callers are offered a callback note.
type CallbackOffer struct {
	Enabled bool
	After   time.Duration // of waiting; 0 offers only when nobody is available or the caller asks
	Key     rune          // with which a waiting caller asks for it; 0 for none
}
