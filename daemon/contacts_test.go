package daemon

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
)

func TestEveryCallLeavesOneLineWithoutAnythingPersonal(t *testing.T) {
	var log bytes.Buffer
	d := daemonWith(t, slog.New(slog.DiscardHandler))
	contacts := loggedContacts{d.metrics, newRepeats(), slog.New(slog.NewTextHandler(&log, nil))}
	number, err := call.ParseNumber("0612345678")
	require.NoError(t, err)
	contacts.Contact(call.Contact{
		Call: call.Call{ID: "1795186800.17", Dialled: "140570", Caller: number}, Municipality: "deventer",
		Choices: "12",
		Offers: []call.Offer{
			{Team: "parttime", Open: true, Result: call.OfferMovedOn, Waited: 20 * time.Second},
			{
				Team: "kcc", Open: true, Agent: "kcc1", Result: call.OfferAnswered, Waited: 1500 * time.Millisecond,
				Talked: time.Minute,
			},
		},
		Outcome: call.Answered, NoteID: "01A", About: "01B",
	})
	_, line, _ := bytes.Cut(log.Bytes(), []byte(" level="))
	require.Equal(t, `INFO msg="a call is over" call=1795186800.17 municipality=deventer outcome=answered teams="[parttime kcc]" `+
		"waited=21.5s talked=1m0s note=01A about=01B\n", string(line))
	require.Contains(t, scraped(t, d), `bereikbaar_calls_total{municipality="deventer",outcome="answered"} 1`)

	log.Reset()
	contacts.Contact(call.Contact{
		Call: call.Call{ID: "1795186800.18"}, Municipality: "deventer", Outcome: call.HungUpInMenu,
	})
	require.NotContains(t, log.String(), "note=", "there is none")
	require.NotContains(t, log.String(), "about=")
}
