package rig

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// place is a rig's own part of the loopback network, 127.77.N.*, so that many rigs run side by side on the usual ports
// (5060, 6379, 8088), and a trace shows which host is which.
type place struct {
	n     int
	claim net.Listener
	// elsewhere are the addresses of hosts outside of the place.
	elsewhere map[int]string
}

// Hosts within a place.
const (
	hostServers  = 1   // Asterisk, Redis, the daemon, Prometheus
	hostOutside  = 10  // the telephone network: callers, also those who are called back
	hostPhones   = 20  // the first phone; every phone has an address of its own
	hostStranger = 240 // a stranger
	hostCrowd    = 250 // all phones of a crowd
)

// claimPlace takes the first free place. The claim is an abstract socket: the kernel releases it when the process ends,
// even by SIGKILL.
func claimPlace() (*place, error) {
	for n := 1; n <= 250; n++ {
		claim, err := net.Listen("unix", fmt.Sprintf("@bereikbaar-rig-%d", n))
		if err == nil {
			return &place{n: n, claim: claim}, nil
		}
	}
	return nil, errors.New("all 250 places on the loopback network are taken: end some rigs first")
}

func (p *place) host(i int) string {
	if host, given := p.elsewhere[i]; given {
		return host
	}
	return fmt.Sprintf("127.77.%d.%d", p.n, i)
}

func (p *place) close() error { return p.claim.Close() }

// freePort gives the first free port on address, from the preferred one on. network is tcp or udp.
func freePort(network, address string, preferred int) (int, error) {
	for port := preferred; port < preferred+200; port++ {
		hostPort := net.JoinHostPort(address, strconv.Itoa(port))
		if network == "udp" {
			if conn, err := net.ListenPacket("udp", hostPort); err == nil {
				return port, conn.Close()
			}
			continue
		}
		if listener, err := net.Listen("tcp", hostPort); err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf(
		"no free %s port on %s from %d on: is the address one of this machine?", network, address, preferred,
	)
}
