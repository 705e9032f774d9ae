package httpserver

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Client is the address that a request came from. Behind a proxy on this machine it is the last of X-Forwarded-For,
// which the proxy wrote; a client may have written the others. Of IPv6 it is the /56, which is the least that providers
// give a customer.
func Client(r *http.Request) string { return block(r, 56) }

// Network is Client with the most that they give: of IPv6 the /48, in which neighbours may be.
func Network(r *http.Request) string { return block(r, 48) }

func block(r *http.Request, bits int) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if forwarded := r.Header.Values("X-Forwarded-For"); addr.IsLoopback() && len(forwarded) > 0 {
		all := strings.Split(forwarded[len(forwarded)-1], ",")
		if told, err := netip.ParseAddr(strings.TrimSpace(all[len(all)-1])); err == nil {
			addr = told
		}
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if block, err := addr.Prefix(bits); err == nil {
			return block.String()
		}
	}
	return addr.String()
}
