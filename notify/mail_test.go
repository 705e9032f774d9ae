package notify

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/bereikbaar/bereikbaar/test/mailtest"
)

var aMail = Message{
	ID: "ntf_24345ba4d73681f7ce8b62042462b7d8", Kind: NewNote, Language: "nl", Address: "balie@deventer.nl",
	Subject: "Nieuwe terugbelnotitie 10000004", Body: "Kenmerk: 10000004\nStraße, één, café\n",
}

func to(s *mailtest.Server) SMTP {
	return SMTP{Host: s.Host, Port: s.Port, TLS: NoTLS, From: "bel@deventer.nl", Name: "Gemeente Deventer"}
}

func failureOf(t *testing.T, err error) SendError {
	t.Helper()
	var failed *SendError
	require.ErrorAs(t, err, &failed)
	require.NotContains(t, err.Error(), "balie@", "it may be logged")
	flat := *failed
	flat.Err = nil
	return flat
}

func TestARealServerTakesMail(t *testing.T) {
	server := mailtest.Start(t, "--enable-chaos")
	require.NoError(t, to(server).Send(t.Context(), aMail))
	letter := server.Await(1)[0]
	require.Equal(t, "balie@deventer.nl", letter.To)
	require.Equal(t, "bel@deventer.nl", letter.From)
	require.Equal(t, aMail.Subject, letter.Subject)
	require.Equal(t, aMail.ID+"@deventer.nl", letter.MessageID, "the same at each try")
	require.Contains(t, letter.Text, "Straße, één, café")
	require.Contains(t, letter.Raw, "Gemeente Deventer")
	require.Contains(t, letter.Raw, "Content-Language: nl")

	t.Run("and refuses one for now, and then takes it", func(t *testing.T) {
		server.Refuse(451)
		require.Equal(t, SendError{Failure: Refused, Code: 451}, failureOf(t, to(server).Send(t.Context(), aMail)))
		server.Refuse(550)
		require.Equal(t, SendError{Failure: Refused, Code: 550, Forever: true},
			failureOf(t, to(server).Send(t.Context(), aMail)))
		server.Refuse(0)
		require.NoError(t, to(server).Send(t.Context(), aMail))
		server.Await(2)
	})
	t.Run("and is away, and comes back", func(t *testing.T) {
		server.Stop()
		require.Equal(t, SendError{Failure: Unreachable, Lane: true},
			failureOf(t, to(server).Send(t.Context(), aMail)))
		server.Restart()
		require.NoError(t, to(server).Send(t.Context(), aMail))
		server.Await(3)
	})
}

func TestNoHeaderCanBePutIn(t *testing.T) {
	server := mailtest.Start(t)
	bad := aMail
	bad.Subject = "Nieuw\r\nBcc: spy@elsewhere.nl\r\n\r\nBody"
	from := to(server)
	from.Name = "Deventer\r\nX-Evil: 1"
	require.NoError(t, from.Send(t.Context(), bad))
	letter := server.Await(1)[0]
	head, _, _ := strings.Cut(letter.Raw, "\r\n\r\n")
	for _, line := range strings.Split(head, "\r\n") {
		require.False(t, strings.HasPrefix(line, "Bcc:") || strings.HasPrefix(line, "X-Evil"), line)
	}
	for _, address := range []string{
		"a@b.nl\r\nRCPT TO:<c@d.nl>", "a@b.nl, c@d.nl", "", "a b@c.nl", "a@b.nl\x00", "<a@b.nl> SIZE=1",
	} {
		bad := aMail
		bad.Address = address
		require.Equal(t, SendError{Failure: Refused, Forever: true}, failureOf(t, from.Send(t.Context(), bad)), address)
	}
	require.Len(t, server.Letters(), 1)
}

// authority makes a certificate for localhost, signed by nobody but itself, as a municipality's own may be.
func authority(t *testing.T) (certificate, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	rawKey, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "smtp.pem"), filepath.Join(dir, "smtp.key")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	require.NoError(t, os.WriteFile(certificate, text, 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: rawKey}), 0o600))
	roots = x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(text))
	return certificate, key, roots
}

func passwords(t *testing.T) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("geheim-7"), bcrypt.MinCost)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "passwords")
	require.NoError(t, os.WriteFile(file, []byte("bereikbaar:"+string(hash)+"\n"), 0o600))
	return file
}

func TestMailGoesEncryptedAndSignedIn(t *testing.T) {
	certificate, key, roots := authority(t)
	for mode, flag := range map[TLSMode]string{
		StartTLS: "--smtp-require-starttls", ImplicitTLS: "--smtp-require-tls",
	} {
		t.Run(string(mode), func(t *testing.T) {
			server := mailtest.Start(t, flag, "--smtp-tls-cert", certificate, "--smtp-tls-key", key,
				"--smtp-auth-file", passwords(t))
			s := to(server)
			s.Host, s.TLS, s.Roots, s.Username, s.Password = "localhost", mode, roots, "bereikbaar", "geheim-7"
			require.NoError(t, s.Try(t.Context()))
			require.NoError(t, s.Send(t.Context(), aMail))
			server.Await(1)

			wrong := s
			wrong.Password = "geheim-8"
			require.Equal(t, SignIn, failureOf(t, wrong.Try(t.Context())).Failure)
			failed := failureOf(t, wrong.Send(t.Context(), aMail))
			require.Equal(t, SendError{Failure: SignIn, Code: 535, Lane: true}, failed)
			stranger := s
			stranger.Roots = nil
			failed = failureOf(t, stranger.Send(t.Context(), aMail))
			require.Equal(t, Unreachable, failed.Failure, "an unknown authority")
			other := s
			other.Host = "127.0.0.1" // the certificate is not for it
			require.Equal(t, Unreachable, failureOf(t, other.Send(t.Context(), aMail)).Failure)
			require.Len(t, server.Letters(), 1)
		})
	}
	t.Run("never in plain text", func(t *testing.T) {
		server := mailtest.Start(t)
		s := to(server)
		s.TLS = StartTLS
		require.Equal(t, SendError{Failure: Unreachable, Lane: true}, failureOf(t, s.Send(t.Context(), aMail)))
		require.Empty(t, server.Letters())
	})
	t.Run("signed in on this machine", func(t *testing.T) {
		server := mailtest.Start(t, "--smtp-auth-file", passwords(t), "--smtp-auth-allow-insecure")
		s := to(server)
		failed := failureOf(t, s.Send(t.Context(), aMail))
		require.Equal(t, SignIn, failed.Failure, "the server wants a user")
		require.True(t, failed.Lane)
		s.Username, s.Password = "bereikbaar", "geheim-7"
		require.NoError(t, s.Send(t.Context(), aMail))
		server.Await(1)
	})
}

// A server that answers a byte at a time ends with the try.
func TestAServerThatDawdlesEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("220 localhost\r\n")) // it may be gone
		_, _ = bufio.NewReader(conn).ReadString(0)     // until the other side goes
	}()
	s := SMTP{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: NoTLS, From: "bel@deventer.nl"}
	ctx, cancel := contextOf(t, 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	failed := failureOf(t, s.Send(ctx, aMail))
	require.Equal(t, SendError{Failure: Unreachable, Lane: true}, failed)
	require.Less(t, time.Since(begun), 10*time.Second)
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("its connection stays open")
	}
}

func contextOf(t *testing.T, limit time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), limit)
}
