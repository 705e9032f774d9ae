package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bereikbaar/bereikbaar/asterisk"
)

// mostTrunks bounds how many endpoints the doctor asks about.
const mostTrunks = 100

// trunkFacts is how Asterisk treats a line to the telephone network.
type trunkFacts struct {
	name string // as dial strings name it
	keys string // its dtmf_mode; empty when Asterisk does not tell
}

// askTrunks asks about the endpoint for callbacks, and about every other endpoint with trust_id_inbound that is no
// agent's phone: callers come in there.
func askTrunks(
	ctx context.Context, about *inquiry, endpoints []asterisk.Endpoint, phones []phone, dial string,
) ([]trunkFacts, error) {
	out, _ := endpointOf(dial)
	var trunks []trunkFacts
	asked := 0
	for _, e := range endpoints {
		isPhone := slices.ContainsFunc(phones, func(p phone) bool { return p.endpoint == e.Name() })
		if e.Technology+"/" != technology || isPhone || asked == mostTrunks {
			continue
		}
		asked++
		a := about.object(ctx, "endpoint", e.Resource)
		if _, refused := errors.AsType[*asterisk.CommandError](a.err); a.err != nil && !refused {
			return nil, a.err
		}
		if e.Name() == out || isYes(a.values["trust_id_inbound"]) {
			trunks = append(trunks, trunkFacts{e.Name(), a.values["dtmf_mode"]})
		}
	}
	slices.SortFunc(trunks, func(a, b trunkFacts) int { return cmp.Compare(a.name, b.name) })
	return trunks, nil
}

// unheard is the effect of keys that do not arrive.
const unheard = "callers cannot choose or ask for a note"

// keyModes are the ways in which Asterisk hears keys, by dtmf_mode. Each of them includes INFO.
var keyModes = map[string]struct {
	verdict Verdict
	text    string
}{
	"auto": {OK, "as RTP events where it offers them (RFC 4733), else as tones in the sound, and as INFO"},
	"rfc4733": {
		Warning, "as RTP events and INFO only: a trunk that offers no events (RFC 4733) sends tones, and " + unheard,
	},
	"auto_info": {Warning, "as RTP events and INFO only: a trunk that knows neither sends tones, and " + unheard},
	"inband": {
		Warning, "as tones in the sound and INFO: searching costs processor time, also where the trunk knows events",
	},
	"info": {Warning, "as INFO only: a trunk that sends events or tones is not heard, and " + unheard},
	"none": {Warning, "as INFO only: a trunk that sends events or tones is not heard, and " + unheard},
}

// judgeKeys judges how the keys of callers come in on each trunk.
func judgeKeys(trunks []trunkFacts) []Finding {
	var found []Finding
	for _, t := range trunks {
		name := unnumbered(t.name)
		mode, known := keyModes[t.keys]
		if !known {
			found = append(found, Finding{
				Check: checkKeys, Verdict: OK, Text: "Asterisk does not tell how keys are heard on " + name,
			})
			continue
		}
		text := fmt.Sprintf("on %s they are heard %s (dtmf_mode = %s)", name, mode.text, t.keys)
		mend := ""
		if mode.verdict != OK {
			mend = "Set dtmf_mode = auto for this endpoint in pjsip.conf, and reload Asterisk"
		}
		found = append(found, Finding{checkKeys, mode.verdict, text, mend})
	}
	return found
}

// unnumbered is the name of an endpoint, unless it may be somebody's number.
func unnumbered(name string) string {
	const most = 4 // digits
	digits := 0
	for _, r := range name {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	if digits > most {
		return "an endpoint with a number for a name"
	}
	return name
}
