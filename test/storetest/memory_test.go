package storetest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func TestMemoryIsAStore(t *testing.T) {
	storetest.Suite(t, func(*testing.T) storetest.Store { return storetest.NewMemory() })
}

func TestMemoryThatFailsAnswersNothing(t *testing.T) {
	m := storetest.NewMemory()
	m.Fail(errors.New("out of order"))
	_, err := m.Note(context.Background(), "deventer", "01JD5V3Z5QXKZ9W7M2R4T6Y8AB")
	require.ErrorIs(t, err, note.ErrStoreDown)
	require.ErrorContains(t, err, "out of order")
	m.Fail(nil)
	_, err = m.Note(context.Background(), "deventer", "01JD5V3Z5QXKZ9W7M2R4T6Y8AB")
	require.ErrorIs(t, err, note.ErrNoNote)
}
