package redisstore

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// WithoutVersions takes the one check of the version out of the script that changes notes, until the test ends: what
// tests of claims must find out.
func WithoutVersions(tb testing.TB) {
	tb.Helper()
	const check = "if ver ~= follows then"
	require.Equal(tb, 1, strings.Count(advanceSource, check))
	whole := advanceScript
	advanceScript = redis.NewScript(commonSource + strings.Replace(advanceSource, check, "if false then", 1))
	tb.Cleanup(func() { advanceScript = whole })
}

// What a measurement past the store needs.
var (
	MakeSource    = commonSource + makeSource
	MakeArguments = makeArguments
)
