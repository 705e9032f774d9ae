package e2e

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"
)

// rigsPerCore is how many tests run at a time for each core. A call takes as long as its prompts take to be spoken, and
// costs little meanwhile; with more, sound gets lost that tests listen to.
const rigsPerCore = 2

// TestMain runs more tests at a time than there are cores, unless -parallel says otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	cores := runtime.GOMAXPROCS(0)
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == strconv.Itoa(cores) {
		if err := parallel.Value.Set(strconv.Itoa(rigsPerCore * cores)); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
