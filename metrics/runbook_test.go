package metrics_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const operatingPage = "../docs/operating.md"

var heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)

// anchors are the headings of a page in the form in which links name them.
func anchors(t *testing.T, page string) map[string]bool {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	found := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(string(text), -1) {
		words := strings.ToLower(strings.TrimSpace(match[1]))
		words = regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(words, "")
		found[strings.ReplaceAll(words, " ", "-")] = true
	}
	return found
}

func TestEveryAlertFindsItsPartOfTheRunbook(t *testing.T) {
	there := anchors(t, operatingPage)
	alerts := 0
	for _, group := range ruleGroups(t) {
		for _, r := range group.Rules {
			if r.Alert == "" {
				continue
			}
			alerts++
			page, anchor, ok := strings.Cut(r.Annotations["runbook"], "#")
			require.True(t, ok, r.Alert)
			require.Equal(t, filepath.Base(operatingPage), filepath.Base(page), r.Alert)
			require.True(
				t, there[anchor], "%s sends its reader to #%s, which is no heading of %s", r.Alert, anchor, page,
			)
		}
	}
	require.Positive(t, alerts)
}

// block is what is typed or written into a file: no prose, and no links.
var block = regexp.MustCompile("(?s)```.*?```")

var link = regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)

func TestTheLinksOfTheOperatorsPageLeadSomewhere(t *testing.T) {
	text, err := os.ReadFile(operatingPage)
	require.NoError(t, err)
	links := link.FindAllStringSubmatch(block.ReplaceAllString(string(text), ""), -1)
	require.NotEmpty(t, links)
	for _, l := range links {
		page := operatingPage
		if l[1] != "" {
			page = filepath.Join(filepath.Dir(operatingPage), l[1])
		}
		require.FileExists(t, page)
		if l[2] != "" {
			require.True(t, anchors(t, page)[l[2]], l[0])
		}
	}
}

// shipped finds the files of the project that the page tells to install.
var shipped = regexp.MustCompile(`\bdeploy/[a-z0-9_./*-]+[a-z0-9]`)

func TestTheFilesThatTheOperatorIsToldToInstallAreThere(t *testing.T) {
	text, err := os.ReadFile(operatingPage)
	require.NoError(t, err)
	files := shipped.FindAllString(string(text), -1)
	require.NotEmpty(t, files)
	for _, file := range files {
		found, err := filepath.Glob(filepath.Join("..", file))
		require.NoError(t, err)
		require.NotEmpty(t, found, file)
	}
}
