// Package deploy has the files that are installed beside the program, as far as the program compares an installation
// with them.
package deploy

import _ "embed"

// Extensions is asterisk/bereikbaar-extensions.conf: the dialplan that Bereikbaar needs. Its application is
// "bereikbaar".
//
//go:embed asterisk/bereikbaar-extensions.conf
var Extensions string
