package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// TLSMode says how a connection with the SMTP server is encrypted.
type TLSMode string

// The modes. Every one but NoTLS refuses a server that does not encrypt, or whose certificate is not in order.
const (
	StartTLS    TLSMode = "starttls"
	ImplicitTLS TLSMode = "tls"
	NoTLS       TLSMode = "none"
)

// SMTP is the server that takes our mail.
type SMTP struct {
	Host     string
	Port     int
	TLS      TLSMode
	Roots    *x509.CertPool // nil for those of the system
	From     string         // the address
	Name     string         // of the sender, as people read it
	Username string         // empty for none
	Password string
}

// LogValue keeps user and password out of logs.
func (s SMTP) LogValue() slog.Value { return slog.StringValue(s.Host) }

// Try connects, encrypts and signs in, and sends nothing. Its error is a *SendError.
func (s SMTP) Try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	client, err := s.connected(ctx)
	if err != nil {
		return err
	}
	_ = client.Close() // it has answered already
	return nil
}

// Send implements Sender.
func (s SMTP) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	letter, err := s.letter(m)
	if err != nil {
		return &SendError{Failure: Refused, Forever: true, Err: errors.New("its address or sender is not one of mail")}
	}
	client, err := s.connected(ctx)
	if err != nil {
		return err
	}
	err = client.Send(letter)
	_ = client.Close()                       // it has answered already
	if err != nil && !letter.IsDelivered() { // what fails after it was taken does not matter
		return answered(err)
	}
	return nil
}

func (s SMTP) letter(m Message) (*mail.Msg, error) {
	letter := mail.NewMsg(mail.WithNoDefaultUserAgent())
	err := errors.Join(letter.FromFormat(plain(s.Name), s.From), letter.To(m.Address))
	if err != nil || strings.ContainsFunc(m.Address, func(r rune) bool { return r <= ' ' }) {
		return nil, errors.Join(err, errors.New("not an address"))
	}
	_, domain, _ := strings.Cut(s.From, "@")
	letter.Subject(plain(m.Subject))
	letter.SetMessageIDWithValue(m.ID + "@" + domain)
	letter.SetDateWithValue(time.Now())
	letter.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answer by a machine
	letter.SetGenHeader("Content-Language", plain(m.Language))
	letter.SetBodyString(mail.TypeTextPlain, m.Body)
	return letter, nil
}

// connected gives a client whose connection ends with ctx. Its error is a *SendError.
func (s SMTP) connected(ctx context.Context) (*mail.Client, error) {
	client, err := s.client(ctx)
	if err != nil {
		return nil, &SendError{Failure: Unreachable, Lane: true, Err: err}
	}
	if err := client.DialWithContext(ctx); err != nil {
		return nil, dialled(err)
	}
	return client, nil
}

func (s SMTP) client(ctx context.Context) (*mail.Client, error) {
	encrypted := &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12, RootCAs: s.Roots}
	options := []mail.Option{
		mail.WithPort(s.Port), mail.WithTLSConfig(encrypted), mail.WithTimeout(sendLimit),
		mail.WithDialContextFunc(s.dial(ctx, encrypted)),
	}
	switch s.TLS {
	case NoTLS:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	case ImplicitTLS:
		options = append(options, mail.WithSSL())
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.Username != "" {
		options = append(options, mail.WithUsername(s.Username), mail.WithPassword(s.Password), s.auth())
	}
	return mail.NewClient(s.Host, options...)
}

// auth takes the best way that the server offers. Without TLS, which is on this machine only, that is a plain password.
func (s SMTP) auth() mail.Option {
	if s.TLS == NoTLS {
		return mail.WithSMTPAuth(mail.SMTPAuthPlainNoEnc)
	}
	return mail.WithOpportunisticSMTPAuth(
		mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthCramMD5,
	)
}

// dial opens connections that end with all, so that a server that dawdles ends too: the library bounds each step only,
// and leaves a connection open that it could not use.
func (s SMTP) dial(all context.Context, encrypted *tls.Config) mail.DialContextFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		plain, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(all, func() { plain.Close() })
		if s.TLS != ImplicitTLS {
			return plain, nil
		}
		conn := tls.Client(plain, encrypted)
		if err := conn.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		return conn, nil
	}
}

// The codes of SMTP that we know. From codeAuthNeeded on, ten are about our user and password.
const (
	codeClosing    = 421
	codeAuthNeeded = 530
)

// dialled says why there is no connection that takes mail.
func dialled(err error) error {
	var said *textproto.Error
	if !errors.As(err, &said) {
		return &SendError{Failure: Unreachable, Lane: true, Err: err}
	}
	failure := Unreachable
	if said.Code >= codeAuthNeeded && said.Code < codeAuthNeeded+10 {
		failure = SignIn
	}
	return &SendError{Failure: failure, Code: said.Code, Lane: true}
}

// answered says what the server answered to a message. What is about us as senders, or about rights, an operator can
// mend; the rest of the 5xx is for good.
func answered(err error) error {
	var said *mail.SendError
	if !errors.As(err, &said) {
		return &SendError{Failure: Unreachable, Lane: true}
	}
	code := said.ErrorCode()
	switch {
	case code >= codeAuthNeeded && code < codeAuthNeeded+10:
		return &SendError{Failure: SignIn, Code: code, Lane: true}
	case code >= 400 && said.Reason == mail.ErrSMTPMailFrom, code == codeClosing:
		return &SendError{Failure: Refused, Code: code, Lane: true}
	case code >= 500:
		policy := strings.HasPrefix(said.EnhancedStatusCode(), "5.7.") // RFC 3463, such as a relay that is denied
		return &SendError{Failure: Refused, Code: code, Forever: !policy}
	case code >= 400:
		return &SendError{Failure: Refused, Code: code}
	case said.Reason == mail.ErrGetSender || said.Reason == mail.ErrGetRcpts || said.Reason == mail.ErrNoUnencoded:
		return &SendError{Failure: Refused, Forever: true}
	}
	return &SendError{Failure: Unreachable, Lane: true}
}
