package note

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The proof that the check digit works for references of any length, from the table alone: it is a latin square with a
// zero diagonal (every single wrong digit is noticed, and a number with its own check digit gives 0) and weakly totally
// anti-symmetric (every swap of neighbours is noticed, the check digit itself included).
func TestDammTable(t *testing.T) {
	for a := range damm {
		require.Zero(t, damm[a][a], "the check digit of %d", a)
		row, column := make(map[byte]bool), make(map[byte]bool)
		for b := range damm {
			row[damm[a][b]], column[damm[b][a]] = true, true
		}
		require.Len(t, row, 10, "row %d holds each digit once", a)
		require.Len(t, column, 10, "column %d holds each digit once", a)
	}
	for c := range damm {
		for x := range damm {
			for y := range damm {
				if x != y {
					require.NotEqual(
						t, damm[damm[c][x]][y], damm[damm[c][y]][x], "after %d, %d and %d can be swapped", c, x, y,
					)
				}
			}
		}
	}
}
