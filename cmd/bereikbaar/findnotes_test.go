package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNotesAreFoundByNumberAndName(t *testing.T) {
	c := atTheCounter(t)
	n := c.Note("kcc")
	for _, args := range [][]string{{"find", "06-12 34 56 78"}, {"find", "--name", "els v"}} {
		out, err := c.runs(args...)
		require.NoError(t, err)
		require.Contains(t, out, string(n.Reference))
	}
	out, err := c.runs("find", "--name", "jansen")
	require.NoError(t, err)
	require.NotContains(t, out, string(n.Reference))
	_, err = c.runs("find", "0612345678", "--name", "els")
	require.ErrorContains(t, err, "not for both")
	_, err = c.runs("find", "0612")
	require.ErrorContains(t, err, "not a number that exists")
}
