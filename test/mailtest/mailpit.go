// Package mailtest runs a real SMTP server, mailpit, as its own process, and reads what it got.
package mailtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/root"
)

// binary builds mailpit once per test process; it is a module of its own, so that none of its parts is in the product.
var binary = sync.OnceValues(func() (string, error) {
	source, err := root.Source()
	if err != nil {
		return "", err
	}
	path := filepath.Join(source, "build", "mailpit")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = filepath.Join(source, "test", "mailpit")
	cmd.Env = append(os.Environ(), "GOFLAGS=") // that module has its own go.mod
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building mailpit: %w\n%s", err, output)
	}
	return path, nil
})

// Server is a mailpit on ports of its own.
type Server struct {
	Host string // of SMTP
	Port int

	t       testing.TB
	web     string
	args    []string
	process *exec.Cmd
}

// Start starts a server with more flags of mailpit. It ends with the test.
func Start(t testing.TB, flags ...string) *Server {
	t.Helper()
	program, err := binary()
	require.NoError(t, err)
	s := &Server{Host: "127.0.0.1", Port: free(t), t: t, web: fmt.Sprint("127.0.0.1:", free(t))}
	s.args = append([]string{
		program, "--smtp", fmt.Sprint(s.Host, ":", s.Port), "--listen", s.web, "--smtp-disable-rdns",
		"--disable-version-check", "--database", filepath.Join(t.TempDir(), "mail.db"),
	}, flags...)
	s.Restart()
	t.Cleanup(s.Stop)
	return s
}

func free(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Restart starts the server again, with what it had got before.
func (s *Server) Restart() {
	s.t.Helper()
	s.process = exec.Command(s.args[0], s.args[1:]...)
	var said bytes.Buffer
	s.process.Stdout, s.process.Stderr = &said, &said
	require.NoError(s.t, s.process.Start())
	require.Eventually(s.t, func() bool {
		c, err := net.Dial("tcp", fmt.Sprint(s.Host, ":", s.Port))
		if err != nil {
			return false
		}
		c.Close()
		answer, err := http.Get("http://" + s.web + "/readyz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, 30*time.Second, 10*time.Millisecond, &said)
}

// Stop ends the server.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGTERM) // it may be gone
	_ = s.process.Wait()
	s.process = nil
}

// Letter is a mail that the server got.
type Letter struct {
	ID        string
	MessageID string
	From, To  string
	Subject   string
	Text      string
	Raw       string // with its headers
}

// Letters gives all mail, the oldest first.
func (s *Server) Letters() []Letter {
	s.t.Helper()
	type address struct{ Address string }
	var list struct {
		Messages []struct {
			ID, MessageID, Subject string
			From                   address
			To                     []address
		} `json:"messages"`
	}
	s.get("/api/v1/messages?limit=500", &list)
	var letters []Letter
	for _, m := range list.Messages {
		var whole struct{ Text string }
		s.get("/api/v1/message/"+m.ID, &whole)
		letter := Letter{ID: m.ID, MessageID: m.MessageID, From: m.From.Address, Subject: m.Subject, Text: whole.Text}
		if len(m.To) > 0 {
			letter.To = m.To[0].Address
		}
		letter.Raw = s.text("/api/v1/message/" + m.ID + "/raw")
		letters = append([]Letter{letter}, letters...)
	}
	return letters
}

// Await waits until the server has so many letters, and gives them.
func (s *Server) Await(count int) []Letter {
	s.t.Helper()
	var letters []Letter
	require.Eventually(s.t, func() bool {
		letters = s.Letters()
		return len(letters) >= count
	}, 60*time.Second, 20*time.Millisecond)
	return letters
}

// Refuse makes the server answer recipients with an SMTP code, or take them again with 0. It needs --enable-chaos.
func (s *Server) Refuse(code int) {
	s.t.Helper()
	often := 100
	if code == 0 {
		code, often = 451, 0
	}
	body, err := json.Marshal(map[string]any{"Recipient": map[string]int{"ErrorCode": code, "Probability": often}})
	require.NoError(s.t, err)
	r, err := http.NewRequest(http.MethodPut, "http://"+s.web+"/api/v1/chaos", bytes.NewReader(body))
	require.NoError(s.t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	require.Equal(s.t, http.StatusOK, answer.StatusCode)
}

func (s *Server) get(path string, into any) {
	s.t.Helper()
	require.NoError(s.t, json.Unmarshal([]byte(s.text(path)), into))
}

func (s *Server) text(path string) string {
	s.t.Helper()
	answer, err := http.Get("http://" + s.web + path)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, answer.StatusCode, string(text))
	return string(text)
}
