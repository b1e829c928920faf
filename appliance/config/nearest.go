package config

import "strings"

// nearest is the known name that was most likely meant, or "" when none is near: at most a third of its letters differ.
func nearest(name string, known []string) string {
	name = strings.ToLower(name)
	best, least := "", len(name)
	for _, k := range known {
		if d := distance(name, strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	if least > (len(best)+2)/3 {
		return ""
	}
	return best
}

// didYouMean is the tail of an error about an unknown name.
func didYouMean(name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

// distance is the least number of letters to insert, drop, change or swap with their neighbour that makes a into b.
func distance(a, b string) int {
	var older []int
	before := make([]int, len(b)+1)
	for j := range before {
		before[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := before[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(before[j+1]+1, row[j]+1, change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], older[j-1]+1)
			}
		}
		older, before = before, row
	}
	return before[len(b)]
}
