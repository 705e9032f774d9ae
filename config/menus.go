package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

// mostOptions of one menu: callers do not remember more (domain.md, "The life of a call").
const mostOptions = 4

// entryKey turns the written number of an entry into the form in which dialled numbers are looked up.
func entryKey(written string) string {
	if n, err := call.ParseTyped(written); err == nil {
		return n.E164
	}
	return routing.EntryKey(written) // an internal extension
}

func (b *builder) entries(p *routing.Plan) {
	first := map[string]int{}
	for i, f := range b.form.Entries {
		key := fmt.Sprintf("entries[%d]", i)
		number := entryKey(f.Number)
		if before, twice := first[number]; twice && number != "" {
			b.doc.problem(
				key+".number",
				fmt.Sprintf(
					"%s is the same number as on line %d", f.Number,
					b.doc.line(fmt.Sprintf("entries[%d].number", before)),
				),
				"keep one of the two",
			)
			continue
		}
		first[number] = i
		entry := b.entry(key, f.Municipality, f.Language, f.Welcome, f.First)
		entry.Number = number
		p.Entries[number] = entry
	}
	if len(b.form.Entries) == 0 {
		b.doc.problem(
			"entries", "no number is answered",
			"add the number that callers dial, such as [{number: \"140570\", first: {team: kcc}}]",
		)
	}
}

func (b *builder) entry(key, municipality, language, welcome string, first targetForm) routing.Entry {
	municipality = b.municipalityAt(key, municipality)
	if language == "" {
		language = b.form.Municipalities[municipality].Language
	}
	return routing.Entry{
		Municipality: call.MunicipalityID(municipality),
		Language:     prompts.Language(language),
		Welcome:      prompts.ID(welcome),
		First:        b.target(key+".first", first),
	}
}

// unknown decides where a call goes when its number is not under entries: by default to the contact centre of the first
// entry's municipality. No caller hears silence.
func (b *builder) unknown(p *routing.Plan) {
	if f := b.form.Unknown; f != nil {
		p.Unknown = b.entry("unknown", f.Municipality, f.Language, f.Welcome, f.First)
		return
	}
	if len(b.form.Entries) == 0 {
		return
	}
	f := b.form.Entries[0]
	id := f.Municipality
	if id == "" {
		id = b.onlyMunicipality()
	}
	m := b.form.Municipalities[id]
	p.Unknown = routing.Entry{
		Municipality: call.MunicipalityID(id), Language: prompts.Language(m.Language),
		First: routing.Target{Team: call.TeamID(m.ContactCentre)},
	}
}

// target reads where a call goes next: to exactly one thing.
func (b *builder) target(key string, f targetForm) routing.Target {
	b.reference(key+".menu", "menus", f.Menu)
	b.reference(key+".team", "teams", f.Team)
	var named []string
	for name, value := range map[string]string{"menu": f.Menu, "team": f.Team, "refer": f.Refer} {
		if value != "" {
			named = append(named, name)
		}
	}
	slices.Sort(named)
	if len(named) > 1 {
		b.doc.problem(key, "a call cannot go to "+strings.Join(named, " and ")+" at once", "keep one of them")
	}
	return routing.Target{Menu: routing.MenuID(f.Menu), Team: call.TeamID(f.Team), Refer: prompts.ID(f.Refer)}
}

func (b *builder) menus(p *routing.Plan) {
	for _, id := range slices.Sorted(maps.Keys(b.form.Menus)) {
		f, key := b.form.Menus[id], "menus."+id
		menu := routing.Menu{
			ID: routing.MenuID(id), Options: map[rune]routing.Target{}, Wait: f.Wait, Tries: f.Tries,
			Repeats:    f.Repeats,
			StayOnLine: b.stayOnLine(key, f),
		}
		for _, prompt := range f.Prompts {
			menu.Prompts = append(menu.Prompts, prompts.ID(prompt))
		}
		for digit, option := range f.Options {
			menu.Options[rune(digit[0])] = b.target(key+".options."+digit, option)
		}
		if len(f.Options) > mostOptions {
			b.doc.problem(
				key+".options", fmt.Sprintf("there are %d choices, more than a caller remembers", len(f.Options)),
				fmt.Sprintf("keep at most %d, and put the others in a menu behind one of them", mostOptions),
			)
		}
		if len(f.Prompts) == 0 {
			b.doc.problem(key+".prompts", "the menu says nothing", "name the texts that it speaks")
		}
		p.Menus[menu.ID] = menu
	}
	for _, id := range slices.Sorted(maps.Keys(b.form.Menus)) {
		if round := circle(id, b.stayMenu); round != nil && slices.Min(round) == id {
			b.doc.problem(
				"menus."+id+".stay_on_line",
				"a caller who presses nothing goes round and never gets a person: "+strings.Join(round, " → "),
				"let one of these menus lead to a team",
			)
		}
	}
}

func (b *builder) stayMenu(id string) string {
	if stay := b.form.Menus[id].StayOnLine; stay != nil {
		return stay.Menu
	}
	return ""
}

// stayOnLine is where a caller who presses nothing ends: at a person (domain.md, "The municipality and its number").
func (b *builder) stayOnLine(key string, f menuForm) routing.Target {
	if f.StayOnLine != nil {
		if f.StayOnLine.Refer != "" {
			b.doc.problem(key+".stay_on_line.refer", "a caller who presses nothing must get a person", "name a team")
		}
		return b.target(key+".stay_on_line", *f.StayOnLine)
	}
	municipalities := slices.Sorted(maps.Keys(b.reach[key].municipalities))
	if len(municipalities) == 0 {
		municipalities = slices.Sorted(maps.Keys(b.form.Municipalities))[:min(1, len(b.form.Municipalities))]
	}
	if len(municipalities) > 1 {
		b.doc.problem(
			key+".stay_on_line",
			"callers of "+strings.Join(municipalities, " and ")+" come here, whose contact centres may differ",
			"add stay_on_line: {team: …}, or give each municipality a menu of its own",
		)
	}
	if len(municipalities) == 0 {
		return routing.Target{}
	}
	return routing.Target{Team: call.TeamID(b.form.Municipalities[municipalities[0]].ContactCentre)}
}
