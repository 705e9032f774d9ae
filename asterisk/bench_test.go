package asterisk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/routing"
)

// fakeProcess, when set, makes this program the fake Asterisk of BenchmarkCall: in a process of its own, its work does
// not count as ours.
const fakeProcess = "BEREIKBAAR_FAKE_ASTERISK"

func TestMain(m *testing.M) {
	if os.Getenv(fakeProcess) == "" {
		os.Exit(m.Run())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	panic(http.Serve(listener, callsWithoutEnd()))
}

// sentChannel is the channel in the events of a caller and of a phone, as Asterisk 22.10.1 writes it.
const sentChannel = `{"id":%q,"name":"PJSIP/trunk-00000002","state":"Up","protocol_id":"32a05d26","caller":{"name":"","number":"0570123456"},` +
	`"connected":{"name":"","number":"140570"},"accountcode":"","dialplan":{"context":"bereikbaar","exten":"140570","priority":2,"app_name":"Stasis",` +
	`"app_data":"balie,caller,140570,allowed_not_screened"},"creationtime":"2026-11-23T21:42:42.666+0100","language":"nl"}`

// callsWithoutEnd is a fake Asterisk with one caller after the other. Each is connected to a phone that answers at
// once, and hangs up after a moment.
func callsWithoutEnd() *fakeAsterisk {
	f := &fakeAsterisk{password: fakePassword}
	calls := 0
	send := func(kind, application, rest string) {
		f.links[0].send(fmt.Sprintf(`{"type":%q,"timestamp":"2026-11-23T21:42:42.667+0100",%s,"asterisk_id":"02:fc:00:00:00:01","application":%q}`,
			kind, rest, application))
	}
	channel := func(id string) string { return `"channel":` + fmt.Sprintf(sentChannel, id) }
	come := func() {
		calls++
		send(
			"StasisStart", "balie",
			`"args":["caller","140570","allowed_not_screened"],`+channel(fmt.Sprint("caller-", calls)),
		)
	}
	end := func(id string) {
		send("StasisEnd", "balie", channel(id))
		send("ChannelDestroyed", "balie", `"cause":16,"cause_txt":"Normal Clearing",`+channel(id))
	}
	phone := func(ids string) {
		send(
			"EndpointStateChange", "balie-phones",
			`"endpoint":{"technology":"PJSIP","resource":"kcc1","state":"online","channel_ids":[`+ids+`]}`,
		)
	}
	moment := func(then func()) { time.AfterFunc(2*time.Millisecond, then) }
	f.reply = func(r fakeRequest) (int, string, bool) {
		f.requests = nil // of the calls before
		leg := strings.TrimPrefix(r.URI, "channels/")
		switch {
		case r.Method == http.MethodGet: // the benchmark is ready
			moment(come)
		case r.URI == "channels/create":
			leg := gjson.Get(r.Body, "channelId").Str
			moment(func() {
				phone(`"` + leg + `"`)
				send("StasisStart", "balie", `"args":[],`+strings.Replace(channel(leg), `"Up"`, `"Down"`, 1))
			})
			return http.StatusOK, fmt.Sprintf(sentChannel, leg), true
		case strings.HasSuffix(leg, "/dial"):
			leg := strings.TrimSuffix(leg, "/dial")
			moment(func() {
				send("ChannelStateChange", "balie", strings.Replace(channel(leg), `"Up"`, `"Ringing"`, 1))
				send("ChannelStateChange", "balie", channel(leg))
			})
		case isLeg(leg):
			moment(func() {
				end(leg)
				phone("")
				moment(come)
			})
		case strings.HasSuffix(r.URI, "/addChannel"):
			moment(func() { end(fmt.Sprint("caller-", calls)) })
		}
		return http.StatusNoContent, "", true
	}
	return f
}

// plainOperator treats each call as one that waits for an agent and gets one.
type plainOperator struct {
	board *Switchboard
	over  chan error
}

func (o *plainOperator) Take(ctx context.Context, line ivr.Line, incoming call.Call) error {
	legs := make(chan dispatch.Leg, 1)
	var phone sync.WaitGroup
	phone.Go(func() {
		leg, err := o.board.Ring(context.Background(), dispatch.Invitation{
			Call: incoming, Agent: routing.Agent{ID: "kcc1", Endpoint: "PJSIP/kcc1"}, Team: routing.Team{Name: "KCC"},
			For: time.Minute,
		})
		if err != nil {
			o.over <- err
			return
		}
		legs <- leg
		<-leg.Gone()
	})
	o.must(line.Remember(ctx, `{"team":"kcc","since":1795470162667}`))
	o.must(line.Music(ctx, "bereikbaar"))
	leg := <-legs
	if err := line.Talk(ctx, leg); !errors.Is(err, ivr.ErrHungUp) {
		o.must(fmt.Errorf("the conversation did not end with the caller's hang-up: %w", err))
	}
	o.must(leg.HangUp(context.WithoutCancel(ctx)))
	phone.Wait()
	o.over <- nil
	return nil
}

func (o *plainOperator) TakeBack(context.Context, ivr.Line, call.Call, ivr.Kept) error { return nil }

func (o *plainOperator) must(err error) {
	if err != nil {
		o.over <- err
	}
}

// BenchmarkCall measures the cost of one call between Asterisk and its handler: 9 commands, their replies and 10 events
// over a real socket, without the cost of the fake Asterisk. Most of the processor time is the system's, and waking up
// for each message: compare many short runs in turn.
func BenchmarkCall(b *testing.B) {
	fake := exec.Command(os.Args[0])
	fake.Env = append(os.Environ(), fakeProcess+"=1")
	fake.Stderr = os.Stderr
	out, err := fake.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, fake.Start())
	b.Cleanup(func() {
		_ = fake.Process.Kill()
		_ = fake.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)

	conn, err := New(Options{
		URL: "http://" + strings.TrimSpace(address) + "/ari", Application: "balie", Username: "daemon",
		Password: fakePassword,
	})
	require.NoError(b, err)
	board := NewSwitchboard(conn, slog.New(slog.DiscardHandler))
	operator := &plainOperator{board, make(chan error, 1)}
	board.Connect(operator, nil, func(string, queue.PhoneState) {})
	require.NoError(b, board.Watch(b.Context(), []string{"PJSIP/kcc1"}))
	conn.Attach(board.Handle, func(context.Context) error { return nil })
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = conn.Run(ctx) })
	b.Cleanup(func() {
		stop()
		running.Wait()
	})
	require.NoError(b, conn.AwaitUp(ctx))
	_, err = conn.Do(ctx, http.MethodGet, "channels", nil, nil)
	require.NoError(b, err)

	b.ReportAllocs()
	before := processorTime()
	for b.Loop() {
		if err := <-operator.over; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processorTime()-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// processorTime is what this process has used of the processors.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
