package asterisk

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCommandsAsAsteriskGetsThem(t *testing.T) {
	type call func(ctx context.Context, c *testConn) error
	tests := map[string]struct {
		run  call
		want string
	}{
		"answer": {
			func(ctx context.Context, c *testConn) error { return c.Answer(ctx, "a;2") }, "POST channels/a%3B2/answer",
		},
		"hang up": {
			func(ctx context.Context, c *testConn) error { return c.HangUp(ctx, "a", CauseUserBusy) },
			`DELETE channels/a {"reason_code":"17"}`,
		},
		"continue": {
			func(ctx context.Context, c *testConn) error { return c.Continue(ctx, "a", "fallback", "s", 1) },
			`POST channels/a/continue {"context":"fallback","extension":"s","priority":1}`,
		},
		"play": {
			func(ctx context.Context, c *testConn) error {
				return c.Play(ctx, "a", "p-1", []string{"sound:een", "sound:twee"})
			},
			`POST channels/a/play/p-1 {"media":["sound:een","sound:twee"]}`,
		},
		"stop playback": {
			func(ctx context.Context, c *testConn) error { return c.StopPlayback(ctx, "p-1") }, "DELETE playbacks/p-1",
		},
		"start music": {
			func(ctx context.Context, c *testConn) error { return c.StartMusic(ctx, "a", "wacht") },
			`POST channels/a/moh {"mohClass":"wacht"}`,
		},
		"start the channel's own music": {
			func(ctx context.Context, c *testConn) error { return c.StartMusic(ctx, "a", "") },
			`POST channels/a/moh {}`,
		},
		"stop music": {
			func(ctx context.Context, c *testConn) error { return c.StopMusic(ctx, "a") }, "DELETE channels/a/moh",
		},
		"set variable": {
			func(ctx context.Context, c *testConn) error { return c.SetVariable(ctx, "a", "STATE", `{"x":1}`) },
			`POST channels/a/variable {"variable":"STATE","value":"{\"x\":1}"}`,
		},
		"create bridge": {
			func(ctx context.Context, c *testConn) error { return c.CreateBridge(ctx, "b", "mixing", "gesprek") },
			`POST bridges/b {"type":"mixing","name":"gesprek"}`,
		},
		"add to bridge": {
			func(ctx context.Context, c *testConn) error { return c.AddToBridge(ctx, "b", "x", "y") },
			`POST bridges/b/addChannel {"channel":["x","y"],"inhibitConnectedLineUpdates":true}`,
		},
		"destroy bridge": {
			func(ctx context.Context, c *testConn) error { return c.DestroyBridge(ctx, "b") }, "DELETE bridges/b",
		},
		"subscribe": {
			func(ctx context.Context, c *testConn) error {
				return c.Subscribe(ctx, []string{"endpoint:PJSIP/1", "endpoint:PJSIP/2"})
			},
			"POST applications/balie-phones/subscription?eventSource=endpoint%3APJSIP%2F1%2Cendpoint%3APJSIP%2F2",
		},
		"create": {func(ctx context.Context, c *testConn) error {
			return c.Create(ctx, Origination{
				Channel: "leg-1", Endpoint: "PJSIP/kcc1", CallerID: `"KCC" <+31570000000>`,
				Timeout:    19500 * time.Millisecond,
				Originator: "caller", Variables: map[string]string{"TAAL": "nl"},
			})
		}, `POST channels/create {"channelId":"leg-1","endpoint":"PJSIP/kcc1","app":"balie","originator":"caller",` +
			`"variables":{"CALLERID(all)":"\"KCC\" \u003c+31570000000\u003e","CONNECTEDLINE(all,i)":"\"KCC\" \u003c+31570000000\u003e","TAAL":"nl"}}`},
		"dial": {
			func(ctx context.Context, c *testConn) error { return c.Dial(ctx, "leg-1", 19500*time.Millisecond) },
			`POST channels/leg-1/dial {"timeout":20}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
				f.answering(func(fakeRequest) (int, string, bool) { return http.StatusNoContent, "", true })
				require.NoError(t, test.run(t.Context(), c))
				require.Equal(t, []string{test.want}, f.commands())
				require.NotContains(t, c.commands[0], "kcc1", "names of commands are labels")

				f.answering(func(fakeRequest) (int, string, bool) {
					return http.StatusInternalServerError, `{"message":"broken"}`, true
				})
				require.ErrorContains(t, test.run(t.Context(), c), "500 broken")
			})
		})
	}
}

func TestInputThatAsteriskWouldMisreadIsRefusedHere(t *testing.T) {
	good := Origination{Channel: "c", Endpoint: "PJSIP/k", Timeout: time.Second}
	with := func(change func(*Origination)) func(context.Context, *testConn) error {
		return func(ctx context.Context, c *testConn) error {
			o := good
			change(&o)
			return c.Create(ctx, o)
		}
	}
	tests := map[string]struct {
		run  func(ctx context.Context, c *testConn) error
		want string
	}{
		"no channel": {
			func(ctx context.Context, c *testConn) error { return c.Answer(ctx, "") }, "channel is empty",
		},
		"line break in channel": {
			func(ctx context.Context, c *testConn) error { return c.HangUp(ctx, "a\nb", 16) }, "control character",
		},
		"no playback": {
			func(ctx context.Context, c *testConn) error { return c.StopPlayback(ctx, "") }, "playback is empty",
		},
		"nothing to play": {
			func(ctx context.Context, c *testConn) error { return c.Play(ctx, "a", "p", nil) }, "nothing to play",
		},
		"empty medium": {
			func(ctx context.Context, c *testConn) error { return c.Play(ctx, "a", "p", []string{""}) },
			"medium is empty",
		},
		"music with a NUL": {
			func(ctx context.Context, c *testConn) error { return c.StartMusic(ctx, "a", "x\x00") },
			"control character",
		},
		"variable without a name": {
			func(ctx context.Context, c *testConn) error { return c.SetVariable(ctx, "a", "", "x") },
			"variable is empty",
		},
		"value of broken UTF-8": {
			func(ctx context.Context, c *testConn) error { return c.SetVariable(ctx, "a", "X", "\xff") },
			"not valid UTF-8",
		},
		"variable without a channel": {func(ctx context.Context, c *testConn) error {
			_, err := c.GetVariable(ctx, "", "X")
			return err
		}, "channel is empty"},
		"playback to find": {func(ctx context.Context, c *testConn) error {
			_, err := c.PlaybackExists(ctx, "")
			return err
		}, "playback is empty"},
		"nowhere to continue": {
			func(ctx context.Context, c *testConn) error { return c.Continue(ctx, "a", "", "s", 1) },
			"context is empty",
		},
		"bridge without an id": {
			func(ctx context.Context, c *testConn) error { return c.DestroyBridge(ctx, "") }, "bridge is empty",
		},
		"bridge of no kind": {
			func(ctx context.Context, c *testConn) error { return c.CreateBridge(ctx, "b", "", "") }, "type is empty",
		},
		"nobody to add": {
			func(ctx context.Context, c *testConn) error { return c.AddToBridge(ctx, "b") }, "no channel is given",
		},
		"empty channel to add": {
			func(ctx context.Context, c *testConn) error { return c.AddToBridge(ctx, "b", "x", "") },
			"channel is empty",
		},
		"two sources in one": {
			func(ctx context.Context, c *testConn) error { return c.Subscribe(ctx, []string{"a,b"}) }, "comma",
		},
		"empty source": {
			func(ctx context.Context, c *testConn) error { return c.Subscribe(ctx, []string{""}) },
			"event source is empty",
		},
		"ring for no time": {with(func(o *Origination) { o.Timeout = 0 }), "timeout is not above 0"},
		"ring nobody":      {with(func(o *Origination) { o.Endpoint = "" }), "endpoint is empty"},
		"header in the endpoint": {
			with(func(o *Origination) { o.Endpoint = "PJSIP/k\r\nX: y" }), "endpoint has a control character",
		},
		"header in the caller id": {
			with(func(o *Origination) { o.CallerID = "\"x\r\nX: y\" <1>" }), "caller id has a control character",
		},
		"header in a variable": {
			with(func(o *Origination) { o.Variables = map[string]string{"X": "\n"} }), "value has a control character",
		},
		"every problem is reported": {
			with(func(o *Origination) { o.Endpoint, o.Timeout = "", -1 }), "timeout is not above 0",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
				require.ErrorContains(t, test.run(t.Context(), c), test.want)
				require.Empty(t, f.commands())
			})
		})
	}
}

func TestAnswersAsTheDaemonGetsThem(t *testing.T) {
	answers := map[string]string{
		"GET channels": `[{"id":"1.1","name":"PJSIP/trunk-01","state":"Up","caller":{"name":"Jan","number":"+31570123456"},` +
			`"connected":{"name":"","number":"140570"},"dialplan":{"context":"trunk","exten":"140570","priority":2,"app_name":"Stasis","app_data":"balie,in,140570"},` +
			`"creationtime":"2026-11-23T22:11:28.547+0100"},{"id":"1.2"}]`,
		"GET bridges":            `[{"id":"b","name":"n","bridge_type":"mixing","channels":["1.1","1.2"]}]`,
		"GET endpoints":          `[{"technology":"PJSIP","resource":"kcc1","state":"online","channel_ids":["1.2"]},{"technology":"PJSIP","resource":"x","state":"offline","channel_ids":[]}]`,
		"GET applications/balie": `{"name":"balie","channel_ids":["1.1"]}`,
		"GET asterisk/info":      `{"system":{"version":"22.10.1"},"status":{"startup_time":"2026-11-23T21:42:02.218+0000"}}`,
		"GET channels/1.1/variable?variable=CALLERID%28num-pres%29": `{"value":"prohib_passed_screen"}`,
	}
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(func(r fakeRequest) (int, string, bool) { return http.StatusOK, answers[r.String()], true })
		channels, err := c.Channels(t.Context())
		require.NoError(t, err)
		require.Len(t, channels, 2)
		require.Equal(t, "+31570123456", channels[0].CallerNumber)
		require.Equal(t, "140570", channels[0].Extension)
		require.Equal(t, []string{"in", "140570"}, channels[0].StasisArgs())
		require.Equal(t, time.Date(2026, 11, 23, 21, 11, 28, 547_000_000, time.UTC), channels[0].Created)
		require.True(t, channels[0].Up())
		require.False(t, channels[1].Up())
		require.Nil(t, channels[1].StasisArgs())
		require.True(t, channels[1].Created.IsZero())

		bridges, err := c.Bridges(t.Context())
		require.NoError(t, err)
		require.Equal(t, []Bridge{{ID: "b", Name: "n", Channels: []string{"1.1", "1.2"}}}, bridges)

		endpoints, err := c.Endpoints(t.Context())
		require.NoError(t, err)
		require.Equal(t, "PJSIP/kcc1", endpoints[0].Name())
		require.True(t, endpoints[0].Online())
		require.Equal(t, []string{"1.2"}, endpoints[0].Channels)
		require.False(t, endpoints[1].Online())

		inside, err := c.ApplicationChannels(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"1.1"}, inside)

		info, err := c.AsteriskInfo(t.Context())
		require.NoError(t, err)
		require.Equal(t, "22.10.1", info.SystemInfo.Version)

		presentation, err := c.GetVariable(t.Context(), "1.1", "CALLERID(num-pres)")
		require.NoError(t, err)
		require.Equal(t, "prohib_passed_screen", presentation)
	})
}

func TestAnswerThatIsNoJSONIsAnError(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(func(fakeRequest) (int, string, bool) { return http.StatusOK, `[{"id":`, true })
		_, channels := c.Channels(t.Context())
		_, inside := c.ApplicationChannels(t.Context())
		_, endpoints := c.Endpoints(t.Context())
		_, info := c.AsteriskInfo(t.Context())
		for _, err := range []error{channels, inside, endpoints, info} {
			require.Error(t, err)
		}
	})
}

func TestVariableThatIsNotSetIsEmpty(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		f.answering(func(fakeRequest) (int, string, bool) {
			return http.StatusNotFound, `{"message":"Provided variable was not found"}`, true
		})
		value, err := c.GetVariable(t.Context(), "a", "X")
		require.NoError(t, err)
		require.Empty(t, value)
		f.answering(func(fakeRequest) (int, string, bool) {
			return http.StatusNotFound, `{"message":"Provided channel was not found"}`, true
		})
		_, err = c.GetVariable(t.Context(), "a", "X")
		require.True(t, IsGone(err))
	})
}

func TestPlaybackAndChannelExist(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		for status, want := range map[int]bool{http.StatusOK: true, http.StatusNotFound: false} {
			f.answering(func(fakeRequest) (int, string, bool) { return status, "", true })
			playback, err := c.PlaybackExists(t.Context(), "p")
			require.NoError(t, err)
			require.Equal(t, want, playback)
			channel, err := c.ChannelExists(t.Context(), "c")
			require.NoError(t, err)
			require.Equal(t, want, channel)
		}
		f.answering(func(fakeRequest) (int, string, bool) { return http.StatusInternalServerError, "", true })
		_, err := c.PlaybackExists(t.Context(), "p")
		require.Error(t, err)
	})
}

func TestConflictOnCreateIsOnlyBelievedWhenTheChannelIsThere(t *testing.T) {
	tests := map[string]struct {
		channel           int // status of GET channels/leg
		conflict, refused bool
	}{
		"the phone rings already":          {http.StatusOK, true, false},
		"left over from an older conflict": {http.StatusNotFound, false, true},
		"Asterisk does not say":            {http.StatusInternalServerError, true, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
				f.answering(func(r fakeRequest) (int, string, bool) {
					if r.Method == http.MethodGet {
						return test.channel, "{}", true
					}
					return http.StatusConflict, `{"message":"Channel with given unique ID already exists"}`, true
				})
				err := c.Create(t.Context(), Origination{Channel: "leg", Endpoint: "PJSIP/k", Timeout: time.Second})
				require.Error(t, err)
				require.Equal(t, test.conflict, IsConflict(err))
				require.Equal(t, test.refused, IsRefused(err))
			})
		})
	}
}

func TestPhonesAreWatchedThoughOneIsNotConfigured(t *testing.T) {
	connected(t, func(t *testing.T, f *fakeAsterisk, c *testConn) {
		var watched []string
		f.answering(func(r fakeRequest) (int, string, bool) {
			if strings.Contains(r.URI, "ghost") {
				return http.StatusUnprocessableEntity, `{"message":"Event source does not exist"}`, true
			}
			watched = append(watched, r.URI[strings.LastIndex(r.URI, "=")+1:])
			return http.StatusOK, "{}", true
		})
		err := c.Subscribe(t.Context(), []string{"endpoint:a", "endpoint:ghost", "endpoint:b"})
		require.True(t, IsGone(err))
		require.ErrorContains(t, err, "endpoint:ghost: ")
		require.Equal(t, []string{"endpoint%3Aa", "endpoint%3Ab"}, watched)
		require.NoError(t, c.Subscribe(t.Context(), nil))

		f.answering(func(r fakeRequest) (int, string, bool) {
			if strings.Contains(r.URI, "%2C") {
				return http.StatusUnprocessableEntity, "", true
			}
			return http.StatusInternalServerError, "", true
		})
		require.ErrorContains(t, c.Subscribe(t.Context(), []string{"endpoint:a", "endpoint:b"}), "500")
	})
}
