package rig

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// place is a stretch of the loopback network that is ours alone: 127.77.N.*, so that many rigs stand side by side on
// the ports that everybody knows (5060, 6379, 8088), and a trace tells who is who.
type place struct {
	n     int
	claim net.Listener
	// elsewhere are the addresses of hosts that somebody else gave a place.
	elsewhere map[int]string
}

// Hosts within a place.
const (
	hostServers  = 1   // Asterisk, Redis, the daemon, Prometheus
	hostOutside  = 10  // the telephone network: callers, and whoever is called back
	hostPhones   = 20  // the first phone; every phone has an address of its own
	hostStranger = 240 // somebody whom nobody knows
	hostCrowd    = 250 // all phones of a crowd
)

// claimPlace takes the first free place. The claim is an abstract socket: the kernel gives it back when we end,
// whatever ends us.
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

// freePort gives the first port from the preferred one on where nothing listens on address. network is tcp or udp.
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
