package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// A number is read as people write it, on every way in.
func TestNumbersAsPeopleWriteThem(t *testing.T) {
	for _, typed := range []string{
		"06\u00a012345678", "06/12345678", "06\u201112345678", "\u202d0612345678\u202c", "tel:+31612345678",
		"０６１２３４５６７８",
		"+31 (0)6-12345678",
	} {
		d := open(t)
		number, err := json.Marshal(typed)
		require.NoError(t, err)
		got := d.asks(
			"anouk", http.MethodPost, "/api/notes", fmt.Sprintf(`{"team":"kcc","number":%s}`, number),
			"Idempotency-Key", "k",
		)
		require.Equal(t, http.StatusCreated, got.StatusCode, "%+q: %s", typed, got.body)
		erased := d.asks("admin", http.MethodPost, "/api/erase", fmt.Sprintf(`{"number":%s}`, number))
		require.JSONEq(t, `{"erased":1}`, string(erased.body), "%+q", typed)
		require.NotContains(t, d.log.String(), typed)
	}
}

func TestANumberThatIsRefusedNamesTheCharacter(t *testing.T) {
	d := open(t)
	for typed, says := range map[string]string{
		"06l2345678":           `"l" (U+006C) is a letter`,
		"0612345678 tst. 12":   "an extension cannot be dialled",
		"0612345678,1":         `"," (U+002C)`,
		"06-12345678/79":       `a number has ended before "/"`,
		"sip:0612345678@trunk": "a SIP address is none",
		"0612":                 "not a number that exists",
	} {
		made := d.asks(
			"anouk", http.MethodPost, "/api/notes", fmt.Sprintf(`{"team":"kcc","number":%q}`, typed), "Idempotency-Key",
			"k",
		)
		require.Contains(t, made.problem(t, http.StatusUnprocessableEntity, "refused_invalid").Detail, says)
		erased := d.asks("admin", http.MethodPost, "/api/erase", fmt.Sprintf(`{"number":%q}`, typed))
		require.Contains(t, erased.problem(t, http.StatusUnprocessableEntity, "number").Detail, says)
	}
	require.NotContains(t, d.log.String(), "2345678")
}
