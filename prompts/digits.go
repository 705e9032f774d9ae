package prompts

import "strings"

// threeDigitAreas are the Dutch area codes of three digits; the others have four. Business (085, 088) and personal
// (084, 087) numbers are read alike. Source: Nummerplan telefoon- en ISDN-diensten.
const threeDigitAreas = "010 013 015 020 023 024 026 030 033 035 036 038 040 043 045 046 050 053 055 058 " +
	"070 071 072 073 074 075 076 077 078 079 084 085 087 088"

// longestGroup is how many digits people take in at once.
const longestGroup = 4

// phoneGroups cuts a telephone number into the groups that it is read in.
func phoneGroups(number string) []string {
	runs := strings.FieldsFunc(number, func(r rune) bool { return strings.ContainsRune(" -./()\u00a0", r) })
	var groups []string
	for _, run := range runs {
		run = onlyNumber(run)
		switch {
		case len(run) <= longestGroup:
			groups = append(groups, run)
		case len(runs) == 1:
			groups = append(groups, planGroups(run)...)
		default:
			groups = append(groups, pairs(run)...)
		}
	}
	return groups
}

// planGroups cuts a Dutch national number behind its area code, and any other number into pairs.
func planGroups(run string) []string {
	if len(run) != 10 || run[0] != '0' || run[1] == '0' {
		return pairs(run)
	}
	switch {
	case run[1] == '6':
		return pairs(run)
	case strings.Contains(threeDigitAreas, run[:3]):
		return []string{run[:3], run[3:6], run[6:8], run[8:]}
	}
	return append([]string{run[:4]}, pairs(run[4:])...)
}

// pairs cuts into groups of two; an odd one out makes the last group three. A plus does not count.
func pairs(run string) []string {
	var groups []string
	for len(run) > 3 {
		cut := 2
		if run[0] == '+' {
			cut = 3
		}
		groups, run = append(groups, run[:cut]), run[cut:]
	}
	if run != "" {
		groups = append(groups, run)
	}
	return groups
}

// spell reads groups digit by digit, a short pause between them.
func spell(groups []string) []ID {
	var parts []ID
	for _, group := range groups {
		if group == "" {
			continue
		}
		if len(parts) > 0 {
			parts = append(parts, PauseShort)
		}
		for _, sign := range group {
			parts = append(parts, signID(sign))
		}
	}
	return parts
}

func signID(sign rune) ID {
	if sign == '+' {
		return digitPlus
	}
	return digitID(sign)
}

func onlyDigits(s string) string { return keep(s, "0123456789") }

func onlyNumber(s string) string { return keep(s, "0123456789+") }

func keep(s, wanted string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(wanted, r) {
			return r
		}
		return -1
	}, s)
}
