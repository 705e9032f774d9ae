package redisstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/redis/go-redis/v9"

	"github.com/bereikbaar/bereikbaar/note"
)

// trouble is a kind of refusal by Redis, known by how its error begins, "ERR " left out.
type trouble struct {
	begins  string
	passing bool   // may be over in some milliseconds
	mend    string // for the operator
}

const (
	lacksRight = "the Redis user lacks a right: take the rule of deploy/redis/users.acl"
	lacksWord  = "Redis lacks a command that notes need: take its rename-command out of redis.conf; " +
		"deploy/redis/users.acl keeps others from it"
	wantsUser = "Redis wants a user and password: set redis.username, and the password by BEREIKBAAR_REDIS_PASSWORD, " +
		"BEREIKBAAR_REDIS_PASSWORD_FILE or redis.password_file"
)

var troubles = []trouble{
	{"LOADING", true, "Redis is still reading its data after a start: wait"},
	{"READONLY", true, "this Redis is a read-only replica: point the configuration at the primary, or promote it"},
	{"MASTERDOWN", true, "this replica has lost its primary: point the configuration at the primary"},
	{"CLUSTERDOWN", true, "the cluster does not serve this slot: see CLUSTER INFO"},
	{"TRYAGAIN", true, "the cluster is moving this slot: wait"},
	{"BUSY", true, "a script runs too long: see SLOWLOG, end it with SCRIPT KILL"},
	{"max number of clients", true, "Redis has too many clients: raise maxclients or find who holds them"},
	{"OOM", false, "Redis is at its maxmemory: raise it; notes are never evicted"},
	{"MISCONF", false, "Redis cannot write to disk: free the disk and see its log"},
	{"NOREPLICAS", false, "min-replicas-to-write is not met: mend the replicas"},
	{"NOAUTH", false, wantsUser},
	// Redis says this instead when a client without a login sends more than ten arguments.
	{"Protocol error: unauthenticated", false, wantsUser},
	{"WRONGPASS", false, "Redis refuses the user or password: see deploy/redis/users.acl"},
	{"NOPERM", false, lacksRight},
	// The same inside a script: 7.0, and 7.2 and newer.
	{"The user executing the script can't run", false, lacksRight},
	{"The user executing the script can't access", false, lacksRight}, // it may run it on other keys
	{"ACL failure in script", false, lacksRight},
	{"unknown command", false, lacksWord},
	{"Unknown Redis command called from script", false, lacksWord},
	{"Invalid command passed to redis.acl_check_cmd()", false, lacksWord},
	{"WRONGTYPE", false, "a key has a type that is not ours: does something else write under " + keyPrefix + "?"},
}

func troubleOf(err error) (trouble, bool) {
	for _, t := range troubles {
		if redis.HasErrorPrefix(err, t.begins) {
			return t, true
		}
	}
	return trouble{}, false
}

// passing reports whether another try may help: Redis is starting or failing over, or the connection broke. A timeout
// is not passing.
func passing(err error) bool {
	if t, ok := troubleOf(err); ok {
		return t.passing
	}
	if errors.Is(err, errNotPrimary) || errors.Is(err, errSwitched) {
		return true
	}
	var network *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(
		err, &network,
	) && !network.Timeout()
}

// down is the error for a request that Redis did not carry out, with what may mend it.
func down(what string, err error) error {
	mend := "is Redis running, and is its address right?"
	connection := mendOfConnection(err)
	switch t, ok := troubleOf(err); {
	case connection != "":
		mend = connection
	case ok:
		mend = t.mend
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, redis.ErrPoolTimeout), isTimeout(err):
		mend = "Redis does not answer in time: is it frozen, or its disk slow?"
	}
	return fmt.Errorf("%s in Redis: %w (%s): %w", what, note.ErrStoreDown, mend, err)
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// broken is the error for a key that cannot be read. err wraps note.ErrBroken.
func broken(key string, err error) error {
	mend := "docs/notes.md tells how to restore it from the log"
	switch index := indexOf(key); index {
	case "absent", "accounts", "people", "session", "signed_out": // the log knows nothing of them
		mend = mendOf(index, key)
	}
	return fmt.Errorf("redis key %s: %w (nothing was changed; %s)", key, err, mend)
}

// unread says why a key could not be read: another type than ours is broken content, anything else a failure of Redis.
func (s *Store) unread(key string, err error) error {
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		return s.broken(key, fmt.Errorf("has the wrong type: %w", note.ErrBroken))
	}
	return down("read "+key, err)
}
