package redisstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

func byWeight(problems []redisstore.Problem) (grave, warnings []redisstore.Problem) {
	for _, p := range problems {
		if p.Grave {
			grave = append(grave, p)
		} else {
			warnings = append(warnings, p)
		}
	}
	return grave, warnings
}

// A hardened Redis lacks commands. Without CONFIG the check cannot see whether it keeps confirmed notes; that is all.
func TestARedisWithoutCONFIG(t *testing.T) {
	for name, line := range map[string]string{
		"taken away": `rename-command CONFIG ""`, "renamed": "rename-command CONFIG een-geheime-naam",
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, line)
			s := open(t, server.Addr)
			promise(t, s)
			grave, warnings := byWeight(s.Check(ctx))
			require.Empty(t, grave)
			require.Len(t, warnings, 1)
			require.Equal(t, "appendfsync", warnings[0].Setting)
			require.Contains(t, warnings[0].Text, "cannot be checked")
			require.Contains(t, warnings[0].Mend, "rename-command")
			require.NotContains(t, warnings[0].String(), "een-geheime-naam")
		})
	}
	t.Run("and the rest is looked at", func(t *testing.T) {
		server := redistest.Start(
			t, `rename-command CONFIG ""`, "appendonly no", "maxmemory 100mb", "maxmemory-policy allkeys-lru",
		)
		grave, warnings := byWeight(open(t, server.Addr).Check(ctx))
		require.Len(t, warnings, 1)
		require.Contains(t, fmt.Sprint(grave), "appendonly: it is off")
		require.Contains(t, fmt.Sprint(grave), "maxmemory-policy")
		require.Len(t, grave, 2)
	})
}

// A command that notes need is another matter: nothing works without it, and the check names it.
func TestARedisWithoutACommandThatNotesNeed(t *testing.T) {
	for _, command := range []string{"ZRANGE", "HSET", "XADD", "EXPIRE", "TIME", "INFO", "EVALSHA", "EVAL"} {
		t.Run(command, func(t *testing.T) {
			server := redistest.Start(t, fmt.Sprintf("rename-command %s \"\"", command))
			grave, _ := byWeight(open(t, server.Addr).Check(ctx))
			require.Len(t, grave, 1)
			require.Contains(t, strings.ToUpper(grave[0].String()), command)
			require.Contains(t, grave[0].String(), "rename-command")
		})
	}
}
