package signin

import (
	"net/netip"
	"strings"
	"unicode"
)

func loopback(host string) bool {
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func isControl(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) }
