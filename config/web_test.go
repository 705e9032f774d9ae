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

	cfg, err = config.Load(write(t, changed(t, smallest, "agents:", "listen: {web: \"0.0.0.0:8571\"}\nweb: {tokens_file: /etc/tokens.yaml}\nagents:")), nil)
	require.NoError(t, err)
	require.Equal(t, "0.0.0.0:8571", cfg.Listen.Web)
	require.Equal(t, "/etc/tokens.yaml", cfg.Web.TokensFile)
	require.Len(t, cfg.Warnings, 1)
	require.Equal(t, "listen.web", cfg.Warnings[0].Key)
}
