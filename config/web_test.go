package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/config"
)

func TestTheAPI(t *testing.T) {
	cfg, err := config.Load(write(t, changed(t, smallest, "agents:", "listen: {web: \"0.0.0.0:8571\"}\nagents:")), nil)
	require.NoError(t, err)
	require.Empty(t, cfg.Warnings, "without a tokens file nobody listens there")
	require.Empty(t, cfg.Web.TokensFile)

	cfg, err = config.Load(
		write(
			t,
			changed(
				t, smallest, "agents:",
				"listen: {web: \"0.0.0.0:8571\"}\nweb: {tokens_file: /etc/tokens.yaml}\nagents:",
			),
		),
		nil,
	)
	require.NoError(t, err)
	require.Equal(t, "0.0.0.0:8571", cfg.Listen.Web)
	require.Equal(t, "/etc/tokens.yaml", cfg.Web.TokensFile)
	require.Len(t, cfg.Warnings, 1)
	require.Equal(t, "listen.web", cfg.Warnings[0].Key)
}

func TestTwoPortsThatCannotBothBeOpened(t *testing.T) {
	for name, test := range map[string]struct {
		operations, web string
		refused         bool
	}{
		"the same":                           {"127.0.0.1:9570", "127.0.0.1:9570", true},
		"one of them on every address":       {"127.0.0.1:9570", "0.0.0.0:9570", true},
		"on every address of the other kind": {"[::]:9570", "127.0.0.1:9570", true},
		"by another name":                    {"localhost:9570", "127.0.0.1:9570", true},
		"another port":                       {"127.0.0.1:9570", "127.0.0.1:9571", false},
		"another address":                    {"127.0.0.1:9570", "127.0.0.2:9570", false},
		"whichever is free":                  {"127.0.0.1:0", "127.0.0.1:0", false},
	} {
		t.Run(name, func(t *testing.T) {
			listen := "listen:\n  operations: \"" + test.operations + "\"\n  web: \"" + test.web + "\"\n"
			_, err := config.Load(write(t, changed(t, smallest, "agents:", listen+"agents:")), nil)
			require.NoError(t, err, "without a tokens file nobody listens there")
			_, err = config.Load(
				write(t, changed(t, smallest, "agents:", listen+"web: {tokens_file: /t.yaml}\nagents:")), nil,
			)
			if test.refused {
				require.ErrorContains(t, err, ":12: listen.web: it is the same port as listen.operations")
			} else {
				require.NoError(t, err)
			}
		})
	}
}
