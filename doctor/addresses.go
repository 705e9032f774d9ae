package doctor

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
)

// How many bits of an address must be given. A provider has some hundred addresses; a larger network holds others too.
const (
	fewestBits4, rightBits4 = 16, 24 // IPv4: fewer than the first are Wrong, than the second a Warning
	fewestBits6, rightBits6 = 32, 48 // IPv6
)

// judgeAddresses judges which addresses count as a trunk: a trunk gives no password, and is trusted about the caller.
func judgeAddresses(objects []object) []Finding {
	var found []Finding
	for _, o := range objects {
		switch {
		case o.role != roleAddress || o.err != nil:
		case o.missing || o.values["match"] == "":
			found = append(found, Finding{
				checkSIP, Warning, "Asterisk does not tell which addresses are " + o.shown + ": they were not judged",
				"Give the section of type identify the name of its endpoint in pjsip.conf; " +
					"else see that match is the provider's addresses and no more",
			})
		default:
			found = append(found, judgeMatches(o)...)
		}
	}
	return found
}

func judgeMatches(o object) []Finding {
	var found []Finding
	for match := range strings.SplitSeq(o.values["match"], ",") {
		network, given, ok := networkOf(match)
		fewest, right := fewestBits4, rightBits4
		if network.Is6() {
			fewest, right = fewestBits6, rightBits6
		}
		if !ok || given >= right {
			continue
		}
		verdict, width := Warning, "all of these addresses"
		if given < fewest {
			verdict, width = Wrong, "half the world"
		}
		found = append(found, Finding{
			checkSIP, verdict,
			fmt.Sprintf("match of %s takes %s/%d, %s, for the trunk: each can say who calls, without a password",
				o.shown, network, given, width),
			"Set match in the section of type identify of [" + o.section + "] in pjsip.conf to the provider's " +
				"addresses, then: " + reloadSIP,
		})
	}
	return found
}

// networkOf reads a network as Asterisk writes it: 198.51.100.0/255.255.255.0. Not ok for an excluded one (!).
func networkOf(match string) (network netip.Addr, given int, ok bool) {
	address, mask, _ := strings.Cut(strings.TrimSpace(match), "/")
	network, err := netip.ParseAddr(strings.Trim(address, "[]"))
	if err != nil {
		return netip.Addr{}, 0, false
	}
	within, err := netip.ParseAddr(strings.Trim(mask, "[]"))
	if err != nil {
		return network, network.BitLen(), mask == ""
	}
	for _, b := range within.AsSlice() {
		given += bits.OnesCount8(b)
	}
	return network, given, true
}
