package prompts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// at is a moment in the municipality's zone.
func at(t *testing.T, clock string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	moment, err := time.ParseInLocation("2006-01-02 15:04:05", clock, zone)
	require.NoError(t, err)
	return moment
}

func manifest(t testing.TB) *Manifest {
	t.Helper()
	m, err := NewManifest(nil)
	require.NoError(t, err)
	return m
}

func speaker(t testing.TB, language Language) Speaker {
	t.Helper()
	s, err := NewSpeaker(language)
	require.NoError(t, err)
	return s
}

// spokenCase is what is said in both languages.
type spokenCase struct {
	name    string
	say     func(Speaker) Utterance
	dutch   string
	english string
}

func hearAll(t *testing.T, cases []spokenCase) {
	m := manifest(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.dutch, m.Text(c.say(speaker(t, Dutch))))
			require.Equal(t, c.english, m.Text(c.say(speaker(t, English))))
		})
	}
}

func TestDatesAndTimes(t *testing.T) {
	date := func(clock string) func(Speaker) Utterance {
		return func(s Speaker) Utterance { return s.Date(at(t, clock)) }
	}
	clock := func(clock string) func(Speaker) Utterance {
		return func(s Speaker) Utterance { return s.Time(at(t, "2026-11-24 "+clock)) }
	}
	hearAll(t, []spokenCase{
		{
			"an ordinary day", date("2026-11-24 17:00:00"), "dinsdag vierentwintig november",
			"Tuesday the twenty-fourth of November",
		},
		{"the first of a month", date("2026-03-01 09:00:00"), "zondag één maart", "Sunday the first of March"},
		{"the second", date("2026-06-02 09:00:00"), "dinsdag twee juni", "Tuesday the second of June"},
		{"the third", date("2026-08-03 09:00:00"), "maandag drie augustus", "Monday the third of August"},
		{
			"the twenty-third", date("2026-12-23 09:00:00"), "woensdag drieëntwintig december",
			"Wednesday the twenty-third of December",
		},
		{"the twelfth", date("2026-02-12 09:00:00"), "donderdag twaalf februari", "Thursday the twelfth of February"},
		{
			"leap day", date("2028-02-29 09:00:00"), "dinsdag negenentwintig februari",
			"Tuesday the twenty-ninth of February",
		},
		{
			"the thirty-first", date("2027-01-31 09:00:00"), "zondag eenendertig januari",
			"Sunday the thirty-first of January",
		},

		{"a whole hour in the morning", clock("09:00:00"), "negen uur", "nine a.m."},
		{"a whole hour in the afternoon", clock("17:00:00"), "zeventien uur", "five p.m."},
		{"half past nine", clock("09:30:00"), "negen uur dertig", "nine thirty a.m."},
		{"five past nine", clock("09:05:00"), "negen uur vijf", "nine oh five a.m."},
		{"one o'clock at night", clock("01:00:00"), "één uur", "one a.m."},
		{"one o'clock in the afternoon", clock("13:00:00"), "dertien uur", "one p.m."},
		{"noon", clock("12:00:00"), "twaalf uur", "noon"},
		{"half an hour past noon", clock("12:30:00"), "twaalf uur dertig", "twelve thirty p.m."},
		{"a minute before noon", clock("11:59:59"), "elf uur negenenvijftig", "eleven fifty-nine a.m."},
		{"midnight", clock("00:00:00"), "middernacht", "midnight"},
		{"a quarter past midnight", clock("00:15:00"), "nul uur vijftien", "twelve fifteen a.m."},
		{"the last minute of the day", clock("23:59:00"), "drieëntwintig uur negenenvijftig", "eleven fifty-nine p.m."},
	})
}

func TestPromises(t *testing.T) {
	deadline := func(clock string) func(Speaker) Utterance {
		return func(s Speaker) Utterance { return s.Deadline(at(t, clock)) }
	}
	hearAll(t, []spokenCase{
		{
			"by noon", deadline("2026-11-24 12:00:00"),
			"Wij bellen u uiterlijk op dinsdag vierentwintig november om twaalf uur.",
			"We will call you back no later than Tuesday the twenty-fourth of November at noon.",
		},
		{
			"by closing time", deadline("2026-11-24 17:00:00"),
			"Wij bellen u uiterlijk op dinsdag vierentwintig november om zeventien uur.",
			"We will call you back no later than Tuesday the twenty-fourth of November at five p.m.",
		},
		{
			"by midnight is the end of the day before", deadline("2026-11-25 00:00:00"),
			"Wij bellen u uiterlijk op dinsdag vierentwintig november om vierentwintig uur.",
			"We will call you back no later than Tuesday the twenty-fourth of November at midnight, at the end of that day.",
		},
		{
			"by midnight at the turn of the year", deadline("2027-01-01 00:00:00"),
			"Wij bellen u uiterlijk op donderdag eenendertig december om vierentwintig uur.",
			"We will call you back no later than Thursday the thirty-first of December at midnight, at the end of that day.",
		},
		{
			"a deadline is never told later than it is", deadline("2026-11-24 16:59:59"),
			"Wij bellen u uiterlijk op dinsdag vierentwintig november om zestien uur negenenvijftig.",
			"We will call you back no later than Tuesday the twenty-fourth of November at four fifty-nine p.m.",
		},
		{
			"with reference", func(s Speaker) Utterance {
				return s.Deadline(at(t, "2026-11-24 17:00:00")).Then(s.GiveReference("4817203"))
			},
			"Wij bellen u uiterlijk op dinsdag vierentwintig november om zeventien uur. Uw kenmerk is, vier acht, één zeven, twee nul drie.",
			"We will call you back no later than Tuesday the twenty-fourth of November at five p.m. Your reference is, four eight, one seven, two zero three.",
		},
		{
			"the number read back", func(s Speaker) Utterance { return s.ReadBack("06 12345678") },
			"Wij bellen u terug op nummer, nul zes, één twee, drie vier, vijf zes, zeven acht. Klopt dat? Toets 1. Wilt u een ander nummer? Toets 2.",
			"We will call you back on number, zero six, one two, three four, five six, seven eight. Is that right? Press 1. Would you like to use another number? Press 2.",
		},
		{
			"a promise that stands already", func(s Speaker) Utterance {
				return s.Say(NoteAlreadyOpen).Then(s.Deadline(at(t, "2026-11-24 09:30:00")))
			},
			"Er staat al een terugbelnotitie voor u. Wij bellen u uiterlijk op dinsdag vierentwintig november om negen uur dertig.",
			"There is already a callback note for you. We will call you back no later than Tuesday the twenty-fourth of November at nine thirty a.m.",
		},
		{
			"open again", func(s Speaker) Utterance { return s.Reopens(at(t, "2026-11-23 08:30:00")) },
			"U kunt ons weer bellen op maandag drieëntwintig november vanaf acht uur dertig.",
			"You can call us again on Monday the twenty-third of November from eight thirty a.m.",
		},
	})
}

func TestWaiting(t *testing.T) {
	position := func(ahead int) func(Speaker) Utterance {
		return func(s Speaker) Utterance { return s.Position(ahead) }
	}
	wait := func(d time.Duration) func(Speaker) Utterance {
		return func(s Speaker) Utterance { return s.ExpectedWait(d) }
	}
	hearAll(t, []spokenCase{
		{"nobody ahead", position(0), "U bent als eerste aan de beurt.", "You are next in line."},
		{"less than nobody", position(-3), "U bent als eerste aan de beurt.", "You are next in line."},
		{"one ahead", position(1), "Er is één wachtende voor u.", "There is one caller before you."},
		{"two ahead", position(2), "Er zijn twee wachtenden voor u.", "There are two callers before you."},
		{
			"a hundred and one ahead", position(101), "Er zijn honderdéén wachtenden voor u.",
			"There are one hundred and one callers before you.",
		},
		{
			"two hundred ahead", position(200), "Er zijn tweehonderd wachtenden voor u.",
			"There are two hundred callers before you.",
		},

		{
			"a nonsense wait", wait(-time.Minute), "De verwachte wachttijd is minder dan één minuut.",
			"The expected wait is less than one minute.",
		},
		{
			"59 seconds", wait(59 * time.Second), "De verwachte wachttijd is minder dan één minuut.",
			"The expected wait is less than one minute.",
		},
		{
			"one minute", wait(time.Minute), "De verwachte wachttijd is ongeveer één minuut.",
			"The expected wait is about one minute.",
		},
		{
			"61 seconds round up", wait(61 * time.Second), "De verwachte wachttijd is ongeveer twee minuten.",
			"The expected wait is about two minutes.",
		},
		{
			"ten minutes", wait(10 * time.Minute), "De verwachte wachttijd is ongeveer tien minuten.",
			"The expected wait is about ten minutes.",
		},
		{
			"eleven minutes", wait(11 * time.Minute), "De verwachte wachttijd is ongeveer vijftien minuten.",
			"The expected wait is about fifteen minutes.",
		},
		{
			"an hour", wait(time.Hour), "De verwachte wachttijd is ongeveer zestig minuten.",
			"The expected wait is about sixty minutes.",
		},
		{
			"longer", wait(time.Hour + 1), "De verwachte wachttijd is langer dan een uur.",
			"The expected wait is more than an hour.",
		},
	})
}

// workingDays is a week with the same hours from Monday to Friday.
func workingDays(from, to time.Duration) (w Week) {
	for day := time.Monday; day <= time.Friday; day++ {
		w[day] = []Span{{From: from, To: to}}
	}
	return w
}

func TestOpeningHours(t *testing.T) {
	span := func(from, to float64) Span {
		return Span{From: time.Duration(from * float64(time.Hour)), To: time.Duration(to * float64(time.Hour))}
	}
	week := func(days map[time.Weekday][]Span) func(Speaker) Utterance {
		return func(s Speaker) Utterance {
			var w Week
			for day, spans := range days {
				w[day] = spans
			}
			return s.OpeningWeek(w)
		}
	}
	office := []Span{span(9, 17)}
	hearAll(t, []spokenCase{
		{
			"working days", func(s Speaker) Utterance { return s.OpeningWeek(workingDays(9*time.Hour, 17*time.Hour)) },
			"U kunt ons bellen op werkdagen tussen negen en zeventien uur.",
			"You can call us on weekdays between nine a.m. and five p.m.",
		},
		{
			"half hours",
			func(s Speaker) Utterance { return s.OpeningWeek(workingDays(8*time.Hour+30*time.Minute, 17*time.Hour)) },
			"U kunt ons bellen op werkdagen tussen acht uur dertig en zeventien uur.",
			"You can call us on weekdays between eight thirty a.m. and five p.m.",
		},
		{
			"until midnight",
			func(s Speaker) Utterance { return s.OpeningWeek(workingDays(9*time.Hour, 24*time.Hour)) },
			"U kunt ons bellen op werkdagen tussen negen uur en middernacht.",
			"You can call us on weekdays between nine a.m. and midnight.",
		},
		{
			"Saturday apart",
			week(map[time.Weekday][]Span{1: office, 2: office, 3: office, 4: office, 5: office, 6: {span(10, 12)}}),
			"U kunt ons bellen op werkdagen tussen negen en zeventien uur, en op zaterdag tussen tien en twaalf uur.",
			"You can call us on weekdays between nine a.m. and five p.m., and on Saturday between ten a.m. and noon.",
		},
		{
			"a late evening and a short Friday",
			week(map[time.Weekday][]Span{1: office, 2: office, 3: office, 4: {span(9, 20)}, 5: {span(9, 12)}}),
			"U kunt ons bellen van maandag tot en met woensdag tussen negen en zeventien uur, op donderdag tussen negen en twintig uur, en op vrijdag tussen negen en twaalf uur.",
			"You can call us from Monday to Wednesday between nine a.m. and five p.m., on Thursday between nine a.m. and eight p.m., and on Friday between nine a.m. and noon.",
		},
		{
			"two days apart", week(map[time.Weekday][]Span{time.Tuesday: office, time.Thursday: office}),
			"U kunt ons bellen op dinsdag en donderdag tussen negen en zeventien uur.",
			"You can call us on Tuesday and Thursday between nine a.m. and five p.m.",
		},
		{
			"three days apart", week(map[time.Weekday][]Span{1: office, 3: office, 5: office}),
			"U kunt ons bellen op maandag, woensdag en vrijdag tussen negen en zeventien uur.",
			"You can call us on Monday, Wednesday and Friday between nine a.m. and five p.m.",
		},
		{
			"closed over lunch", week(map[time.Weekday][]Span{time.Monday: {span(9, 12), span(13, 17)}}),
			"U kunt ons bellen op maandag tussen negen en twaalf uur en tussen dertien en zeventien uur.",
			"You can call us on Monday between nine a.m. and noon and between one p.m. and five p.m.",
		},
		{
			"the weekend up to Sunday", week(map[time.Weekday][]Span{5: office, 6: office, 0: office}),
			"U kunt ons bellen van vrijdag tot en met zondag tussen negen en zeventien uur.",
			"You can call us from Friday to Sunday between nine a.m. and five p.m.",
		},
		{
			"always",
			week(map[time.Weekday][]Span{
				0: {span(0, 24)}, 1: {span(0, 24)}, 2: {span(0, 24)}, 3: {span(0, 24)}, 4: {span(0, 24)},
				5: {span(0, 24)}, 6: {span(0, 24)},
			}),
			"U kunt ons bellen elke dag de hele dag.",
			"You can call us every day all day.",
		},
		{"never", week(nil), "", ""},
		{
			"hours that are none",
			func(s Speaker) Utterance { return s.OpeningWeek(workingDays(17*time.Hour, 9*time.Hour)) }, "", "",
		},
		{
			"hours outside a day",
			func(s Speaker) Utterance { return s.OpeningWeek(workingDays(-time.Hour, 25*time.Hour)) }, "", "",
		},
	})
}
