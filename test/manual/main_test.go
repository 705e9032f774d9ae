// Package manual follows docs/operating.md, command by command, on a machine of its own.
package manual

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// inside marks a process that is in its own network already.
const inside = "BEREIKBAAR_MANUAL_NETWORK"

// TestMain goes on in a network of our own, where the addresses of the manual belong to us: the machine's, those of its
// phones, and the provider's. Nothing in it leads outside.
func TestMain(m *testing.M) {
	if os.Getenv(inside) == "" {
		unshare, err := exec.LookPath("unshare")
		if err != nil {
			panic(err)
		}
		args := append([]string{"unshare", "--net", "--"}, os.Args...)
		panic(syscall.Exec(unshare, args, append(os.Environ(), inside+"=1")))
	}
	os.Exit(m.Run())
}
