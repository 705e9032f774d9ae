package e2e

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"
)

// rigsPerCore is how many tests run at a time for each core. A call lasts as long as its prompts, and costs little;
// with more tests, sound gets lost that they listen to.
const rigsPerCore = 2

// TestMain runs more tests at a time than there are cores, unless -parallel says otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "test.parallel" })
	if !told {
		if err := flag.Set("test.parallel", strconv.Itoa(rigsPerCore*runtime.GOMAXPROCS(0))); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
