package redisstore

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheProofOfAWitness(t *testing.T) {
	at := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	const seven = 7
	before := Proof{Run: "a", Seq: seven, At: at}
	restarted, tookOver := serverRun{"b", at.Add(time.Minute)}, serverRun{"b", at.Add(-time.Hour)}
	lost := before.next(restarted, 0, 0, 8, at.Add(time.Hour))
	for name, test := range map[string]struct {
		proof         Proof
		run           serverRun
		first, second uint64
		grave, proven bool
	}{
		"the first look":                      {Proof{}, restarted, 0, 0, false, false},
		"the same run":                        {before, serverRun{"a", at.Add(-time.Hour)}, seven, seven, false, false},
		"a restart that kept it":              {before, restarted, seven, seven, false, true},
		"one after which a later one is here": {before, restarted, 9, 9, false, true},
		"a restart that lost it":              {before, restarted, 0, 0, true, false},
		"one that lost half of it":            {before, restarted, seven, 6, true, false},
		"a backup":                            {before, restarted, 3, 3, true, false},
		"a replica that took over":            {before, tookOver, seven, seven, false, false},
		"a replica that lagged":               {before, tookOver, 6, 6, true, false},
		"nothing new after a loss":            {lost, serverRun{"b", at.Add(time.Minute)}, 8, 8, true, false},
		"a restart that kept it after a loss": {lost, serverRun{"c", at.Add(2 * time.Hour)}, 8, 8, false, true},
		"a replica after a loss":              {lost, serverRun{"c", at}, 8, 8, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := test.proof.next(test.run, test.first, test.second, 10, at.Add(3*time.Hour))
			require.Equal(t, uint64(10), got.Seq)
			require.Equal(t, test.run.id, got.Run)
			problem, wanting := got.Problem()
			require.Equal(t, test.proven, !wanting, problem)
			require.Equal(t, test.grave, problem.Grave, problem)
		})
	}
}

// A Redis on another machine may name a file that is here as well: that would be rehearsed, and not the one that runs.
func TestARedisElsewhereIsNotTakenForOneHere(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	pid := strconv.Itoa(os.Getpid())
	for name, test := range map[string]struct {
		info map[string]string
		here bool
	}{
		"here":               {map[string]string{"process_id": pid, "executable": self}, true},
		"another process":    {map[string]string{"process_id": pid, "executable": "/usr/bin/redis-server"}, false},
		"no such process":    {map[string]string{"process_id": "4194305", "executable": self}, false},
		"it does not tell":   {map[string]string{"executable": self}, false},
		"not a process's id": {map[string]string{"process_id": "../../etc", "executable": "redis-server"}, false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.here, runsHere(test.info)) })
	}
}

func TestOnlyItsOwnFilesAreBlamedForAServerThatDoesNotStart(t *testing.T) {
	ours := []string{"tls-port 0"}
	for said, own := range map[string]bool{
		"*** FATAL CONFIG FILE ERROR (Redis 7.0) ***\n>>> 'nonsense yes'\nBad directive":                    true,
		"*** FATAL CONFIG FILE ERROR (Redis 7.0) ***\n>>> 'tls-port 0'\nBad directive":                      false,
		"*** FATAL CONFIG FILE ERROR (Redis 7.0) ***\nCan't open config file: Permission denied":            false,
		"1:M # Aborting Redis startup because of ACL errors: /etc/redis/users.acl:1: Unknown command":       true,
		"Aborting Redis startup because of ACL errors: Error loading ACLs, opening file: Permission denied": false,
		"Can't load module from /usr/lib/x.so: server aborting":                                             true,
		"Out Of Memory allocating 16 bytes":                                                                 false,
		"":                                                                                                  false,
	} {
		require.Equal(t, own, ownFault(said, ours), said)
	}
}
