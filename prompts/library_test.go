package prompts

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// put writes a file of a prompts directory and gives its directory a modification time of its own.
func put(t *testing.T, dir, name, content string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
	touched(t, filepath.Dir(file))
	return file
}

var changes time.Duration

func touched(t *testing.T, dir string) {
	t.Helper()
	changes += time.Second
	when := time.Now().Add(-time.Hour).Add(changes)
	require.NoError(t, os.Chtimes(dir, when, when))
}

func wav(rate uint32, content string) string {
	head := "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00" + little(rate) + little(
		2*rate,
	) + "\x02\x00\x10\x00"
	return head + "data" + little(uint32(len(content))) + content
}

func little(n uint32) string {
	return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
}

func TestRecordedVoiceGoesBeforeRendered(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "rendered/nl/welcome.alaw", "x")
	put(t, dir, "rendered/nl/goodbye.alaw", "x")
	put(t, dir, "recorded/nl/welcome.wav", wav(8000, "xx"))
	put(t, dir, "rendered/en/welcome.g722", "x")
	l, err := OpenLibrary(dir, "/var/lib/prompts/")
	require.NoError(t, err)

	nl := speaker(t, Dutch)
	media, missing := l.Media(nl.Say(Welcome, Goodbye, Closed).Then(speaker(t, English).Say(Welcome, Goodbye)))
	require.Equal(t, []string{
		"sound:/var/lib/prompts/recorded/nl/welcome", "sound:/var/lib/prompts/rendered/nl/goodbye",
		"sound:/var/lib/prompts/rendered/en/welcome",
	}, media)
	require.Equal(t, []ID{Closed, "en/goodbye"}, missing)

	media, missing = l.Media(Utterance{})
	require.Empty(t, media)
	require.Empty(t, missing)
}

func TestHowLongAPromptTakes(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "rendered/nl/welcome.alaw", strings.Repeat("x", 12000))
	put(t, dir, "recorded/nl/welcome.g722", strings.Repeat("x", 20000))
	put(t, dir, "rendered/nl/goodbye.alaw", strings.Repeat("x", 4000))
	require.Equal(t, 2500*time.Millisecond, Duration(dir, Dutch, Welcome))
	require.Equal(t, 500*time.Millisecond, Duration(dir, Dutch, Goodbye))
	require.Zero(t, Duration(dir, English, Goodbye))
}

func TestFilesThatComeAndGoAreNoticed(t *testing.T) {
	dir := t.TempDir()
	l, err := OpenLibrary(dir, "prompts")
	require.NoError(t, err)
	welcome := speaker(t, Dutch).Say(Welcome)
	expect := func(want ...string) {
		t.Helper()
		media, _ := l.Media(welcome)
		require.Equal(t, want, media)
	}
	expect()
	put(t, dir, "rendered/nl/welcome.alaw", "x")
	expect("sound:prompts/rendered/nl/welcome")
	recorded := put(t, dir, "recorded/nl/welcome.alaw", "x")
	expect("sound:prompts/recorded/nl/welcome")
	require.NoError(t, os.Remove(recorded))
	touched(t, filepath.Dir(recorded))
	expect("sound:prompts/rendered/nl/welcome")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "rendered")))
	expect()
}

func TestFilesThatAsteriskCannotPlayDoNotCount(t *testing.T) {
	for name, file := range map[string][2]string{
		"an empty file":             {"welcome.alaw", ""},
		"a form it does not know":   {"welcome.mp3", "x"},
		"capitals in the extension": {"welcome.ALAW", "x"},
		"a wav of another rate":     {"welcome.wav", wav(44100, "xx")},
		"a wav16 of another rate":   {"welcome.wav16", wav(8000, "xx")},
		"a wav that is none":        {"welcome.wav", "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "recorded/nl/"+file[0], file[1])
			put(t, dir, "rendered/nl/welcome.alaw", "x")
			l, err := OpenLibrary(dir, "prompts")
			require.NoError(t, err)
			media, missing := l.Media(speaker(t, Dutch).Say(Welcome))
			require.Equal(t, []string{"sound:prompts/rendered/nl/welcome"}, media)
			require.Empty(t, missing)
		})
	}
	t.Run("one good and one bad form of the same prompt", func(t *testing.T) {
		dir := t.TempDir()
		put(t, dir, "recorded/nl/welcome.alaw", "x")
		put(t, dir, "recorded/nl/welcome.wav", wav(48000, "xx"))
		put(t, dir, "rendered/nl/welcome.alaw", "x")
		l, err := OpenLibrary(dir, "prompts")
		require.NoError(t, err)
		media, _ := l.Media(speaker(t, Dutch).Say(Welcome))
		require.Equal(
			t, []string{"sound:prompts/rendered/nl/welcome"}, media,
			"Asterisk chooses the form, so a bad one spoils both",
		)
	})
}

func TestIDsCannotLeaveTheDirectory(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "rendered/nl/welcome.alaw", "x")
	put(t, dir, "secret.alaw", "x")
	l, err := OpenLibrary(dir, "prompts")
	require.NoError(t, err)
	for _, id := range []ID{
		"../../secret", "../secret", "nl/../../secret", "rendered/nl", "", "/", "../rendered/nl/welcome",
	} {
		media, missing := l.Media(Utterance{Dutch, []ID{id}})
		require.Empty(t, media, "%q", id)
		require.Equal(t, []ID{id}, missing)
	}
	media, _ := l.Media(Utterance{"..", []ID{"secret"}})
	require.Empty(t, media)
}

func TestDirectoriesThatCannotServe(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenLibrary(filepath.Join(dir, "none"), "prompts")
	require.ErrorContains(t, err, "render the prompts first")
	_, err = OpenLibrary(put(t, dir, "file", "x"), "prompts")
	require.ErrorContains(t, err, "is not a directory")
	for _, path := range []string{
		"", "a,b", "a&b", "a|b", "a?b", "a*b", "/var/my prompts", "a\tb", "a\rb", "a\nb", `a"b`, "a'b",
	} {
		_, err = OpenLibrary(dir, path)
		require.ErrorContains(t, err, "prompts directory for Asterisk", "%q", path)
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "rendered/nl/welcome.alaw", "x")
	l, err := OpenLibrary(dir, "prompts")
	require.NoError(t, err)
	welcome := speaker(t, Dutch).Say(Welcome)
	var calls sync.WaitGroup
	wrong := make(chan string, 800)
	for range 8 {
		calls.Go(func() {
			for range 100 {
				if media, missing := l.Media(welcome); len(media) != 1 || len(missing) != 0 {
					wrong <- strings.Join(media, ",")
				}
			}
		})
	}
	calls.Wait()
	require.Empty(t, wrong)
}
