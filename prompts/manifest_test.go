package prompts

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestEveryNamedPromptExistsInEveryLanguage(t *testing.T) {
	m := manifest(t)
	sentences := []ID{
		Welcome, SearchingAgent, AllBusy, NotReachable, OfferCallback, OfferCallbackAgain,
		NoteAlreadyOpen, NoteForThisNumber, NotesForThisNumber, NoteInHand, NoteTried, NoteLate, NoteChoices,
		NotesChoices,
		EnterReference, ReferenceUnknown, CallerRingsUs, NoteStays, ConfirmWithdrawal, NoteWithdrawn,
		CallingBack, NotDialled, AskResult, AskResolved, AttemptNotReached, AttemptNoted, NoteClosed,
		WithheldNumber, EnterNumber, UnusableNumber, EntryFailed, CallbackNotPossible, CallbackNotPossibleClosed,
		Closed, WrongChoice, Fallback, FallbackAgain, Goodbye,
	}
	for _, language := range Languages() {
		var replaceable []ID
		for _, id := range m.IDs(language) {
			p, _ := m.Prompt(language, id)
			require.NotEmpty(t, p.Text, "%s/%s", language, id)
			require.Regexp(t, wellFormedID, string(id))
			if !p.Part {
				replaceable = append(replaceable, id)
				require.True(t, endsSentence(p.Text), "%s/%s is a whole sentence and must end like one", language, id)
			}
		}
		require.ElementsMatch(
			t, sentences, replaceable, "the constants and the %s texts must name the same prompts", language,
		)
		for _, pause := range []ID{PauseShort, PauseLong} {
			p, known := m.Prompt(language, pause)
			require.True(t, known)
			require.Positive(t, p.Silence)
		}
	}
}

func TestTextsNeverNameAMunicipality(t *testing.T) {
	m := manifest(t)
	for _, language := range Languages() {
		for _, id := range m.IDs(language) {
			p, _ := m.Prompt(language, id)
			require.NotContains(t, p.Text, "Deventer", "%s/%s: names come from the configuration", language, id)
		}
	}
}

func TestConfigurationAddsAndReplacesTexts(t *testing.T) {
	m, err := NewManifest(Extra{
		Dutch:   {"menu-main": " Belt u over een aanvraag? Toets 1. ", Welcome: "Welkom bij de gemeente Deventer."},
		English: {"for-english": "For English, press 9."},
	})
	require.NoError(t, err)
	nl := speaker(t, Dutch)
	require.Equal(
		t, "Welkom bij de gemeente Deventer. Belt u over een aanvraag? Toets 1.", m.Text(nl.Say(Welcome, "menu-main")),
	)
	require.Equal(
		t, "Welcome to the municipality.", m.Text(speaker(t, English).Say(Welcome)), "the other language keeps its own",
	)
	require.Equal(t, "Welkom bij de gemeente.", manifest(t).Text(nl.Say(Welcome)), "another manifest is not touched")
}

func TestConfigurationThatCannotBeSpokenIsRefusedWithEveryReason(t *testing.T) {
	_, err := NewManifest(Extra{
		Dutch: {
			"number-3": "drie", "pause-long": "stil", "Menu": "Toets 1.", "../welcome": "Toets 1.", "menu-1": " ",
			"menu-2": "[[n'o:t]]",
			"menu-3": "Toets\x001.", "menu-4": "…?!", "menu-5": string(make([]byte, 2000)),
		},
		"fr": {"menu": "Tapez 1."},
	})
	require.Error(t, err)
	for _, said := range []string{
		`prompt "number-3" in language "nl": this name belongs to a part`,
		`prompt "pause-long" in language "nl": this name belongs to a part`,
		`prompt "Menu" in language "nl": the name becomes a file name`,
		`prompt "../welcome" in language "nl": the name becomes a file name`,
		`prompt "menu-1" in language "nl": the text has nothing to speak`,
		`prompt "menu-2" in language "nl": the text contains [[`,
		`prompt "menu-3" in language "nl": the text contains control characters`,
		`prompt "menu-4" in language "nl": the text has nothing to speak`,
		`prompt "menu" in language "fr": there is no language "fr"; use one of [nl en]`,
	} {
		require.ErrorContains(t, err, said)
	}
	_, err = NewManifest(Extra{Dutch: {"long": string([]rune{'a', longestText: 'b'})}})
	require.ErrorContains(t, err, "split it")
}

func TestBrokenBuiltInTextsAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"the same prompt in two sections": {"texts: {a: x}\nparts: {a: y}", "a is in the manifest twice"},
		"the same prompt twice":           {"texts:\n  a: x\n  a: y", "already defined"},
		"a silence that is no time":       {"parts: {a: {silence: long}}", "read manifest/nl/a.yaml"},
		"no mapping":                      {"- a", "read manifest/nl/a.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{"manifest/nl/a.yaml": {Data: []byte(c.file)}}
			_, err := readBuiltIn(files, Dutch)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestTextShowsWhatIsNotInTheManifest(t *testing.T) {
	m := manifest(t)
	u := speaker(t, Dutch).Say(Closed, "no-such-prompt", "fr/bonjour")
	require.Equal(t, "Wij zijn nu gesloten. [no-such-prompt] [fr/bonjour]", m.Text(u))
	require.False(t, m.Has(u))
	require.Empty(t, m.Text(Utterance{}))
}

func TestUtterancesJoin(t *testing.T) {
	m, nl, en := manifest(t), speaker(t, Dutch), speaker(t, English)
	closed := nl.Say(Closed)
	both := closed.Then(nl.Say(Goodbye))
	require.Equal(t, Utterance{Dutch, []ID{Closed, Goodbye}}, both)
	require.Equal(t, Utterance{Dutch, []ID{Closed}}, closed, "joining leaves the first as it was")
	require.Equal(t, closed, Utterance{}.Then(closed), "silence takes the language of what follows")
	require.True(t, Utterance{}.Then(Utterance{}).Empty())

	mixed := closed.Then(en.Say(Closed))
	require.Equal(t, Utterance{Dutch, []ID{Closed, "en/closed"}}, mixed)
	require.Equal(t, "Wij zijn nu gesloten. We are closed now.", m.Text(mixed))
	require.Equal(
		t, Utterance{English, []ID{Goodbye, "nl/closed", Closed}}, en.Say(Goodbye).Then(mixed),
		"each part keeps its language",
	)
}

func TestJoinedUtterancesShareNoMemory(t *testing.T) {
	parts := make([]ID, 1, 4)
	parts[0] = Closed
	start := speaker(t, Dutch).Say(parts...)
	one, other := start.Then(start), start.Then(speaker(t, Dutch).Say(Goodbye))
	require.Equal(t, []ID{Closed, Closed}, one.Parts)
	require.Equal(t, []ID{Closed, Goodbye}, other.Parts)
}

func TestUnknownLanguage(t *testing.T) {
	_, err := NewSpeaker("fr")
	require.EqualError(t, err, `no prompts in language "fr": use one of [nl en]`)
	require.Equal(t, Dutch, Speaker{}.Language())
	require.Equal(t, "drie", manifest(t).Text(Speaker{}.Number(3)), "the zero speaker is of use too")
}

func TestSentencesAndParts(t *testing.T) {
	for text, whole := range map[string]bool{
		"Wij zijn nu gesloten.": true, "Klopt dat?": true, "Ja!": true, "minuten.": true, "dinsdag": false,
		"a.m.": false, "": false, ".": true,
	} {
		require.Equal(t, whole, endsSentence(text), "%q", text)
	}
}
