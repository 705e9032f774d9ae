package redisstore

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// States that a Redis in a test is hard to bring into, judged from the facts alone.
func TestJudge(t *testing.T) {
	good := func() facts {
		return facts{
			info: map[string]string{
				"redis_version": "7.0.15", "role": "master", "loading": "0", "aof_enabled": "1",
				"maxmemory_policy":      "noeviction",
				"aof_last_write_status": "ok", "aof_last_bgrewrite_status": "ok", "rdb_last_bgsave_status": "ok",
				"maxmemory": "0", "used_memory": "1000000",
			},
			config: map[string]string{"appendfsync": "always", "no-appendfsync-on-rewrite": "no"},
			reply:  time.Millisecond,
		}
	}
	require.Empty(t, judge(good()))
	info := func(field, value string) func(*facts) {
		return func(f *facts) { f.info = maps.Clone(f.info); f.info[field] = value }
	}
	tests := map[string]struct {
		change  func(*facts)
		setting string
		grave   bool
	}{
		"Redis of Debian 11":          {info("redis_version", "6.0.16"), "version", true},
		"something without a version": {info("redis_version", ""), "version", true},
		"it loads":                    {info("loading", "1"), "loading", true},
		"its disk is full":            {info("aof_last_write_status", "err"), "aof_last_write_status", true},
		"its log cannot be rewritten": {
			info("aof_last_bgrewrite_status", "err"), "aof_last_bgrewrite_status", false,
		},
		"a sentinel":                       {info("role", "sentinel"), "role", true},
		"its memory is full":               {func(f *facts) { f.info["maxmemory"] = "900000" }, "maxmemory", true},
		"its memory is nearly full":        {func(f *facts) { f.info["maxmemory"] = "1100000" }, "maxmemory", false},
		"a slow machine":                   {func(f *facts) { f.reply = 51 * time.Millisecond }, "latency", false},
		"its clock is ahead":               {func(f *facts) { f.skew = 3 * time.Second }, "clock", false},
		"its clock is behind":              {func(f *facts) { f.skew = -time.Hour }, "clock", false},
		"the user may not run two of ours": {func(f *facts) { f.missing = []string{"HSET", "ZADD"} }, "rights", true},
		"the configuration may not be read": {
			func(f *facts) { f.config, f.refused = nil, errors.New("NOPERM") }, "appendfsync", false,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := good()
			test.change(&f)
			problems := judge(f)
			require.Len(t, problems, 1, "%v", problems)
			require.Equal(t, test.setting, problems[0].Setting)
			require.Equal(t, test.grave, problems[0].Grave)
		})
	}
	for name, change := range map[string]func(*facts){
		"Redis 8":                  info("redis_version", "8.0.2"),
		"half a second is no skew": func(f *facts) { f.skew = 500 * time.Millisecond },
		"memory with room":         info("maxmemory", "2000000"),
	} {
		t.Run(name, func(t *testing.T) {
			f := good()
			change(&f)
			require.Empty(t, judge(f))
		})
	}
}

func TestParseInfo(t *testing.T) {
	require.Equal(t, map[string]string{"redis_version": "7.0.15", "executable": "/usr/bin/x:y", "empty": ""},
		parseInfo("# Server\r\nredis_version:7.0.15\r\n\r\nexecutable:/usr/bin/x:y\r\nempty:\r\nnonsense"))
	require.Empty(t, parseInfo(""))
}
