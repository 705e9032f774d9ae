package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bereikbaar/bereikbaar/test/bench/fill"
)

// bytes measures what goes over the network, through the proxy that operators install: it compresses the HTML.
func (r *results) bytes(ctx context.Context, o *fill.Owner, s *subject, people []*person) error {
	b, err := s.behindTheProxy(ctx, o)
	if err != nil {
		return fmt.Errorf("the proxy of deploy/nginx: %w", err)
	}
	r.Further = map[string]int{}
	for _, kind := range kinds() {
		who := of(kind, people)[0]
		first, list, err := b.first(ctx, who)
		if err != nil {
			return err
		}
		r.First = max(r.First, first)
		for what, path := range map[string]string{
			"the next part of the work-list": links(list, `href="(/\?after=[^"]+)"`)[0],
			"a note":                         links(list, `href="(/notes/[0-9]+)"`)[0], "own settings": "/me",
		} {
			_, size, err := b.get(ctx, who, strings.ReplaceAll(path, "&amp;", "&"))
			if err != nil {
				return err
			}
			r.Further[what+", "+kind] = size
		}
	}
	return nil
}

// browser is outside the proxy, and counts what comes in.
type browser struct {
	client  *http.Client
	at      string
	arrived *atomic.Int64
}

// first gives the bytes of a visit with nothing in the cache: the page, what it names, and what that names. A browser
// leaves out fonts whose letters a page does not have.
func (b *browser) first(ctx context.Context, who *person) (all int, list string, err error) {
	list, all, err = b.get(ctx, who, "/")
	waiting := links(list, `(?:href|src)="(/static/[^"]+)"`)
	seen := map[string]bool{}
	for err == nil && len(waiting) > 0 {
		next := waiting[0]
		waiting = waiting[1:]
		if seen[next] {
			continue
		}
		seen[next] = true
		var text string
		var size int
		text, size, err = b.get(ctx, nil, next)
		all += size
		if path.Ext(next) == ".css" {
			for _, file := range links(text, `url\(([^):]+)\)`) {
				waiting = append(waiting, path.Join(path.Dir(next), file))
			}
		}
	}
	return all, list, err
}

// links gives what a pattern finds; never an empty list, so that a page without is an error of its address.
func links(text, pattern string) []string {
	var all []string
	for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	if len(all) == 0 {
		return []string{"/is-not-there"}
	}
	return slices.Compact(all)
}

// get gives a page as text, and the bytes of the answer with its headers.
func (b *browser) get(ctx context.Context, who *person, path string) (string, int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.at+path, nil)
	if err != nil {
		return "", 0, err
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Encoding", "gzip")
	if who != nil {
		r.AddCookie(who.cookie)
	}
	before := b.arrived.Load()
	answer, err := b.client.Do(r)
	if err != nil {
		return "", 0, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d", path, answer.StatusCode)
	}
	if err != nil {
		return "", 0, err
	}
	size := int(b.arrived.Load() - before)
	if answer.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return "", 0, err
		}
		raw, err = io.ReadAll(z)
		return string(raw), size, err
	}
	return string(raw), size, nil
}

// behindTheProxy starts the proxy as it is shipped before the daemon: only its port, its certificate, its log and the
// daemon's port are ours.
func (s *subject) behindTheProxy(ctx context.Context, o *fill.Owner) (*browser, error) {
	at, err := freeAddress()
	if err != nil {
		return nil, err
	}
	roots, err := certificate(s.dir)
	if err != nil {
		return nil, err
	}
	if err := s.writeProxy(at); err != nil {
		return nil, err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "nginx", "-p", s.dir, "-e", "stderr", "-c", filepath.Join(s.dir, "nginx.conf"))
	cmd.Stderr = &said
	ended, err := launch(cmd)
	if err != nil {
		return nil, fmt.Errorf("%w (dev/setup installs it)", err)
	}
	o.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", at)
		if err == nil {
			c.Close()
			return newBrowser(at, roots), nil
		}
		select {
		case <-ended:
			return nil, fmt.Errorf("it ended at once: %s", said.String())
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// writeProxy writes its files.
func (s *subject) writeProxy(at string) error {
	text, err := os.ReadFile(filepath.Join("deploy", "nginx", "bereikbaar.conf"))
	if err != nil {
		return err
	}
	for shipped, ours := range map[string]string{
		"listen 443 ssl http2;":           "listen " + at + " ssl http2;",
		"http://127.0.0.1:8570;":          "http://" + s.web + ";",
		"/etc/ssl/certs/bereikbaar.pem":   filepath.Join(s.dir, "cert.pem"),
		"/etc/ssl/private/bereikbaar.key": filepath.Join(s.dir, "key.pem"),
		"/var/log/nginx/error.log":        filepath.Join(s.dir, "error.log"),
	} {
		if !bytes.Contains(text, []byte(shipped)) {
			return fmt.Errorf("the shipped file has no %q", shipped)
		}
		text = bytes.ReplaceAll(text, []byte(shipped), []byte(ours))
	}
	around := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr warn; events {}
http {
	access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	%[2]s
}
`, s.dir, text)
	return os.WriteFile(filepath.Join(s.dir, "nginx.conf"), []byte(around), 0o600)
}

const proxyName = "bereikbaar.example.nl"

// certificate makes one that signs itself, and gives the pool that trusts it.
func certificate(dir string) (*x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	what := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: proxyName}, DNSNames: []string{proxyName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, what, what, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	open := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), open, 0o600); err != nil {
		return nil, err
	}
	hidden := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	if err := os.WriteFile(filepath.Join(dir, "key.pem"), hidden, 0o600); err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(open)
	return roots, nil
}

// newBrowser speaks HTTP/1.1, whose headers are the longer ones.
func newBrowser(at string, roots *x509.CertPool) *browser {
	arrived := &atomic.Int64{}
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: proxyName, MinVersion: tls.VersionTLS12}}
	return &browser{at: "https://" + proxyName, arrived: arrived, client: &http.Client{Transport: &http.Transport{
		DisableCompression: true,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, "tcp", at)
			return counted{c, arrived}, err
		},
	}}}
}

// counted is a connection whose incoming bytes are counted, inside the encryption.
type counted struct {
	net.Conn
	arrived *atomic.Int64
}

// Read implements net.Conn.
func (c counted) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	c.arrived.Add(int64(n))
	return n, err
}
