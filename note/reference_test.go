package note_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
)

func TestNewReferenceIsEightDigitsThatFit(t *testing.T) {
	seen := make(map[note.Reference]bool)
	for range 2000 {
		r, err := note.NewReference(rand.Reader)
		require.NoError(t, err)
		require.Regexp(t, `^[1-9][0-9]{7}$`, string(r))
		require.NoError(t, note.CheckReference(string(r)))
		seen[r] = true
	}
	require.Greater(t, len(seen), 1990, "references hardly repeat")
}

func TestNewReferenceCoversItsWholeRange(t *testing.T) {
	for name, test := range map[string]struct {
		random byte
		digits string
	}{
		"the lowest":           {0x00, "1000000"},
		"all bits of the dice": {0xff, fmt.Sprint(1_000_000 + ^uint64(0)%9_000_000)},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := note.NewReference(bytes.NewReader(bytes.Repeat([]byte{test.random}, 8)))
			require.NoError(t, err)
			require.Equal(t, test.digits, string(r[:7]))
		})
	}
}

func TestNewReferenceWithoutRandomness(t *testing.T) {
	dry := errors.New("no entropy")
	_, err := note.NewReference(iotest.ErrReader(dry))
	require.ErrorIs(t, err, dry)
	_, err = note.NewReference(bytes.NewReader(make([]byte, 7)))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// The check digit notices any one changed digit and any swap of two different neighbours, for a sample of references.
// The sample is every 997th of all nine million.
func TestReferenceNoticesEveryWrongDigitAndEverySwap(t *testing.T) {
	missed := 0
	for first := 1_000_000; first < 10_000_000; first += 997 {
		r := completed(t, fmt.Sprint(first))
		for i := range r {
			changed := []byte(r)
			for d := byte('0'); d <= '9'; d++ {
				changed[i] = d
				if d != r[i] && note.CheckReference(string(changed)) == nil {
					missed++
				}
			}
		}
		for i := range len(r) - 1 {
			swapped := []byte(r)
			swapped[i], swapped[i+1] = r[i+1], r[i]
			if r[i] != r[i+1] && note.CheckReference(string(swapped)) == nil {
				missed++
			}
		}
	}
	require.Zero(t, missed)
}

// completed finds the one check digit that fits.
func completed(t *testing.T, digits string) string {
	t.Helper()
	found := ""
	for d := '0'; d <= '9'; d++ {
		if note.CheckReference(digits+string(d)) == nil {
			require.Empty(t, found, "only one check digit fits %s", digits)
			found = digits + string(d)
		}
	}
	require.NotEmpty(t, found, "a check digit fits %s", digits)
	return found
}

func TestParseReference(t *testing.T) {
	good := completed(t, "4711471")
	for name, test := range map[string]struct{ in, says string }{
		"as it is stored":              {good, ""},
		"in two groups":                {good[:4] + " " + good[4:], ""},
		"copied from a letter":         {"\t" + good[:4] + "-" + good[4:6] + "." + good[6:] + "\u00a0\n", ""},
		"nothing":                      {"", "0 digits, not 8"},
		"too short":                    {good[:7], "7 digits, not 8"},
		"too long":                     {good + "0", "9 digits, not 8"},
		"a leading zero":               {"0" + good[:7], "begins with a zero"},
		"letters":                      {"abcdefgh", "something else than digits"},
		"digits of another script":     {"٤٧١١٤٧١١", "something else than digits"},
		"an end of text in the middle": {good[:4] + "\x00" + good[4:], "something else than digits"},
		"a wrong digit":                {"9" + good[1:], "check digit"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := note.ParseReference(test.in)
			if test.says == "" {
				require.NoError(t, err)
				require.Equal(t, note.Reference(good), r)
				return
			}
			require.ErrorIs(t, err, note.ErrReference)
			require.ErrorContains(t, err, test.says)
			require.Empty(t, r)
		})
	}
}

func FuzzParseReference(f *testing.F) {
	for _, seed := range []string{"10000004", "1000 0008", "", "0", "99999999", "\xff\xfe", "1234567٨"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		r, err := note.ParseReference(in)
		require.Equal(t, err == nil, note.CheckReference(in) == nil)
		if err != nil {
			require.ErrorIs(t, err, note.ErrReference)
			return
		}
		again, err := note.ParseReference(string(r))
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}
