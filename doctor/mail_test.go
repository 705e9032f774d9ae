package doctor

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheMailServerIsTried(t *testing.T) {
	require.Empty(t, judgeMail(t.Context(), nil), "there is none")
	found := judgeMail(t.Context(), func(context.Context) error { return nil })
	require.Equal(t, OK, found[0].Verdict)
	found = judgeMail(t.Context(), func(context.Context) error { return errors.New("connection refused") })
	require.Equal(t, Warning, found[0].Verdict)
	require.Contains(t, found[0].Text, "connection refused")
	require.NotEmpty(t, found[0].Mend)
}
