package redisstore

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
)

// mendable is an error that says how to mend it, such as one of a certificate file.
type mendable interface {
	error
	Mend() string
}

// mendOfConnection says what may mend a connection that could not be made, because certificates do not fit or sentinels
// do not say where Redis is. It is empty for other causes.
func mendOfConnection(err error) string {
	if m, ok := errors.AsType[mendable](err); ok {
		return m.Mend()
	}
	if errors.Is(err, errNoSentinel) {
		return mendOfSentinels(err)
	}
	if errors.Is(err, errNotPrimary) || errors.Is(err, errSwitched) {
		return "a failover is going on: wait; " +
			"when it does not end, the sentinels and Redis disagree, see SENTINEL MASTERS"
	}
	return mendOfTLS(err)
}

func mendOfSentinels(err error) string {
	text := err.Error()
	switch {
	case errors.Is(err, errNoSuchName):
		return "redis.sentinel.master must be the name that stands behind `sentinel monitor` in their configuration"
	case strings.Contains(text, "WRONGPASS"), strings.Contains(text, "NOAUTH"), strings.Contains(text, "NOPERM"):
		return "the sentinels refuse the user or password: see redis.sentinel.username and redis.sentinel.password_file"
	}
	if mend := mendOfTLS(err); mend != "" {
		return mend
	}
	return "do the sentinels run, and is redis.sentinel right: addresses, tls?"
}

func mendOfTLS(err error) string {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "the certificate of Redis is out of date: renew it (tls-cert-file in redis.conf), " +
			"or set the clock of this machine"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate of Redis is signed by no authority that this machine trusts: " +
			"name the authority's certificate in redis.tls_ca_file"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate of Redis is for another name: set redis.tls_server_name to a name that it is for, " +
			"or use such a name in the address"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "no TLS is spoken at this port: take the tls-port of Redis, or set redis.tls to false"
	}
	text := err.Error() // what the other side says has no type
	switch {
	case errors.Is(err, errWantsCertificate), strings.Contains(text, "tls: certificate required"):
		return "Redis wants a client certificate: " +
			"name it in redis.tls_certificate_file and its key in redis.tls_key_file"
	case errors.Is(err, errRefusesCertificate), strings.Contains(text, "remote error: tls: "):
		return "Redis refuses this end of the connection: " +
			"is redis.tls_certificate_file signed by its tls-ca-cert-file, and not out of date?"
	case errors.Is(err, errHandshake):
		return "no answer in TLS: no TLS is spoken at this port " +
			"(take the tls-port of Redis, or set redis.tls to false), or Redis is frozen"
	}
	return ""
}
