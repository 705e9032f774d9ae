package manual

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/rig"
)

// caller is a call to the number, and the moment up to which it was heard.
type caller struct {
	*rig.Caller
	o        *operator
	listened time.Time
}

func (o *operator) rings(number string) *caller {
	o.t.Helper()
	c, err := o.phones.Call(o.soon(), rig.CallerOptions{From: number})
	require.NoError(o.t, err)
	return &caller{Caller: c, o: o}
}

func (c *caller) hears(ids ...string) {
	c.o.t.Helper()
	phrase, err := c.AwaitPhrase(c.o.soon(), c.listened, false, ids...)
	require.NoError(c.o.t, err)
	c.listened = phrase.From
}

func (c *caller) presses(keys string) {
	c.o.t.Helper()
	require.NoError(c.o.t, c.Press(c.o.soon(), keys))
}

// speaksWith asserts that the phone takes the call, its n-th, and that the two hear each other.
func (c *caller) speaksWith(agent *rig.Agent, n int) {
	c.o.t.Helper()
	_, err := agent.AwaitTalk(c.o.soon(), n)
	require.NoError(c.o.t, err)
	require.NoError(c.o.t, c.Converse(c.o.soon(), agent))
}

func (c *caller) hangsUp() {
	c.o.t.Helper()
	require.NoError(c.o.t, c.HangUp(c.o.ctx))
}

// reachesAPerson rings, hears the welcome and the menu of the daemon, and is put through to the phone.
func (o *operator) reachesAPerson(agent *rig.Agent) *caller {
	o.t.Helper()
	n := len(agent.Calls()) + 1
	c := o.rings("0612345678")
	c.hears("nl/welkom-deventer")
	c.hears("nl/menu-aanvraag")
	c.presses("2")
	c.speaksWith(agent, n)
	return c
}

// reachesTheFallback rings while no daemon is there, and reaches the phone all the same.
func (o *operator) reachesTheFallback(agent *rig.Agent) {
	o.t.Helper()
	n := len(agent.Calls()) + 1
	c := o.rings("0612345678")
	c.hears("nl/fallback")
	c.speaksWith(agent, n)
	c.hangsUp()
	_, err := agent.AwaitEnd(o.soon(), n)
	require.NoError(o.t, err)
}

// isPromised rings from a number, chooses a department where nobody is logged in, and is promised a callback.
func (o *operator) isPromised(number string) {
	o.t.Helper()
	c := o.rings(number)
	c.hears("nl/menu-aanvraag")
	c.presses("1")
	c.hears("nl/offer-callback")
	c.presses("1")
	c.hears("nl/confirm-number")
	c.presses("1")
	c.hears("nl/call-back-by")
	c.hears("nl/your-reference-is")
	c.hangsUp()
}

// hasNotes waits until the manual's command lists n notes.
func (o *operator) hasNotes(n int) {
	o.t.Helper()
	o.eventually(fmt.Sprintf("%d notes are listed", n), "bereikbaar notes list --json", func(out string) bool {
		return strings.Count(out, `"reference":`) == n
	})
}

// eventually runs a script in an operator's shell until it succeeds with the wanted output.
func (o *operator) eventually(what, script string, wanted func(out string) bool) {
	o.t.Helper()
	var last string
	require.EventuallyWithT(o.t, func(c *assert.CollectT) {
		out, err := o.machine.Run(o.ctx, o.shell()+script)
		last = out
		assert.NoError(c, err, last)
		assert.True(c, wanted(out), "%s: %s prints %s", what, script, last)
	}, 90*time.Second, 200*time.Millisecond)
}

// soon bounds the wait of a caller or a phone.
func (o *operator) soon() context.Context {
	ctx, cancel := context.WithTimeout(o.ctx, 90*time.Second)
	o.t.Cleanup(cancel)
	return ctx
}

// shell are the commands that an operator gives first in each new shell.
func (o *operator) shell() string {
	var script strings.Builder
	for _, c := range o.page.directly(o.t, "Day to day") {
		script.WriteString(c.text)
	}
	return script.String()
}
