// Package notify tells teams, people and programs of callback notes: by mail and by signed webhook. What is to be told
// lies in an outbox until it is told, so that a promise never waits for a mail.
package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
)

// Kind says what is told.
type Kind string

// The kinds. Warning is the point at which a part of the working time is used, half of it unless configured otherwise.
const (
	NewNote Kind = "new"     // a team or colleague has a note that it did not have before
	Warning Kind = "warning" // the warning point of the norm has passed
	Overdue Kind = "overdue" // the deadline has passed
	Daily   Kind = "daily"   // the list of live notes, when the team opens
)

// Kinds lists every kind.
func Kinds() []Kind { return []Kind{NewNote, Warning, Overdue, Daily} }

// Channel is a way to tell.
type Channel string

// The channels.
const (
	Mail    Channel = "mail"
	Webhook Channel = "webhook"
)

// Channels lists every channel.
func Channels() []Channel { return []Channel{Mail, Webhook} }

// Lane is a row of items that wait for one server: that of all mail, or that of one webhook. A slow server holds up its
// own lane only.
type Lane string

// MailLane is the lane of all mail.
const MailLane = Lane(Mail)

// HookLane is the lane of a webhook.
func HookLane(id string) Lane { return Lane(string(Webhook) + ":" + id) }

// Channel is the channel of the lane.
func (l Lane) Channel() Channel {
	if of, _, _ := strings.Cut(string(l), ":"); of == string(Webhook) {
		return Webhook
	}
	return Mail
}

// Receiver is one who is told: an address of a team, a person, or a program.
type Receiver struct {
	Name         string // by which the outbox knows it; it holds no address
	Municipality call.MunicipalityID
	Lane         Lane
	Kinds        []Kind
	Teams        []call.TeamID // whose notes; with none, only those that are for Person or that they hold
	Person       call.AgentID  // empty for none
	Address      string        // of mail; empty for the one that is known of Person
	Language     string        // of mail, such as "nl"; empty for that of Person, or else of the municipality
}

// Rules are the configuration of the moment.
type Rules struct {
	Receivers []Receiver
	Link      string // where browsers find the pages, without a slash at its end
	Number    bool   // a message holds the caller's number
	Story     bool   // a message holds the caller's name, subject and story
	SMTP      *SMTP  // nil for no mail
	Hooks     map[Lane]Hook
}

// find gives the receiver of a name.
func (r Rules) find(name string) (Receiver, bool) {
	for _, to := range r.Receivers {
		if to.Name == name {
			return to, true
		}
	}
	return Receiver{}, false
}

// Item is one thing to tell one receiver. It holds ids only: its text is made when it is sent, of the note as it is
// then, so that nothing of an erased caller waits in an outbox.
type Item struct {
	ID   string // the same for the same event and receiver, always
	Kind Kind
	Lane Lane
	To   string      // the receiver's name
	Note note.ID     // empty for Daily
	Team call.TeamID // that has the note; of Daily, whose list, empty for the receiver's own
	At   time.Time   // of the event, UTC
	// Tries is how often this item, and not its server, was refused for now.
	Tries int
}

// itemID names what an event is to a receiver.
func itemID(event, receiver string) string {
	sum := sha256.Sum256([]byte(event + "\x00" + receiver))
	return "ntf_" + hex.EncodeToString(sum[:16])
}

// AddressName is the name of a team's address: the address itself is not to be read in it.
func AddressName(team call.TeamID, address string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(address)))
	return "team:" + string(team) + ":" + hex.EncodeToString(sum[:8])
}

// PersonName is the name of a person as a receiver.
func PersonName(id call.AgentID) string { return "person:" + string(id) }

// ErrMoved says that a place is not where it was: another daemon was first. Nothing was stored.
var ErrMoved = errors.New("another daemon has moved on from this place already")

// Move says how far something was told: a place goes from one value to the next. From is empty at first.
type Move struct{ Place, From, To string }

// Leased is an item that nobody else sends until the lease ends, by the clock of the store.
type Leased struct {
	Item
	Until time.Time
}

// Row is what waits in a lane.
type Row struct {
	Lane   Lane
	Items  int
	Oldest time.Time // At of the oldest; zero when Items is 0
}

// Outbox keeps items until they are told. Errors wrap note.ErrStoreDown or note.ErrBroken besides what methods name.
type Outbox interface {
	// Places gives how far everything was told, by place.
	Places(ctx context.Context, m call.MunicipalityID) (map[string]string, error)
	// Enqueue moves a place and adds items, as one step. An item that waits already is not added again. It gives the
	// ids of the items that found their lane full: a lane holds at most most. Error also: ErrMoved.
	Enqueue(ctx context.Context, m call.MunicipalityID, move Move, items []Item, most int) (full []string, err error)
	// Rows gives the lanes in which something waits or waited.
	Rows(ctx context.Context, m call.MunicipalityID) ([]Row, error)
	// Lease gives the item of a lane that is due first, false when none is due.
	Lease(ctx context.Context, m call.MunicipalityID, lane Lane, hold time.Duration) (Leased, bool, error)
	// Done removes an item. An item whose lease has ended stays.
	Done(ctx context.Context, m call.MunicipalityID, of Leased) error
	// Later puts an item off, with the tries that it has now. An item whose lease has ended stays as it is.
	Later(ctx context.Context, m call.MunicipalityID, of Leased, after time.Duration) error
}
