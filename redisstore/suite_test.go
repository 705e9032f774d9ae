package redisstore_test

import (
	"testing"

	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func TestTheStoreDoesWhatEveryStoreMust(t *testing.T) {
	server := redistest.Start(t)
	past := raw(t, server.Addr)
	storetest.Suite(t, func(t *testing.T) storetest.Store {
		t.Helper()
		past.FlushDB(ctx)
		t.Cleanup(func() { requireInvariants(t, past) })
		return open(t, server.Addr)
	})
}
