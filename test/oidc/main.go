// Command oidc is a real provider of identities for tests: the example server of zitadel/oidc, with people of our own
// and groups that can be changed while it runs. It is a module of its own, so that its many dependencies are not ours.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "oidc:", err)
		os.Exit(1)
	}
}

// people are known by their id at the provider.
type people map[string]*storage.User

func (p people) GetUserByID(id string) *storage.User { return p[id] }

func (p people) GetUserByUsername(name string) *storage.User {
	for _, user := range p {
		if user.Username == name {
			return user
		}
	}
	return nil
}

func (people) ExampleClientID() string { return storage.ServiceUserID }

// directory is the example's storage with groups.
type directory struct {
	*storage.Storage
	mu     sync.Mutex
	groups map[string][]string // by id at the provider
}

// SetUserinfoFromRequest implements op.CanSetUserinfoFromRequest, for ID tokens.
func (d *directory) SetUserinfoFromRequest(
	ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string,
) error {
	err := d.Storage.SetUserinfoFromRequest(ctx, info, token, scopes)
	d.add(info, token.GetSubject())
	return err
}

// SetUserinfoFromToken implements op.Storage, for the userinfo endpoint.
func (d *directory) SetUserinfoFromToken(
	ctx context.Context, info *oidc.UserInfo, token, subject, origin string,
) error {
	err := d.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin)
	d.add(info, subject)
	return err
}

func (d *directory) add(info *oidc.UserInfo, subject string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	info.AppendClaims("groups", d.groups[subject])
}

// ServeHTTP sets the groups of a person: PUT /test/groups/{id} with them in the body, a line each.
func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.groups[r.PathValue("id")] = strings.Fields(string(text))
}

func run() error {
	listen := flag.String("listen", "127.0.0.1:0", "the address to listen on")
	client := flag.String("client", "bereikbaar", "the id of the client")
	secret := flag.String("secret", "", "the secret of the client")
	back := flag.String("redirect", "", "the address to which it sends people back")
	flag.Parse()

	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	issuer := "http://" + l.Addr().String()
	storage.RegisterClients(storage.WebClient(*client, *secret, *back))
	d := &directory{
		Storage: storage.NewStorage(people{
			"7f3a": {
				ID: "7f3a", Username: "anouk", Password: "een-wachtwoord", FirstName: "Anouk", LastName: "de Vries",
				Email: "anouk@deventer.nl", EmailVerified: true,
			},
			"8b21": {ID: "8b21", Username: "cem", Password: "een-wachtwoord", FirstName: "Cem", LastName: "Kaya"},
		}),
		groups: map[string][]string{"7f3a": {"kcc-lead"}},
	}
	mux := http.NewServeMux()
	mux.Handle("PUT /test/groups/{id}", d)
	mux.Handle("/", exampleop.SetupServer(issuer, d, slog.New(slog.DiscardHandler), false))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close() // it ends anyway
	}()
	fmt.Println(issuer)
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
