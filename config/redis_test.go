package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/config"
)

func withRedis(t *testing.T, lines string) string {
	t.Helper()
	return write(t, changed(t, smallest, "agents:", "redis: "+lines+"\nagents:"))
}

func TestTheAddressesOfSentinels(t *testing.T) {
	path := withRedis(
		t,
		`{sentinel: {addresses: ["10.0.0.1:26379", "s2:26379"], master: deventer, username: bereikbaar}, tls: true, tls_server_name: redis.test}`,
	)
	cfg, err := config.Load(path, environment(
		"BEREIKBAAR_ARI_PASSWORD", "x7", "BEREIKBAAR_REDIS_SENTINEL_PASSWORD", "s8\n",
	))
	require.NoError(t, err)
	require.Empty(t, cfg.Redis.Address, "the default does not count")
	require.Equal(t, []string{"10.0.0.1:26379", "s2:26379"}, cfg.Redis.Sentinel.Addresses)
	require.Equal(t, "deventer", cfg.Redis.Sentinel.Master)
	require.Equal(t, "bereikbaar", cfg.Redis.Sentinel.Username)
	require.Equal(t, "s8", cfg.Redis.Sentinel.Password.Reveal())
	require.Contains(
		t, cfg.Warnings.Error(),
		"redis.sentinel.tls: the password of the sentinels goes over the network in plain text",
	)
	made, err := cfg.Redis.TLS.Client()
	require.NoError(t, err)
	require.Equal(t, "redis.test", made.ServerName)

	file := secretFile(t, t.TempDir(), "s9-hush\n", 0o600)
	path = withRedis(t, `{sentinel: {addresses: ["10.0.0.1:26379"], master: deventer, password_file: `+file+`}}`)
	cfg, err = config.Load(path, environment("BEREIKBAAR_ARI_PASSWORD", "x7"))
	require.NoError(t, err)
	require.Equal(t, "s9-hush", cfg.Redis.Sentinel.Password.Reveal())
	require.Contains(t, cfg.Warnings.Error(), "redis.sentinel: callers' telephone numbers go to Redis in plain text")
}

func TestFaultsInTheWayToRedis(t *testing.T) {
	for lines, want := range map[string]string{
		`{sentinel: {addresses: ["10.0.0.1:26379"]}}`:                                                     "redis.sentinel.master: it is missing",
		`{sentinel: {master: deventer}}`:                                                                  "redis.sentinel.addresses: it is missing",
		`{sentinel: {addresses: [sentinel1], master: deventer}}`:                                          `redis.sentinel.addresses[0]: "sentinel1" is not an address with a port`,
		`{sentinel: {addresses: ["a:1"], master: deventer, password: s9-hush}}`:                           "redis.sentinel.password: a password does not belong in this file",
		`{sentinel: {addresses: ["a:1"], master: "mijn redis"}}`:                                          "redis.sentinel.master: ",
		`{address: "127.0.0.1:6379", sentinel: {addresses: ["a:1"], master: deventer}}`:                   "redis.address: it does not count beside redis.sentinel",
		`{tls: true, tls_server_name: "redis.test:6379"}`:                                                 "redis.tls_server_name: ",
		`{tls_server_name: redis.test}`:                                                                   "redis.tls_server_name: it counts only for a connection that is encrypted",
		`{tls: true, tls_ca_file: ca.pem}`:                                                                `redis.tls_ca_file: "ca.pem" is not a full path`,
		`{tls: true, tls_ca_file: /nowhere/ca.pem}`:                                                       `redis.tls_ca_file: "/nowhere/ca.pem": it cannot be opened`,
		`{tls: true, tls_certificate_file: /nowhere/c.pem, tls_key_file: /nowhere/c.key}`:                 `redis.tls_certificate_file: "/nowhere/c.pem": it cannot be opened`,
		`{tls: true, address: /run/redis/s}`:                                                              "redis.tls: Redis does not encrypt a unix socket",
		`{sentinel: {addresses: ["a:1"], master: deventer, tls: true}, tls_ca_file: /etc/passwd}`:         `redis.tls_ca_file: "/etc/passwd" holds no certificate`,
		`{tls: true, tls_ca_file: /}`:                                                                     "it is not a regular file",
		`{sentinel: {addresses: ["a:1"], master: deventer, password_file: /nowhere/password}, tls: true}`: "redis.sentinel.password_file: ",
	} {
		_, err := config.Load(withRedis(t, lines), environment("BEREIKBAAR_ARI_PASSWORD", "x7"))
		require.ErrorContains(t, err, want, lines)
		require.NotContains(t, err.Error(), "s9-hush", lines)
	}
	_, err := config.Load(withRedis(t, `{tls: true, tls_ca_file: /nowhere/ca.pem}`), nil)
	require.NoError(t, err, "a command that talks to no server needs no files")
}
