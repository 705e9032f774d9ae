package httpserver_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/httpserver"
)

// from is a request through the proxy on this machine.
func from(address string) *http.Request {
	return &http.Request{RemoteAddr: "127.0.0.1:1", Header: http.Header{"X-Forwarded-For": {address}}}
}

// Providers give one customer a /56 or a /48 of IPv6, and the first of them are counted as one.
func TestACustomerHasManyAddressesOfIPv6(t *testing.T) {
	for address, want := range map[string]struct{ client, network string }{
		"2001:db8:77:1::1":    {"2001:db8:77::/56", "2001:db8:77::/48"},
		"2001:db8:77:ff::1":   {"2001:db8:77::/56", "2001:db8:77::/48"},
		"2001:db8:77:100::1":  {"2001:db8:77:100::/56", "2001:db8:77::/48"},
		"2001:db8:78::1%eth0": {"2001:db8:78::/56", "2001:db8:78::/48"},
		"192.0.2.1":           {"192.0.2.1", "192.0.2.1"},
		"::ffff:192.0.2.1":    {"192.0.2.1", "192.0.2.1"},
		"no address":          {"127.0.0.1", "127.0.0.1"},
	} {
		require.Equal(t, want.client, httpserver.Client(from(address)), address)
		require.Equal(t, want.network, httpserver.Network(from(address)), address)
	}
	far := from("2001:db8:77:1::1")
	far.RemoteAddr = "192.0.2.7:1"
	require.Equal(t, "192.0.2.7", httpserver.Client(far), "only the proxy on this machine is believed")
}
