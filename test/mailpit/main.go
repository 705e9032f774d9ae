// Command mailpit is a real SMTP server that keeps what it gets and shows it over HTTP, for tests of mail. It is a
// module of its own, so that none of its parts is in the product.
package main

import "github.com/axllent/mailpit/cmd"

func main() { cmd.Execute() }
