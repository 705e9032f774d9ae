package listing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/listing"
)

func TestWordsByWhichANameIsFound(t *testing.T) {
	for name, words := range map[string][]string{
		"José van der Ven-Smit":           {"der", "jose", "smit", "van", "ven"},
		"  ÇELİK,  A. ":                   {"a", "celik"},
		"Zoë Zoë":                         {"zoe"},
		"O’Brien":                         {"brien", "o"},
		"Ｊａｎ":                             {"jan"},
		"":                                nil,
		" - ":                             nil,
		"a b c d e f g h i j k l m n o p": {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"},
	} {
		require.ElementsMatch(t, words, listing.Words(name), name)
	}
}
