package notify

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

func viewOf(rules Rules, language string) view {
	return view{
		rules: rules, language: language, team: "Burgerzaken", clocks: amsterdam,
		now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC),
	}
}

func TestTheMailAboutANote(t *testing.T) {
	rules := Rules{Link: "https://bel.deventer.nl"}
	subject, body := noteText(NewNote, storetest.ANote(), viewOf(rules, "nl"))
	require.Equal(t, "Nieuwe terugbelnotitie 10000004", subject)
	require.Equal(t, `Er is een nieuwe terugbelnotitie voor Burgerzaken.

Kenmerk: 10000004
Bel terug voor: maandag 23 november 2026, 17.00 uur
Openen: https://bel.deventer.nl/notes/10000004

U krijgt deze mail van Bereikbaar, omdat de gemeente dat zo heeft ingesteld.
`, body)
	rules.Number, rules.Story = true, true
	subject, body = noteText(Overdue, storetest.ANote(), viewOf(rules, "en"))
	require.Equal(t, "Overdue: callback note 10000004", subject)
	require.Equal(t, `The deadline has passed. This callback note of Burgerzaken is not done yet.

Reference: 10000004
Call back before: Monday 23 November 2026, 17:00
Open: https://bel.deventer.nl/notes/10000004
Number: +31612345678
Name: José van der Ven
Subject: paspoort
Story: Wanneer is het klaar? Het is dringend: zoë wacht.

You get this mail from Bereikbaar, because the municipality has set it up so.
`, body)
	_, other := noteText(Overdue, storetest.ANote(), viewOf(rules, "fr"))
	require.Contains(t, other, "Kenmerk")
}

func TestEveryKindHasItsTextInEachLanguage(t *testing.T) {
	for language, w := range languages {
		for _, kind := range Kinds() {
			require.Equal(t, 1, strings.Count(w.subject[kind], "%s"), "%s %s", language, kind)
			require.Equal(t, 1, strings.Count(w.first[kind], "%s"), "%s %s", language, kind)
		}
	}
}

func TestALongListEndsWithTheRest(t *testing.T) {
	var notes []note.Note
	for n := range listed + 20 {
		one := storetest.ANote()
		one.Reference = note.Reference(fmt.Sprint(20000000 + n))
		notes = append(notes, one)
	}
	subject, body := listText(notes, viewOf(Rules{Link: "https://bel.deventer.nl"}, "nl"))
	require.Equal(t, "Terugbelnotities van maandag 23 november", subject)
	require.Contains(t, body, "En nog 20. Kijk op https://bel.deventer.nl")
	require.Equal(t, listed, strings.Count(body, "Kenmerk"))
}

// What a caller, a provider or a configuration wrote can neither begin a line of ours nor a header.
func TestATextOfSomebodyElseIsOneLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("\r\n\t\x00\u2028\u202e\u200fa: ")))).
			Draw(t, "text")
		got := plain(raw)
		for _, r := range got {
			require.False(t, r < ' ' || r == 0x7f || r == '\u2028' || r == '\u202e' || r == '\u200f', "%q", got)
		}
		require.LessOrEqual(t, len([]rune(got)), longest+1)
	})
	require.Equal(t, "a Bcc: b@c.nl", plain("a\r\nBcc: b@c.nl"))
}

func TestPausesGrowAndAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tries := rapid.IntRange(0, 1<<40).Draw(t, "tries")
		got := pause(tries, itemPause, rapid.Float64Range(0, 1).Draw(t, "chance"))
		require.GreaterOrEqual(t, got, firstPause/2)
		require.LessOrEqual(t, got, itemPause)
	})
	require.Equal(t, 20*time.Second, pause(3, itemPause, 1))
	require.Equal(t, 10*time.Second, pause(3, itemPause, 0))
}

func TestItemsAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := Item{
			ID: "ntf_1", Lane: MailLane, To: rapid.StringMatching(`[a-z:]{1,20}`).Draw(t, "to"),
			Kind: rapid.SampledFrom(Kinds()).Draw(t, "kind"), Note: "01JD5V3Z5QXKZ9W7M2R4T6Y8AB",
			At: time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "at")).UTC(), Tries: rapid.IntRange(0, 99).Draw(t, "tries"),
		}
		got, err := DecodeItem(i.Lane, i.ID, EncodeItem(i))
		require.NoError(t, err)
		require.Equal(t, i, got)
	})
	for _, text := range []string{
		"", "{}", "x", `{"v":2,"kind":"new","to":"x","note":"y"}`, `{"v":1,"kind":"gossip","to":"x","note":"y"}`,
		`{"v":1,"kind":"new","to":"x"}`, `{"v":1,"kind":"daily","to":""}`, `{"v":1,"kind":"daily","to":"x","tries":-1}`,
	} {
		_, err := DecodeItem(MailLane, "ntf_1", text)
		require.ErrorIs(t, err, note.ErrBroken, text)
	}
	whole := func(at int64) string {
		return fmt.Sprintf(`{"v":1,"kind":"new","to":"x","note":"y","at":%d}`, at)
	}
	// No JSON holds a time after the year 9999, and no header an id with a line end: that would look like the fault of
	// the server.
	for _, at := range []int64{-1, 253402300800000, 9000000000000000, math.MaxInt64} {
		_, err := DecodeItem(HookLane("zaak"), "ntf_1", whole(at))
		require.ErrorIs(t, err, note.ErrBroken, at)
	}
	for _, id := range []string{"", "a\nb", "ntf_1\n", "ntf_1>\r\nBcc: x", "ntf_é", "ntf_" + strings.Repeat("1", 500)} {
		_, err := DecodeItem(HookLane("zaak"), id, whole(1))
		require.ErrorIs(t, err, note.ErrBroken, "%q", id)
	}
	_, err := DecodeItem(HookLane("zaak"), itemID("event", "receiver"), whole(253402300799999))
	require.NoError(t, err)
}
