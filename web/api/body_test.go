package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// Programs of Windows begin a text with a byte order mark.
func TestABodyThatBeginsWithAByteOrderMark(t *testing.T) {
	d := open(t)
	n := d.note(permits)
	require.Equal(t, http.StatusOK, d.changes("cem", n, "comment", "\ufeff{\"text\":\"x\"}").StatusCode)
	n.Ver++
	_ = d.changes("cem", n, "comment", "\ufeff\ufeff{}").problem(t, http.StatusBadRequest, "body")
	_ = d.changes("cem", n, "comment", "{\ufeff}").problem(t, http.StatusBadRequest, "body")
	_ = d.changes("cem", n, "comment", "{}\ufeff").problem(t, http.StatusBadRequest, "body")
}
