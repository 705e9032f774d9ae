package doctor

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
)

// longestSilence is how long callers who press nothing may wait until a person's phone rings: the promised answer time
// (domain.md, "KPIs, exactly") leaves no more for a menu.
const longestSilence = 20 * time.Second

// silence is how long callers who press nothing wait in a menu.
type silence struct {
	menu routing.MenuID
	wait time.Duration // from the ring for the first menu of a number, else from the key that led to it
}

// silences measures the menus of a plan by their sound files, in alphabetical order. Text without a file takes no time.
func silences(plan *routing.Plan, length func(prompts.Language, prompts.ID) time.Duration) []silence {
	worst := map[routing.MenuID]time.Duration{}
	var visit func(language prompts.Language, before time.Duration, id routing.MenuID)
	visit = func(language prompts.Language, before time.Duration, id routing.MenuID) {
		menu, ok := plan.Menus[id]
		if known, seen := worst[id]; !ok || seen && known >= before+spoken(plan, language, id, length) {
			return
		}
		worst[id] = before + spoken(plan, language, id, length)
		for _, target := range menu.Options {
			visit(language, 0, target.Menu)
		}
	}
	for _, entry := range append(slices.Collect(maps.Values(plan.Entries)), plan.Unknown) {
		visit(entry.Language, length(entry.Language, entry.Welcome), entry.First.Menu)
	}
	var list []silence
	for _, id := range slices.Sorted(maps.Keys(worst)) {
		list = append(list, silence{id, worst[id]})
	}
	return list
}

// spoken is how long a caller who presses nothing is in a menu and in the menus after it. The configuration is checked
// for circles.
func spoken(
	plan *routing.Plan, language prompts.Language, id routing.MenuID,
	length func(prompts.Language, prompts.ID) time.Duration,
) (total time.Duration) {
	for menu, ok := plan.Menus[id]; ok; menu, ok = plan.Menus[menu.StayOnLine.Menu] {
		once := menu.Wait
		for _, prompt := range menu.Prompts {
			once += length(language, prompt)
		}
		total += once * time.Duration(1+menu.Repeats)
	}
	return total
}

// lookAtSilences measures the menus by the sound files of the installation.
func lookAtSilences(c *config.Config) []silence {
	return silences(c.Plan, func(language prompts.Language, id prompts.ID) time.Duration {
		return prompts.Duration(c.Prompts.Directory, language, id)
	})
}

func judgeSilences(menus []silence) []Finding {
	var found []Finding
	longest := time.Duration(0)
	for _, m := range menus {
		longest = max(longest, m.wait)
		if m.wait <= longestSilence {
			continue
		}
		found = append(found, Finding{
			checkMenus, Warning,
			fmt.Sprintf(
				"callers who press nothing in menus.%s wait %s until a phone rings, more than %s", m.menu,
				m.wait.Round(time.Second), longestSilence,
			),
			"Let the menu say less, and set its repeats to 0 and its wait to 4s",
		})
	}
	if len(found) == 0 && len(menus) > 0 {
		text := fmt.Sprintf("callers who press nothing wait %s at most until a phone rings", longest.Round(time.Second))
		found = append(found, Finding{Check: checkMenus, Verdict: OK, Text: text})
	}
	return found
}
