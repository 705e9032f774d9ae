// Package spelling finds the name that a misspelt word was meant to be.
package spelling

import "strings"

// Nearest is the known name that word most likely means, or empty when none is like it. Capitals in word do not count.
func Nearest[Name ~string](word Name, known []Name) Name {
	var best Name
	least := min(3, len(word)/2+1)
	for _, candidate := range known {
		if d := distance(strings.ToLower(string(word)), string(candidate), least); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance counts the letters to change, add, drop or swap with a neighbour to turn a into b, giving up at limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, above, row := rows[0], rows[1], rows[2]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		rows = [3][]int{above, row, before}
	}
	return rows[1][len(b)]
}
