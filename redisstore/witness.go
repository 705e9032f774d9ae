package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// witnessKeys hold the witness. They are of no municipality.
var witnessKeys = []string{keyPrefix + "witness:{w}:1", keyPrefix + "witness:{w}:2"}

var (
	//go:embed witness.lua
	witnessSource string

	witnessScript = redis.NewScript(witnessSource)
)

// Proof says by trial whether Redis keeps what it confirms: a number is written to it now and then, in one transaction
// as notes are, and must be there when another run of the server answers. The confirmed number is kept outside Redis.
// The zero value knows nothing.
type Proof struct {
	Run  string    `json:"run"`            // of the server that confirmed the number
	Seq  uint64    `json:"seq"`            // the number that was confirmed last; 0 for none
	At   time.Time `json:"at,omitzero"`    // when it was confirmed, by our clock
	Kept time.Time `json:"kept,omitzero"`  // when it was last seen to be there after a restart; zero for never
	Lost time.Time `json:"lost,omitzero"`  // when it was not there after one; zero when it was there the last time
	Had  uint64    `json:"had,omitempty"`  // with Lost: the number that was confirmed
	Has  uint64    `json:"has,omitempty"`  // with Lost: the one that was there, 0 for none
	From string    `json:"from,omitempty"` // with Lost: the run that confirmed it
}

// NotProven is the setting of a Proof's problem.
const NotProven = "durability"

// MendDefaultUser mends a Redis that drops the writes of scripts as it starts. Redis reads its own log as its user
// default, and drops each transaction that this user may not run.
const MendDefaultUser = "Give Redis's default user the line `user default off resetpass ~* &* +@all` " +
	"in its users.acl; docs/operating.md tells in which order (redis-unsafe)"

// Problem gives the problem that a proof shows, and false when Redis was seen to keep its number over a restart.
func (p Proof) Problem() (Problem, bool) {
	switch {
	case !p.Lost.IsZero():
		there := fmt.Sprintf("only number %d is there", p.Has)
		if p.Has == 0 {
			there = "none is there"
		}
		return Problem{NotProven, true, fmt.Sprintf(
			"Redis lost what it had confirmed when it was restarted: of the numbers that are written to it as notes "+
				"are, %d was confirmed by run %.8s, and %s (seen %s)",
			p.Had, p.From, there, p.Lost.UTC().Format(time.RFC3339),
		), "Copy its appendonlydir aside before anything else, and see redis-unsafe in docs/operating.md: " +
			"`bereikbaar doctor` on Redis's machine tells whether its default user lacks rights. " +
			"After a backup was restored: restart Redis once more"}, true
	case p.Kept.IsZero():
		return Problem{
			NotProven, false,
			"it is not proven yet that Redis keeps what it confirms: " +
				"it was not restarted since the daemon first wrote to it",
			"Restart Redis once (systemctl restart redis-server), and look again with `bereikbaar doctor`",
		}, true
	}
	return Problem{}, false
}

// next is the proof after a run of the server that had the numbers first and second, and then confirmed now. A server
// that ran already when the last number was confirmed, such as a replica that took over, did not read it from its disk
// and proves nothing.
func (p Proof) next(run serverRun, first, second, now uint64, at time.Time) Proof {
	has := min(first, second) // half a transaction is a lost one
	switch {
	case p.Seq == 0 || run.id == p.Run:
	case has < p.Seq:
		p.Lost, p.Had, p.Has, p.From = at, p.Seq, has, p.Run
	case run.began.Add(uptimeIsRough).After(p.At):
		p.Kept, p.Lost, p.Had, p.Has, p.From = at, time.Time{}, 0, 0, ""
	}
	p.Run, p.Seq, p.At = run.id, now, at
	return p
}

// uptimeIsRough is how much too early the begin of a run may be given: Redis counts in whole seconds of its clock.
const uptimeIsRough = 2 * time.Second

// serverRun is one run of a server.
type serverRun struct {
	id    string
	began time.Time // by our clock, to the second or so
}

// Attest checks that the confirmed number of a proof is there, has the next one confirmed, and gives the new proof. On
// an error nothing new is known.
func (s *Store) Attest(ctx context.Context, p Proof) (Proof, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*requestLimit)
	defer cancel()
	const what = "try whether Redis keeps what it confirms"
	run, err := s.serverRun(ctx)
	if err != nil {
		return p, down(what, err)
	}
	if p.Run != run.id && s.promoted(ctx) {
		p.Seq = 0 // it was a replica: a number that it had not heard yet says nothing of its disk
	}
	reply, err := witnessScript.Run(ctx, s.client, witnessKeys, run.id).StringSlice()
	if err != nil {
		return p, down(what, err)
	}
	if len(reply) != 3 {
		return p, s.unexpected(what, reply)
	}
	after, err := s.serverRun(ctx)
	switch {
	case err != nil:
		return p, down(what, err)
	case after.id != run.id:
		return p, down(what, errors.New("it was restarted meanwhile"))
	}
	return p.next(run, attested(reply[0]), attested(reply[1]), attested(reply[2]), time.Now().UTC()), nil
}

// promoted reports whether sentinels made a replica the primary that answers. A failover may lose what the replica had
// not heard: the journal gives it back (docs/notes.md, "Several machines").
func (s *Store) promoted(ctx context.Context) bool {
	if s.primary == nil {
		return false
	}
	text, err := s.client.Info(ctx, "replication").Result()
	return err == nil && strings.Trim(parseInfo(text)["master_replid2"], "0") != ""
}

func (s *Store) serverRun(ctx context.Context) (serverRun, error) {
	text, err := s.client.Info(ctx, "server").Result()
	info := parseInfo(text)
	up := time.Duration(number(info["uptime_in_seconds"])) * time.Second
	return serverRun{info["run_id"], time.Now().Add(-up)}, err
}

// attested reads a number of the script's; any other text counts as 0.
func attested(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
