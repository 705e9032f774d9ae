package signin_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
)

// idp is a provider of identities that can be made to lie.
type idp struct {
	t      testing.TB
	server *httptest.Server
	key    *rsa.PrivateKey

	mu        sync.Mutex
	nonces    map[string]string // by code
	verifiers map[string]string // challenges of PKCE, by code
	refreshes map[string]bool   // refresh tokens that are good
	drawn     int
	asked     map[string]int // requests by path

	subject string
	claims  map[string]any // of the person
	// change spoils the claims of an ID token.
	change func(map[string]any)
	// sign makes the token of claims; nil for RS256 with the key.
	sign func(claims map[string]any) string
	// down answers every request with 503; refuse the token and userinfo endpoints with a refusal.
	down, refuse bool
	// refresh gives refresh tokens; inUserInfo tells the groups at the userinfo endpoint rather than in ID tokens;
	// noUserInfo has no such endpoint; bare gives no ID token with a refresh.
	refresh, inUserInfo, noUserInfo, bare bool
	post                                  bool // takes the secret in the form alone
	slow                                  time.Duration
}

func startIDP(t testing.TB) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p := &idp{
		t: t, key: key, nonces: map[string]string{}, verifiers: map[string]string{}, refreshes: map[string]bool{},
		asked: map[string]int{}, subject: "8f1c", refresh: true,
		claims: map[string]any{
			"preferred_username": "anouk", "name": "Anouk de Vries", "email": "anouk@deventer.nl",
			"groups": []string{"kcc-lead", "other"},
		},
	}
	p.server = httptest.NewServer(p)
	t.Cleanup(p.server.Close)
	return p
}

func (p *idp) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *idp) asks(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

func (p *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	slow := p.slow
	p.mu.Unlock()
	time.Sleep(slow)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[r.URL.Path]++
	if p.down {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		says := map[string]any{
			"issuer": p.server.URL, "authorization_endpoint": p.server.URL + "/authorize",
			"token_endpoint":                        p.server.URL + "/token",
			"jwks_uri":                              p.server.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
		}
		if p.post {
			says["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
		}
		if !p.noUserInfo {
			says["userinfo_endpoint"] = p.server.URL + "/userinfo"
		}
		writeJSON(w, http.StatusOK, says)
	case "/keys":
		writeJSON(w, http.StatusOK, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": b64(p.key.N.Bytes()),
			"e": b64(big.NewInt(int64(p.key.E)).Bytes()),
		}}})
	case "/authorize":
		p.authorize(w, r)
	case "/token":
		p.token(w, r)
	case "/userinfo":
		if p.refuse || r.Header.Get("Authorization") != "Bearer "+fmt.Sprint("access", p.drawn) {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		claims := maps.Clone(p.claims)
		claims["sub"] = p.subject
		if !p.inUserInfo {
			delete(claims, "groups")
		}
		writeJSON(w, http.StatusOK, claims)
	}
}

func (p *idp) authorize(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("response_type") != "code" || r.FormValue("code_challenge_method") != "S256" ||
		r.FormValue("nonce") == "" {
		http.Error(w, "not as we want it", http.StatusBadRequest)
		return
	}
	p.drawn++
	code := fmt.Sprint("code", p.drawn)
	p.nonces[code], p.verifiers[code] = r.FormValue("nonce"), r.FormValue("code_challenge")
	to, _ := url.Parse(r.FormValue("redirect_uri"))
	to.RawQuery = url.Values{"code": {code}, "state": {r.FormValue("state")}}.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	id, _ = url.QueryUnescape(id) // RFC 6749, 2.3.1
	secret, _ = url.QueryUnescape(secret)
	if p.post {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	if id != "bereikbaar" || secret != "geheim!" {
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	nonce, ok := "", !p.refuse
	switch r.FormValue("grant_type") {
	case "authorization_code":
		code := r.FormValue("code")
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		ok = ok && p.verifiers[code] != "" && p.verifiers[code] == b64(sum[:])
		nonce = p.nonces[code]
		delete(p.verifiers, code) // once
	case "refresh_token":
		old := r.FormValue("refresh_token")
		if used, known := p.refreshes[old]; known && !used { // a stolen one: nothing counts any more
			clear(p.refreshes)
		}
		ok = ok && p.refreshes[old]
		if ok {
			p.refreshes[old] = false
		}
	default:
		ok = false
	}
	if !ok {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	p.drawn++
	answer := map[string]any{"access_token": fmt.Sprint("access", p.drawn), "token_type": "Bearer", "expires_in": 300}
	if nonce != "" || !p.bare {
		answer["id_token"] = p.idToken(nonce)
	}
	if p.refresh {
		next := fmt.Sprint("refresh", p.drawn)
		p.refreshes[next] = true
		answer["refresh_token"] = next
	}
	writeJSON(w, http.StatusOK, answer)
}

func (p *idp) idToken(nonce string) string {
	claims := maps.Clone(p.claims)
	if p.inUserInfo {
		delete(claims, "groups")
	}
	now := time.Now()
	maps.Copy(claims, map[string]any{
		"iss": p.server.URL, "sub": p.subject, "aud": "bereikbaar", "iat": now.Unix(),
		"exp": now.Add(5 * time.Minute).Unix(),
	})
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if p.change != nil {
		p.change(claims)
	}
	if p.sign != nil {
		return p.sign(claims)
	}
	return p.rs256(p.key, claims)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unsigned(header, claims map[string]any) string {
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(claims)
	return b64(h) + "." + b64(c)
}

func (p *idp) rs256(key *rsa.PrivateKey, claims map[string]any) string {
	text := unsigned(map[string]any{"alg": "RS256", "kid": "1", "typ": "JWT"}, claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	require.NoError(p.t, err)
	return text + "." + b64(signature)
}

func (p *idp) hs256(key []byte, claims map[string]any) string {
	text := unsigned(map[string]any{"alg": "HS256", "kid": "1", "typ": "JWT"}, claims)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + b64(mac.Sum(nil))
}

func (p *idp) es256(claims map[string]any) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(p.t, err)
	text := unsigned(map[string]any{"alg": "ES256", "kid": "1", "typ": "JWT"}, claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	require.NoError(p.t, err)
	return text + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func (p *idp) publicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(&p.key.PublicKey)
	require.NoError(p.t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// options let the house use the provider.
func (p *idp) options(o *signin.Options) {
	o.OIDC = &signin.OIDC{
		Issuer: p.server.URL, ClientID: "bereikbaar", ClientSecret: "geheim!", Scopes: []string{"profile", "email"},
		Name:         "Deventer",
		Claims:       signin.Claims{ID: "preferred_username", Name: "name", Email: "email", Groups: "groups"},
		Municipality: deventer,
		Groups: map[string]map[call.TeamID]staff.Role{
			"kcc-lead": {"kcc": staff.Lead}, "permits": {"vergunningen": staff.Agent}, "everybody": {"*": staff.Reader},
		},
	}
}

// at brings the browser to the provider and gives the address that leads back.
func (b *browser) at(p *idp, from string) string {
	b.t.Helper()
	there := b.get(from)
	require.Equal(b.t, http.StatusSeeOther, there.status, there.body)
	require.True(b.t, strings.HasPrefix(there.to, p.server.URL+"/authorize?"), there.to)
	back := b.do(b.request("GET", there.to, nil))
	require.Equal(b.t, http.StatusFound, back.status, back.body)
	return back.to
}
