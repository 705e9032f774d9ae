package manual

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/rig"
)

// The addresses that the manual and deploy/asterisk/site name, and that of a phone.
const (
	ourAddress      = "192.0.2.10"
	providerAddress = "198.51.100.20"
	deskAddress     = "192.0.2.21"
)

// operator is the person who follows the manual.
type operator struct {
	t       *testing.T
	ctx     context.Context
	machine *rig.Machine
	page    *page
	phones  *rig.Rig
}

// patience is longer than the whole test takes on a slow machine.
const patience = 15 * time.Minute

func newOperator(t *testing.T) *operator {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	addresses := []string{"link set lo up"}
	for _, a := range []string{ourAddress, providerAddress, deskAddress} {
		addresses = append(addresses, "address replace "+a+"/32 dev lo")
	}
	for _, args := range addresses {
		out, err := exec.CommandContext(ctx, "ip", strings.Fields(args)...).CombinedOutput()
		require.NoError(t, err, "ip %s: %s", args, out)
	}
	machine, err := rig.NewMachine(ctx)
	t.Cleanup(func() { require.NoError(t, machine.Close()) })
	require.NoError(t, err)
	require.NoError(t, machine.Boot(ctx))
	return &operator{t: t, ctx: ctx, machine: machine, page: readPage(t)}
}

// does runs a script on the machine and gives its output.
func (o *operator) does(script string) string {
	o.t.Helper()
	out, err := o.machine.Run(o.ctx, "set -eu -o pipefail\n"+script)
	require.NoError(o.t, err, "%s\n%s", script, out)
	return out
}

// mark begins the output of a command.
var mark = regexp.MustCompile(`(?m)^@@@ (\d+)\n`)

// follows runs commands of the manual in one shell of root, each as it is written. Each must succeed, with the manual's
// output.
func (o *operator) follows(commands []command) {
	o.t.Helper()
	script := strings.Builder{}
	script.WriteString("set -o pipefail\n")
	for i, c := range commands {
		fmt.Fprintf(
			&script, "echo '@@@ %d'\n%s\n__=$?; [ $__ = 0 ] || { echo \"exit code $__\"; exit $__; }\n", i, c.text,
		)
	}
	out, err := o.machine.Run(o.ctx, script.String())
	marks := mark.FindAllStringSubmatchIndex(out, -1)
	for at, m := range marks {
		end := len(out)
		if at+1 < len(marks) {
			end = marks[at+1][0]
		}
		i, _ := strconv.Atoi(out[m[2]:m[3]])
		c, printed := commands[i], out[m[1]:end]
		if err == nil || at+1 < len(marks) {
			require.Contains(o.t, printed, c.prints, "docs/operating.md:%d: %s", c.line, c.text)
			continue
		}
		o.t.Fatalf("docs/operating.md:%d: %s\n%s", c.line, c.text, printed)
	}
	require.NoError(o.t, err, out)
}

// account is one from step 4, in site/pjsip.conf.
var account = regexp.MustCompile(`(?m)^username = (\S+)\npassword = (\S+)$`)

// logsIn lets a phone log in with the first account in a file of Asterisk.
func (o *operator) logsIn(file string) *rig.Agent {
	o.t.Helper()
	found := account.FindStringSubmatch(o.does("cat /etc/asterisk/" + file))
	require.NotNil(o.t, found, "there are accounts for phones in %s", file)
	var err error
	o.phones, err = rig.Attach(rig.Installation{
		SIP: ourAddress + ":5060", Provider: providerAddress, Phones: []rig.Phone{{Name: found[1], Password: found[2]}},
		Desks:      []string{deskAddress},
		PromptsDir: filepath.Join(o.machine.Root, "var/lib/bereikbaar/prompts"),
		MusicDir:   filepath.Join(o.machine.Root, "var/lib/bereikbaar/music"),
	})
	require.NoError(o.t, err)
	o.t.Cleanup(func() {
		if o.t.Failed() {
			o.phones.Keep()
		}
		require.NoError(o.t, o.phones.Close())
	})
	agent, err := o.phones.Agent(o.ctx, found[1], rig.Behaviour{})
	require.NoError(o.t, err)
	return agent
}
