package config

import "strings"

// Redis says where the callback notes are kept.
type Redis struct {
	Address   string // host:port, or the absolute path of a unix socket; empty with Sentinel
	Username  string // empty for Redis's default user
	Password  Secret // empty for none
	Database  int
	Encrypted bool
	TLS       TLS       // of encrypted connections, those with sentinels included
	Sentinel  *Sentinel // nil for the one Redis of Address
}

// Sentinel names the sentinels, which know the primary Redis.
type Sentinel struct {
	Addresses []string // host:port
	Master    string   // their name for it
	Username  string   // empty for a sentinel's default user
	Password  Secret   // empty for none
	Encrypted bool
}

// redis takes over the way to Redis. The TLS files are checked with the secrets.
func (b *builder) redis() {
	f := b.form.Redis
	r := Redis{
		Address: f.Address, Username: f.Username, Database: f.Database, Encrypted: f.TLS,
		TLS: TLS{CAFile: f.CAFile, CertificateFile: f.CertificateFile, KeyFile: f.KeyFile, ServerName: f.ServerName},
	}
	if s := f.Sentinel; s != nil {
		r.Address = ""
		r.Sentinel = &Sentinel{Addresses: s.Addresses, Master: s.Master, Username: s.Username, Encrypted: s.TLS}
		if b.doc.has("redis.address") {
			b.doc.problem(
				"redis.address", "it does not count beside redis.sentinel, which knows where Redis is",
				"leave one of the two out",
			)
		}
	}
	b.cfg.Redis = r
	b.redisTLS()
}

func (b *builder) redisTLS() {
	r := b.cfg.Redis
	encrypted := r.Encrypted || r.Sentinel != nil && r.Sentinel.Encrypted
	for _, key := range []string{keyCA, keyCertificate, keyKey, "redis.tls_server_name"} {
		if b.doc.has(key) && !encrypted {
			b.doc.problem(
				key, "it counts only for a connection that is encrypted", "set redis.tls: true, or leave it out",
			)
		}
	}
	switch {
	case r.TLS.CertificateFile != "" && r.TLS.KeyFile == "":
		b.doc.problem(keyCertificate, "there is no key for it", "name the file of its key under redis.tls_key_file")
	case r.TLS.CertificateFile == "" && r.TLS.KeyFile != "":
		b.doc.problem(
			keyKey, "there is no certificate for it",
			"name the file of its certificate under redis.tls_certificate_file",
		)
	}
	if r.Encrypted && strings.HasPrefix(r.Address, "/") {
		b.doc.problem(
			"redis.tls", "Redis does not encrypt a unix socket", "leave it out, or write host:port in redis.address",
		)
	}
}

// tlsFiles checks that the TLS files can be used.
func (b *builder) tlsFiles(credentials string) {
	r := &b.cfg.Redis
	r.TLS.credentials = credentials
	if !r.Encrypted && (r.Sentinel == nil || !r.Sentinel.Encrypted) ||
		r.TLS.CertificateFile != "" && r.TLS.KeyFile == "" {
		return
	}
	if _, err := r.TLS.Client(); err != nil {
		if fault, ok := err.(*TLSError); ok { //nolint:errorlint // Client returns no other
			b.doc.problem(fault.Key, fault.What, fault.how)
		}
	}
}

// exposedRedis warns of connections with Redis or its sentinels that can be overheard.
func (b *builder) exposedRedis() {
	r := b.cfg.Redis
	if s := r.Sentinel; s != nil {
		if !r.Encrypted {
			b.doc.warn(
				"redis.sentinel",
				"callers' telephone numbers go to Redis in plain text when it is on another machine, as it is after a failover",
				"set redis.tls: true",
			)
		}
		if !s.Encrypted && !s.Password.Empty() {
			b.doc.warn(
				"redis.sentinel.tls", "the password of the sentinels goes over the network in plain text",
				"set redis.sentinel.tls: true",
			)
		}
		return
	}
	if !strings.HasPrefix(r.Address, "/") && !loopback(hostOf(r.Address)) && !r.Encrypted {
		b.doc.warn(
			"redis.address", "callers' telephone numbers go over the network in plain text",
			"set redis.tls: true, or run Redis on this machine",
		)
	}
}
