package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/rig"
)

// newcomer is a number without a note: notes of earlier runs are kept, and their callers are recognised.
func newcomer(ctx context.Context, r *rig.Rig) (string, error) {
	for {
		number := fmt.Sprintf("0612%06d", rand.IntN(1_000_000))
		before, err := notes(ctx, r, number)
		if err != nil || len(before) == 0 {
			return number, err
		}
	}
}

// teller prints the steps as they happen. After a failed step it skips the others.
type teller struct {
	ctx    context.Context
	caller *rig.Caller
	heard  time.Time
	began  time.Time
	err    error
}

func (t *teller) step(what string, do func() error) {
	if t.err != nil {
		return
	}
	if err := do(); err != nil {
		t.err = fmt.Errorf("%s: %w", what, err)
		return
	}
	fmt.Printf("  %5.1f s  %s\n", time.Since(t.began).Seconds(), what)
}

// hears waits for the end of a prompt.
func (t *teller) hears(prompt, text string) {
	t.step("the caller hears: "+text, func() error {
		phrase, err := t.caller.AwaitPhrase(t.ctx, t.heard, true, "nl/"+prompt)
		t.heard = phrase.From
		return err
	})
}

func (t *teller) presses(key string) {
	t.step("they press "+key, func() error { return t.caller.Press(t.ctx, key) })
}

// ring makes the two calls, and checks the figures.
func ring(ctx context.Context, r *rig.Rig) error {
	number, err := newcomer(ctx, r)
	if err != nil {
		return err
	}
	if err := answered(ctx, r, number); err != nil {
		return fmt.Errorf("the first call: %w", err)
	}
	if err := noted(ctx, r, number); err != nil {
		return fmt.Errorf("the second call: %w", err)
	}
	return figures(ctx, r)
}

// answered is the first call: a person of the contact centre.
func answered(ctx context.Context, r *rig.Rig, number string) error {
	fmt.Println("\n1. A caller rings 14 0570, stays on the line and gets a person")
	agent, err := r.Agent(ctx, "kcc1", rig.Behaviour{RingFor: time.Second})
	if err != nil {
		return err
	}
	t := &teller{ctx: ctx, began: time.Now()}
	t.step("they ring, and are answered", func() error { return t.dial(r, number) })
	t.hears("welkom-deventer", "Welkom bij de gemeente Deventer.")
	t.hears("menu-andere-vraag", "… of blijf aan de lijn. They press nothing.")
	t.step("the phone of an agent of the contact centre rings", func() error {
		_, err := agent.AwaitRing(ctx, 1)
		return err
	})
	t.step("meanwhile the caller hears: Wij zoeken een medewerker voor u.", func() error {
		_, err := t.caller.AwaitPhrase(ctx, t.heard, false, "nl/searching-agent")
		return err
	})
	var talk rig.Leg
	t.step("the agent answers", func() (err error) {
		talk, err = agent.AwaitTalk(ctx, 1)
		return err
	})
	t.step("the two hear each other", func() error { return t.caller.Converse(ctx, agent) })
	t.step("the agent hangs up, and the caller's call ends too", func() error {
		if err := agent.HangUp(ctx, 1); err != nil {
			return err
		}
		return t.caller.AwaitEnd(ctx)
	})
	t.step("the agent logs out", func() error { return agent.LogOut(ctx) })
	if t.err == nil {
		return t.toPerson(talk)
	}
	return t.err
}

// longestSilence is how long callers who press nothing may wait until a person's phone rings.
const longestSilence = 20 * time.Second

// toPerson prints how long the caller, who pressed nothing, waited for a phone to ring; too long is an error.
func (t *teller) toPerson(talk rig.Leg) error {
	invited := t.caller.Leg().Invited
	waited := talk.Invited.Sub(invited)
	fmt.Printf(
		"  Time to a person, for a caller who presses nothing: "+
			"%.1f s until a phone rings (at most %.0f s), %.1f s until it is answered\n",
		waited.Seconds(), longestSilence.Seconds(), talk.Answered.Sub(invited).Seconds(),
	)
	if waited > longestSilence {
		return fmt.Errorf("a phone rang after %s only", waited.Round(100*time.Millisecond))
	}
	return nil
}

// noted is the second call: nobody of the department answers, and the caller gets a callback note.
func noted(ctx context.Context, r *rig.Rig, number string) error {
	fmt.Println("\n2. A caller wants the permits department, where nobody answers, and is promised a call back")
	for _, name := range []string{"verg1", "verg2"} {
		agent, err := r.Agent(ctx, name, rig.Behaviour{NeverAnswers: true})
		if err != nil {
			return err
		}
		defer func() { _ = agent.LogOut(ctx) }() // frees the account for a softphone; nothing depends on it
	}
	t := &teller{ctx: ctx, began: time.Now()}
	t.step("they ring, and are answered", func() error { return t.dial(r, number) })
	t.hears("menu-aanvraag", "Belt u over een aanvraag? Toets 1.")
	t.presses("1")
	t.hears("searching-agent", "Wij zoeken een medewerker voor u. Two phones ring; nobody answers.")
	t.hears("not-reachable", "Onze medewerker is nu niet bereikbaar.")
	t.hears("offer-callback", "Wilt u dat wij u terugbellen? Toets 1.")
	t.presses("1")
	t.hears("call-back-on-number", "Wij bellen u terug op nummer …")
	for _, digit := range number {
		t.heardDigit(digit)
	}
	t.step("the caller hears their own number, digit by digit: "+number, func() error { return nil })
	t.hears("confirm-number", "Klopt dat? Toets 1.")
	t.presses("1")
	t.hears("call-back-by", "Wij bellen u uiterlijk op …")
	t.hears("your-reference-is", "Uw kenmerk is …")
	t.step("the call ends", func() error { return t.caller.AwaitEnd(ctx) })
	t.step("the note is in Redis", func() error { return show(ctx, r, number) })
	return t.err
}

func (t *teller) dial(r *rig.Rig, number string) error {
	var err error
	if t.caller, err = r.Call(t.ctx, rig.CallerOptions{From: number}); err != nil {
		return err
	}
	_, err = t.caller.AwaitAnswer(t.ctx)
	return err
}

func (t *teller) heardDigit(digit rune) {
	if t.err != nil {
		return
	}
	phrase, err := t.caller.AwaitPhrase(t.ctx, t.heard, false, "nl/digit-"+string(digit))
	t.heard, t.err = phrase.From, err
}

// notes are the callback notes for a number.
func notes(ctx context.Context, r *rig.Rig, digits string) ([]note.Note, error) {
	number, err := call.ParseNumber(digits)
	if err != nil {
		return nil, err
	}
	store := redisstore.Open(redistest.As(r.Redis.Address))
	defer store.Close()
	return store.ByNumber(ctx, "deventer", number, 1000)
}

// show prints the note that the caller was promised.
func show(ctx context.Context, r *rig.Rig, number string) error {
	all, err := notes(ctx, r, number)
	if err != nil {
		return err
	}
	if len(all) != 1 {
		return fmt.Errorf("there are %d notes of this caller, not one", len(all))
	}
	n := all[0]
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		return err
	}
	for _, line := range [][2]string{
		{"reference", string(n.Reference)},
		{"team", string(n.Team)},
		{"state", string(n.State)},
		{"number", n.Number.String() + " (masked)"},
		{"made", n.Made.In(amsterdam).Format("Mon 2 Jan 15:04:05")},
		{"deadline", n.Deadline.In(amsterdam).Format("Mon 2 Jan 15:04")},
	} {
		fmt.Printf("           %-10s %s\n", line[0], line[1])
	}
	return nil
}

// figures waits until Prometheus has counted both calls, and shows reachability per team.
func figures(ctx context.Context, r *rig.Rig) error {
	fmt.Println("\nReachability of the last five minutes, by Prometheus (answered / offered, short abandons left out)")
	want := map[string]float64{"kcc": 1, "vergunningen": 0}
	for {
		samples, err := r.Prometheus.Query(ctx, "team:bereikbaar_reachability:ratio5m")
		if err != nil {
			return err
		}
		var lines []string
		right := 0
		for _, s := range samples {
			team := s.Labels["team"]
			if value, ok := want[team]; ok && s.Value == value {
				right++
			}
			lines = append(lines, fmt.Sprintf("  %-14s %3.0f %%", team, 100*s.Value))
		}
		if right == len(want) {
			fmt.Println(strings.Join(lines, "\n"))
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("Prometheus has %v, and the calls give %v", lines, want)
		case <-time.After(time.Second):
		}
	}
}
