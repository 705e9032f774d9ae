package signin_test

import (
	"bufio"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
)

// provider starts the real provider of test/oidc, and gives its name.
func provider(t *testing.T, back string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "oidc")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = filepath.Join("..", "test", "oidc")
	build.Env = append(os.Environ(), "GOFLAGS=") // that module has its own go.mod
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	cmd := exec.Command(program, "-secret", "geheim!", "-redirect", back)
	cmd.Stderr = os.Stderr
	said, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may be gone
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(said).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

var loginID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// through follows a person through the provider, until they are sent back to us.
func (b *browser) through(issuer, name string) answer {
	b.t.Helper()
	at := b.get("/sign-in/oidc?next=/notes/12345674")
	for range 10 {
		switch {
		case strings.HasPrefix(at.to, b.h.server.URL),
			at.status < 300 && !strings.Contains(at.body, "/login/username"):
			return b.get(at.to)
		case at.to != "":
			to := at.to
			if strings.HasPrefix(to, "/") {
				to = issuer + to
			}
			at = b.do(b.request("GET", to, nil))
		default:
			id := loginID.FindStringSubmatch(at.body)
			require.NotNil(b.t, id, at.body)
			r := b.request("POST", issuer+"/login/username", url.Values{
				"id": {id[1]}, "username": {name}, "password": {"een-wachtwoord"},
			})
			at = b.do(r)
		}
	}
	b.t.Fatal("the provider sends people round")
	return at
}

func TestARealProvider(t *testing.T) {
	for name, scopes := range map[string][]string{
		"with a refresh token": {"profile", "email", "offline_access"}, "without": {"profile", "email"},
	} {
		t.Run(name, func(t *testing.T) {
			var issuer string
			h := begin(t, func(o *signin.Options) {
				issuer = provider(t, o.Address.JoinPath("/sign-in/oidc/callback").String())
				o.OIDC = &signin.OIDC{
					Issuer: issuer, ClientID: "bereikbaar", ClientSecret: "geheim!", Scopes: scopes,
					Municipality: deventer,
					Claims: signin.Claims{
						ID: "preferred_username", Name: "name", Email: "email", Groups: "groups",
					},
					Groups: map[string]map[call.TeamID]staff.Role{
						"kcc-lead": {"kcc": staff.Lead}, "permits": {"vergunningen": staff.Agent},
					},
				}
			}).unknown()
			b := h.browser()
			in := b.through(issuer, "anouk")
			require.Equal(t, "/notes/12345674", in.to, in.body)
			require.Equal(t, "page of anouk", b.get("/").body)
			require.Equal(t, map[call.TeamID]staff.Role{"kcc": staff.Lead}, h.visitor().Roles)
			known, err := h.store.Person(t.Context(), deventer, anouk)
			require.NoError(t, err)
			require.Equal(t, "Anouk de Vries", known[staff.FromSignIn].Name)

			groups := func(of string) {
				r, err := http.NewRequestWithContext(
					t.Context(), http.MethodPut, issuer+"/test/groups/7f3a", strings.NewReader(of),
				)
				require.NoError(t, err)
				got, err := http.DefaultClient.Do(r)
				require.NoError(t, err)
				require.NoError(t, got.Body.Close())
				require.Equal(t, http.StatusOK, got.StatusCode)
			}
			groups("permits")
			for range 2 {
				b.aged(6 * time.Minute)
				require.Equal(t, "page of anouk", b.get("/").body)
				require.Equal(t, map[call.TeamID]staff.Role{"vergunningen": staff.Agent}, h.visitor().Roles)
			}
			groups("")
			b.aged(6 * time.Minute)
			require.Equal(t, http.StatusSeeOther, b.get("/").status)
			stranger := h.browser()
			require.Equal(t, "no_role", stranger.through(issuer, "cem").said("reason"))
			http.DefaultClient.CloseIdleConnections()
		})
	}
}
