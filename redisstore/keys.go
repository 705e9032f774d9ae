package redisstore

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/notify"
)

// Every key begins with this, so that one ACL rule (~bereikbaar:*) covers them all.
const keyPrefix = "bereikbaar:"

// keys are the keys of one municipality. They share a hash tag, so that a script that touches several stays atomic in a
// cluster. Promises have no time to live; only the counts of a day and sessions have. docs/notes.md has the same list
// for people.
type keys struct{ tag string }

func keysOf(m call.MunicipalityID) keys { return keys{tag: keyPrefix + "{" + string(m) + "}:"} }

// hash: the note, see note.EncodeNote
func (k keys) note(id note.ID) string { return k.tag + "note:" + string(id) }

// zset: live notes, see listing.Score
func (k keys) due(team call.TeamID) string { return k.tag + "due:" + string(team) }

// set: live notes that a colleague has claimed or that are for them
func (k keys) held(colleague call.AgentID) string { return k.tag + "held:" + string(colleague) }

// zset: held notes, by the end of the lease in ms
func (k keys) leases() string { return k.tag + "leases" }

// zset: live notes, by the next mark of the norm in ms
func (k keys) marks() string { return k.tag + "marks" }

// zset: closed notes that are not purged, by when in ms
func (k keys) closed() string { return k.tag + "closed" }

// hash: promise, see same → live notes
func (k keys) open() string { return k.tag + "open" }

// hash: idempotency key → note id
func (k keys) idem() string { return k.tag + "idem" }

// hash: reference → note id, or more than one
func (k keys) references() string { return k.tag + "references" }

// zset: "<word of a name> <note id>" of notes that are not purged, all with one score: a word is found by its
// beginning
func (k keys) names() string { return k.tag + "names" }

// set: every team that ever had a note
func (k keys) teams() string { return k.tag + "teams" }

// hash: "made:<team>", "resolved:<team>", … → count
func (k keys) ledger() string { return k.tag + "ledger" }

// hash: colleague → absence, see staff.EncodeAbsence
func (k keys) absent() string { return k.tag + "absent" }

// hash: "page:<person>", "sign_in:<person>" → what that source knows of them, see staff.EncodePerson
func (k keys) people() string { return k.tag + "people" }

// hash: person → their local account, see signin.EncodeAccount
func (k keys) accounts() string { return k.tag + "accounts" }

// hash: person → how often they were signed out everywhere
func (k keys) signedOut() string { return k.tag + "signed_out" }

// hash: how far notifications were told, by place: "log", and "daily:<team>:<receiver>" → day
func (k keys) outboxPlaces() string { return k.tag + "outbox_places" }

// set: the lanes in which notifications wait
func (k keys) outboxLanes() string { return k.tag + "outbox_lanes" }

// hash: notification → what is told to whom, see notify.EncodeItem
func (k keys) outbox(lane notify.Lane) string { return k.tag + "outbox:" + string(lane) }

// zset: notifications, by when they are tried next in ms; while one is tried, by the end of its lease
func (k keys) outboxDue(lane notify.Lane) string { return k.tag + "outbox_due:" + string(lane) }

// zset: notifications, by the time of their event in ms
func (k keys) outboxSince(lane notify.Lane) string { return k.tag + "outbox_since:" + string(lane) }

// stream: every event, see note.EncodeEvent
func (k keys) log() string { return k.tag + "log" }

// day: hash: the counts of a day, see countField; and "once:<hash>" for each addition to them, see onceField. It
// expires, and deploy/redis/users.acl knows it by its name.
func (k keys) day(date string) string { return k.tag + "day:" + date }

// number: zset: the notes of one telephone number (see note.Note.Numbers), by the time they were made in ms. The digits
// are hashed to keep them out of SLOWLOG, MONITOR and error messages, where key names show; this keeps no secret,
// because so few digits can be guessed.
func (k keys) number(n call.Number) string { return k.tag + "number:" + hashed(n.E164) }

// sessionKey: string: a session, see signin.SessionKey, which makes the hash. Whose it is stands in it, so it has no
// municipality's tag. It expires, and deploy/redis/users.acl knows it by its name.
func sessionKey(hash string) string { return keyPrefix + "session:" + hash }

// hashed keeps texts that may be personal out of names.
func hashed(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// fieldLog holds, in the hash of a note, the ids of its events in the log, blank between them: the history of one note
// is found, and can be erased on request, without reading the log of all.
const fieldLog = "log"
