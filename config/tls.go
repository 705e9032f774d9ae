package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"

	"github.com/bereikbaar/bereikbaar/plainfile"
)

// TLS says how an encrypted connection with Redis is made.
type TLS struct {
	CAFile          string // authorities for the certificate of Redis; empty for those that the machine trusts
	CertificateFile string // our own, for a Redis that asks for it; empty for none
	KeyFile         string // its key, which only its owner can read
	ServerName      string // in the certificate of Redis; empty for the host of its address

	credentials string // the directory of systemd, see plainfile.ReadPrivate
}

// TLSError is returned for a TLS file that cannot be used.
type TLSError struct {
	Key  string // of the configuration
	What string // what is wrong
	how  string

	unseen bool // see Off
}

// Error names the key and what is wrong.
func (e *TLSError) Error() string { return e.Key + ": " + e.What }

// Mend says how to put it right.
func (e *TLSError) Mend() string { return e.how }

// largestPEM bounds files of certificates: all authorities that a Linux trusts are a quarter of it.
const largestPEM = 1 << 20

const (
	keyCA          = "redis.tls_ca_file"
	keyCertificate = "redis.tls_certificate_file"
	keyKey         = "redis.tls_key_file"
)

// Client reads the files as they are now. Its error is a *TLSError.
func (t TLS) Client() (*tls.Config, error) {
	made := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile == "" {
		// Left out, they would be read during the first handshake. A machine without any fails there.
		made.RootCAs, _ = x509.SystemCertPool()
	} else {
		text, err := readPEM(keyCA, t.CAFile)
		if err != nil {
			return nil, err
		}
		made.RootCAs = x509.NewCertPool()
		if !made.RootCAs.AppendCertsFromPEM(text) {
			return nil, &TLSError{
				Key: keyCA, What: shown(t.CAFile) + " holds no certificate",
				how: "write the certificates of the authority in it, in PEM",
			}
		}
	}
	if t.CertificateFile == "" {
		return made, nil
	}
	certificate, err := t.certificate()
	if err != nil {
		return nil, err
	}
	made.Certificates = []tls.Certificate{certificate}
	return made, nil
}

func (t TLS) certificate() (tls.Certificate, error) {
	text, err := readPEM(keyCertificate, t.CertificateFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := plainfile.ReadPrivate(t.KeyFile, t.credentials, largestPEM)
	var exposed plainfile.ExposedError
	switch {
	case errors.As(err, &exposed):
		return tls.Certificate{}, &TLSError{
			Key: keyKey, What: shown(t.KeyFile) + ": " + err.Error(),
			how: "chmod 0400 or 0600 it, and have a new key made",
		}
	case err != nil:
		return tls.Certificate{}, &TLSError{
			Key: keyKey, What: shown(t.KeyFile) + ": " + err.Error(),
			how: "name a file that the daemon's user may read",
		}
	}
	pair, err := tls.X509KeyPair(text, key)
	if err != nil { // err does not repeat the content of the files
		return tls.Certificate{}, &TLSError{
			Key: keyKey, What: "it and " + keyCertificate + " are no pair: " + err.Error(),
			how: "name a certificate and its own key, in PEM and without a password",
		}
	}
	return pair, nil
}

func readPEM(key, path string) ([]byte, error) {
	fail := func(err error) ([]byte, error) {
		return nil, &TLSError{
			key, shown(path) + ": " + err.Error(), "name a file that the daemon's user may read", notForUs(path, err),
		}
	}
	f, err := plainfile.Open(path)
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, largestPEM+1))
	switch {
	case err != nil:
		return fail(fmt.Errorf("it cannot be read: %w", err))
	case len(text) > largestPEM:
		return fail(plainfile.ErrTooLarge)
	}
	return text, nil
}
