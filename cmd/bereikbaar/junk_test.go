package main

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever an index holds, the notes are listed, and a faulty entry is named with its mend.
func TestJunkInRedisIsNamedByTheCommands(t *testing.T) {
	c := atTheCounter(t)
	n := c.Note("kcc")
	const due, junk = "bereikbaar:{deventer}:due:kcc", 80
	for i := range junk {
		c.Redis.Do("ZADD", due, i, fmt.Sprint("rommel", i))
	}
	var out bytes.Buffer
	cmd := root(io.Discard)
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs([]string{"notes", "list", "--limit", "5", "--config", c.Path})
	err := cmd.ExecuteContext(t.Context())
	require.ErrorContains(t, err, due)
	require.Contains(t, out.String(), string(n.Reference), "the table is printed all the same")

	out.Reset()
	cmd = root(io.Discard)
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"doctor", "--asterisk-etc", t.TempDir(), "--config", c.Path})
	require.Error(t, cmd.ExecuteContext(t.Context()), "Asterisk is not there")
	require.Contains(t, out.String(), "redis contents   key "+due)
	require.Contains(t, out.String(), "ZREM "+due)
}
