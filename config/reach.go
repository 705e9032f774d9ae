package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
	"github.com/bereikbaar/bereikbaar/spelling"
)

// reach describes the callers that can come to a menu or team.
type reach struct {
	languages      map[prompts.Language]bool
	municipalities map[string]bool
}

// follow walks from every number over menus and teams, and records the languages and municipalities of the callers who
// can come to each.
func (b *builder) follow(p *routing.Plan) {
	b.reach = map[string]*reach{}
	for section, names := range map[string][]string{
		"menus": slices.Collect(maps.Keys(b.form.Menus)),
		"teams": slices.Collect(maps.Keys(b.form.Teams)),
	} {
		for _, name := range names {
			b.reach[section+"."+name] = &reach{map[prompts.Language]bool{}, map[string]bool{}}
		}
	}
	for _, e := range p.Entries {
		b.reachFrom(e)
	}
	b.reachFrom(p.Unknown)
}

func (b *builder) reachFrom(e routing.Entry) {
	contact := b.form.Municipalities[string(e.Municipality)].ContactCentre
	open := []targetForm{{Menu: string(e.First.Menu), Team: string(e.First.Team)}, {Team: contact}}
	done := map[targetForm]bool{}
	for len(open) > 0 {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		if done[at] {
			continue
		}
		done[at] = true
		for _, key := range []string{"menus." + at.Menu, "teams." + at.Team} {
			if r := b.reach[key]; r != nil {
				r.languages[e.Language] = true
				r.municipalities[string(e.Municipality)] = true
			}
		}
		menu := b.form.Menus[at.Menu]
		if menu.StayOnLine != nil {
			open = append(open, targetForm{Menu: menu.StayOnLine.Menu, Team: menu.StayOnLine.Team})
		}
		for _, option := range menu.Options {
			open = append(open, targetForm{Menu: option.Menu, Team: option.Team})
		}
		open = append(open, targetForm{Team: b.form.Teams[at.Team].Overflow})
	}
}

// spoken checks that every named text exists in each language in which callers can hear it.
func (b *builder) spoken(p *routing.Plan) {
	for i, f := range b.form.Entries {
		key := fmt.Sprintf("entries[%d]", i)
		language := p.Entries[entryKey(f.Number)].Language
		b.text(key+".welcome", f.Welcome, language)
		b.text(key+".first.refer", f.First.Refer, language)
	}
	if f := b.form.Unknown; f != nil {
		b.text("unknown.welcome", f.Welcome, p.Unknown.Language)
		b.text("unknown.first.refer", f.First.Refer, p.Unknown.Language)
	}
	for id, f := range b.form.Menus {
		key := "menus." + id
		heard := b.heard(key)
		for i, prompt := range f.Prompts {
			b.text(fmt.Sprintf("%s.prompts[%d]", key, i), prompt, heard...)
		}
		for digit, option := range f.Options {
			b.text(key+".options."+digit+".refer", option.Refer, heard...)
		}
	}
	for id, f := range b.form.Teams {
		key := "teams." + id
		b.text(key+".greeting", f.Greeting, b.heard(key)...)
		b.offerText(key, f.Callback)
	}
}

func (b *builder) heard(key string) []prompts.Language {
	return slices.Sorted(maps.Keys(b.reach[key].languages))
}

// text checks that a prompt can be spoken in the languages, or in any when nobody hears it.
func (b *builder) text(key, id string, heard ...prompts.Language) {
	if id == "" {
		return
	}
	var known []prompts.Language
	for _, language := range prompts.Languages() {
		p, ok := b.cfg.Prompts.Manifest.Prompt(language, prompts.ID(id))
		if ok && p.Part && p.Silence == 0 {
			b.doc.problem(
				key, shown(id)+" is a piece of the sentences that the program composes",
				"write a whole sentence under texts, and name that",
			)
			return
		}
		if ok || b.doc.has("texts."+string(language)+"."+id) {
			known = append(known, language)
		}
	}
	if len(known) == 0 {
		b.doc.problem(key, shown(id)+" is not a text", b.meantText(id))
		return
	}
	for _, language := range heard {
		if language != "" && !slices.Contains(known, language) {
			b.doc.problem(
				key,
				fmt.Sprintf("%s has no text in the language %s, which callers here have chosen", shown(id), language),
				fmt.Sprintf("add it under texts.%s", language),
			)
		}
	}
}

func (b *builder) meantText(id string) string {
	var known []string
	for _, language := range prompts.Languages() {
		for _, text := range b.cfg.Prompts.Manifest.IDs(language) {
			if p, _ := b.cfg.Prompts.Manifest.Prompt(language, text); !p.Part {
				known = append(known, string(text))
			}
		}
	}
	if near := spelling.Nearest(id, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "add it under texts"
}

// offerText checks that the offer of a callback names the key that accepts it: the built-in sentences say 1.
func (b *builder) offerText(key string, f offerForm) {
	if !f.Enabled || f.Key == "1" || f.Key == "" {
		return
	}
	for _, language := range b.heard(key) {
		for _, id := range []prompts.ID{prompts.OfferCallback, prompts.OfferCallbackAgain} {
			if _, own := b.cfg.Prompts.Extra[language][id]; !own {
				b.doc.problem(
					key+".callback.key", fmt.Sprintf("the text %s tells callers to press 1", id),
					fmt.Sprintf("leave the key at 1, or give %s other words under texts.%s", id, language),
				)
			}
		}
	}
}

// unused warns of parts of the file that no caller meets: usually a slip.
func (b *builder) unused() {
	for key, r := range b.reach {
		if len(r.municipalities) == 0 {
			b.doc.warn(key, "no caller comes here", "name it where callers should come from, or take it out")
		}
	}
	working := map[string]bool{}
	for _, team := range b.form.Teams {
		for _, member := range team.Members {
			working[member] = true
		}
	}
	for id := range b.form.Agents {
		if !working[id] {
			b.doc.warn("agents."+id, "is in no team", "name it under a team's members, or take it out")
		}
	}
	b.unusedTexts()
}

func (b *builder) unusedTexts() {
	own, named := builtIn(), b.namedTexts()
	for language, texts := range b.form.Texts {
		for id := range texts {
			if _, ok := own.Prompt(prompts.Language(language), prompts.ID(id)); !ok && !named[id] {
				b.doc.warn("texts."+language+"."+id, "is spoken nowhere", "name it in a menu, or take it out")
			}
		}
	}
}

func (b *builder) namedTexts() map[string]bool {
	named := map[string]bool{}
	for _, f := range b.form.Entries {
		named[f.Welcome], named[f.First.Refer] = true, true
	}
	if f := b.form.Unknown; f != nil {
		named[f.Welcome], named[f.First.Refer] = true, true
	}
	for _, f := range b.form.Menus {
		for _, prompt := range f.Prompts {
			named[prompt] = true
		}
		for _, option := range f.Options {
			named[option.Refer] = true
		}
	}
	for _, f := range b.form.Teams {
		named[f.Greeting] = true
	}
	return named
}

// spokenLanguages are those that callers can meet, in the order of package prompts.
func (b *builder) spokenLanguages(p *routing.Plan) []prompts.Language {
	met := map[prompts.Language]bool{p.Unknown.Language: true}
	for _, e := range p.Entries {
		met[e.Language] = true
	}
	for _, m := range p.Municipalities {
		met[m.Language] = true
	}
	var languages []prompts.Language
	for _, language := range prompts.Languages() {
		if met[language] {
			languages = append(languages, language)
		}
	}
	return languages
}
