package redistest

import (
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
	"time"

	"github.com/stretchr/testify/require"
)

// Authority signs a test's own certificates.
type Authority struct {
	// File holds its certificate, in PEM.
	File string

	tb          Owner
	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes an authority with files in dir.
func NewAuthority(tb Owner, dir string) *Authority {
	tb.Helper()
	a := &Authority{tb: tb, dir: dir, File: filepath.Join(dir, "ca.pem")}
	a.certificate = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority of a test"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	der, err := x509.CreateCertificate(rand.Reader, a.certificate, a.certificate, &a.key.PublicKey, a.key)
	require.NoError(tb, err)
	a.write(a.File, "CERTIFICATE", der)
	return a
}

// Sign writes a certificate and its key, for a host (a name or an address), valid for server and client until a time.
func (a *Authority) Sign(name, host string, until time.Time) (certificateFile, keyFile string) {
	a.tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.tb, err)
	made := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore:   time.Now().Add(-2 * time.Hour), NotAfter: until,
	}
	if ip := net.ParseIP(host); ip != nil {
		made.IPAddresses = []net.IP{ip}
	} else {
		made.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, made, a.certificate, &key.PublicKey, a.key)
	require.NoError(a.tb, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.tb, err)
	certificateFile, keyFile = filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	a.write(certificateFile, "CERTIFICATE", der)
	a.write(keyFile, "PRIVATE KEY", secret)
	return certificateFile, keyFile
}

func (a *Authority) write(path, kind string, der []byte) {
	a.tb.Helper()
	require.NoError(a.tb, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
