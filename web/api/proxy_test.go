package api_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/storetest"
	"github.com/bereikbaar/bereikbaar/web/api"
)

// behindTheProxy puts the proxy of the manual, as it is shipped, before the API: only its port, its certificate and the
// API's port are the test's, and its log, which it gives.
func behindTheProxy(t *testing.T, d *desk) (errorLog string) {
	t.Helper()
	dir := t.TempDir()
	errorLog = filepath.Join(dir, "error.log")
	roots := certificate(t, dir, "bereikbaar.example.nl")
	port := freePort(t)
	text, err := os.ReadFile("../../deploy/nginx/bereikbaar.conf")
	require.NoError(t, err)
	for shipped, ours := range map[string]string{
		"listen 443 ssl http2;":           fmt.Sprintf("listen 127.0.0.1:%d ssl http2;", port),
		"http://127.0.0.1:8570;":          d.url + ";",
		"/etc/ssl/certs/bereikbaar.pem":   filepath.Join(dir, "cert.pem"),
		"/etc/ssl/private/bereikbaar.key": filepath.Join(dir, "key.pem"),
		"/var/log/nginx/error.log":        errorLog,
	} {
		require.Positive(t, bytes.Count(text, []byte(shipped)), shipped)
		text = bytes.ReplaceAll(text, []byte(shipped), []byte(ours))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "site.conf"), text, 0o600))
	around := fmt.Sprintf("daemon off; master_process off; pid %[1]s/pid; error_log stderr warn; events {}\nhttp { access_log off;\n"+
		"client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n"+
		"include %[1]s/site.conf; }\n", dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(around), 0o600))
	var said bytes.Buffer
	nginx := exec.Command("nginx", "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf"))
	nginx.Stderr = &said
	require.NoError(t, nginx.Start(), "dev/setup installs it")
	address := fmt.Sprintf("127.0.0.1:%d", port)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
	}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		_ = nginx.Process.Kill()
		_ = nginx.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, 20*time.Second, 10*time.Millisecond)
	d.url, d.client = "https://bereikbaar.example.nl", client
	return errorLog
}

// certificate makes one that signs itself, and gives the pool that trusts it.
func certificate(t *testing.T, dir, name string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	what := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, what, what, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	open := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cert.pem"), open, 0o600))
	require.NoError(t, os.WriteFile(
		filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600,
	))
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(open))
	return roots
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// The proxy tags a compressed answer weakly, and a change with that tag is a change of the version that was seen.
func TestAChangeThroughTheProxyOfTheManual(t *testing.T) {
	d := open(t)
	n := d.note(permits)
	behindTheProxy(t, d)
	seen := d.asks("cem", http.MethodGet, "/api/notes/"+string(n.ID), "") // the client asks for gzip by itself
	require.True(t, seen.Uncompressed, "the proxy compresses")
	tag := seen.Header.Get("ETag")
	require.Equal(t, `W/"1"`, tag)
	require.Equal(t, "max-age=31536000", seen.Header.Get("Strict-Transport-Security"))
	claimed := d.asks("cem", http.MethodPost, "/api/notes/"+string(n.ID)+"/claim", "", "If-Match", tag)
	require.Equal(t, http.StatusOK, claimed.StatusCode, "%s", claimed.body)
	late := d.asks("dirkje", http.MethodPost, "/api/notes/"+string(n.ID)+"/claim", "", "If-Match", tag)
	require.Equal(t, uint64(2), late.problem(t, http.StatusConflict, "stale").Ver, "somebody else was first")

	for range 12 { // each as its own address, not the proxy's
		d.asks("nobody", http.MethodGet, "/api/me", "", "Authorization", "Bearer wrong", "X-Forwarded-For", "192.0.2.1")
	}
	require.Contains(t, d.log.String(), `"a token was refused","address":"127.0.0.1"`)
	require.NotContains(t, d.log.String(), "192.0.2.1", "no client chooses its own address")
}

// While the daemon is away the proxy answers by itself, and writes down no address: one may hold the number of a
// caller, or a first-run link that still works. Browsers come back over https alone.
func TestTheProxyOfTheManualWhileTheDaemonIsAway(t *testing.T) {
	d := open(t)
	d.url = fmt.Sprintf("http://127.0.0.1:%d", freePort(t)) // where nobody listens
	there := behindTheProxy(t, d)
	for _, path := range []string{"/api/notes?number=0612345678", "/sign-in/first/anouk~geheim"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+path, nil)
		require.NoError(t, err)
		got, err := d.client.Do(r)
		require.NoError(t, err)
		require.NoError(t, got.Body.Close())
		require.Equal(t, http.StatusBadGateway, got.StatusCode)
		require.Equal(t, "max-age=31536000", got.Header.Get("Strict-Transport-Security"))
	}
	log, err := os.ReadFile(there)
	require.NoError(t, err)
	require.NotContains(t, string(log), "12345678")
	require.NotContains(t, string(log), "geheim")
}

// halfExport gives notes, and then fails.
type halfExport struct {
	storetest.Exports
	first chan struct{} // is closed when the reader has the first batch
}

func (h halfExport) EachLive(
	ctx context.Context, m call.MunicipalityID, wanted func(call.TeamID) bool, take func([]note.Note) error,
) error {
	if err := h.Exports.EachLive(ctx, m, wanted, take); err != nil {
		return err
	}
	select {
	case <-h.first:
	case <-ctx.Done():
		return ctx.Err()
	}
	return errors.New("the rest cannot be read")
}

// An export comes through the proxy as it is read, and one that is cut off has no end there either.
func TestAnExportThroughTheProxyOfTheManual(t *testing.T) {
	first := make(chan struct{})
	d := open(t, func(o *api.Options) { o.Exports = halfExport{o.Exports.(storetest.Exports), first} })
	n := d.note(permits)
	behindTheProxy(t, d)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/api/export", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+d.tokens["lead"])
	got, err := d.client.Do(r)
	require.NoError(t, err)
	defer got.Body.Close()
	require.True(t, got.Uncompressed)
	line := make([]byte, 40)
	_, err = io.ReadFull(got.Body, line)
	require.NoError(t, err, "the first notes are there while the rest is still read")
	require.True(t, strings.HasPrefix(string(line), `{"id":"`+string(n.ID)), string(line))
	close(first)
	_, err = io.ReadAll(got.Body)
	require.Error(t, err, "half a file is not taken for a whole one")
}
