package plainfile

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheGroupBitsCountOutsideOfSystemdsCredentials(t *testing.T) {
	for name, test := range map[string]struct {
		path, credentials string
		exposing          os.FileMode
	}{
		"a file of one's own":                      {"/etc/bereikbaar/key", "", 0o077},
		"the service's own credential":             {"/run/other/key", "/run/other/", 0o007},
		"an operator reads that of the service":    {"/run/credentials/bereikbaar.service/key", "", 0o007},
		"a file that lies beside the services":     {"/run/credentials/key", "", 0o077},
		"a way out of the directory":               {"/run/credentials/bereikbaar.service/../../key", "", 0o077},
		"a directory that is called the same":      {"/tmp/run/credentials/bereikbaar.service/key", "", 0o077},
		"a directory below that of the credential": {"/run/other/more/key", "/run/other", 0o077},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.exposing, exposing(test.path, test.credentials)) })
	}
}
