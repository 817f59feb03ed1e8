package cohort

import (
	"fmt"
	"math"
	"sort"
	"strings"
)

// What an item is, against what the whole set is: rules that no item can break alone.

// ExpectSpec is what a recipe says that its items are; what is left open is learnt from the set itself.
type ExpectSpec struct {
	Modality []string `yaml:"modality,omitempty"`  // DICOM's: US, CT, MR, …
	BodyPart []string `yaml:"body_part,omitempty"` // DICOM's: CHEST, HEART, …
}

const (
	leastKnown    = 10  // items that must say what they are before the most frequent answer is the rule
	leastMajority = 0.8 // share of them that must agree
	tiltLimit     = 1.0 // degrees
)

// kinds are the header's words on what an item is.
var kinds = []struct {
	rule, keyword, words string
	expected             func(*ExpectSpec) []string
}{
	{"wrong modality", "Modality", "modality", func(e *ExpectSpec) []string { return e.Modality }},
	{"wrong body part", "BodyPartExamined", "body part", func(e *ExpectSpec) []string { return e.BodyPart }},
}

// kindDoubts are the items whose modality or body part is not what the recipe says, or, where it says nothing, not that of almost all others.
// Items whose header says nothing are not doubted.
func kindDoubts(facts []Facts, expect *ExpectSpec, doubt func(i int, rule, reason string)) {
	if expect == nil {
		expect = &ExpectSpec{}
	}
	for _, k := range kinds {
		count, known := map[string]int{}, 0
		said := make([]string, len(facts))
		for i, f := range facts {
			if said[i] = kindWord(f.Tags[k.keyword]); said[i] != "" && f.Unreadable == "" {
				count[said[i]]++
				known++
			}
		}
		allowed, why := map[string]bool{}, ""
		if want := k.expected(expect); len(want) > 0 {
			for _, w := range want {
				allowed[kindWord(w)] = true
			}
			why = "the recipe expects " + strings.Join(want, " or ")
		} else if most, n := mostFrequent(count); known >= leastKnown && float64(n) >= leastMajority*float64(known) {
			allowed[most] = true
			why = fmt.Sprintf("%.0f %% of the %d items that say one are %s", 100*float64(n)/float64(known), known, most)
		} else {
			continue
		}
		for i, word := range said {
			if word != "" && facts[i].Unreadable == "" && !allowed[word] {
				doubt(i, k.rule, fmt.Sprintf("%s %s: %s", k.words, word, why))
			}
		}
	}
}

// kindWord is a code string's letters, so that "WHOLE BODY" is WHOLEBODY.
func kindWord(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '_' || r == '-' {
			return -1
		}
		return r
	}, strings.ToUpper(s))
}

// mostFrequent is the word said most often; the first by letters of equals.
func mostFrequent(count map[string]int) (word string, n int) {
	words := make([]string, 0, len(count))
	for w := range count {
		words = append(words, w)
	}
	sort.Strings(words)
	for _, w := range words {
		if count[w] > n {
			word, n = w, count[w]
		}
	}
	return word, n
}

// stackDoubts are what the positions of an item's slices say: gaps, uneven distances, a tilted gantry.
func stackDoubts(f Facts, doubt func(rule, format string, args ...any)) {
	if s := f.Stack; s != nil {
		if s.Missing > 0 {
			doubt("missing slices", "%d slices %.2f mm apart have a gap of %.2f mm: about %d are missing", s.Slices, s.StepMM, s.GapMM, s.Missing)
		}
		if s.Uneven > 0 {
			doubt("uneven slices", "%d of %d distances between slices differ from %.2f mm; the largest is %.2f mm", s.Uneven, s.Slices-1, s.StepMM, s.GapMM)
		}
	}
	if f.TiltDeg > tiltLimit {
		doubt("tilted gantry", "each slice lies off the one before by %.1f° (limit %g°): the stack is sheared, and resampling takes it for a box", f.TiltDeg, tiltLimit)
	}
}

// sliceGap is how many slice thicknesses lie between slices, for comparison with the others; NaN where the header does not say.
func sliceGap(f Facts) float64 {
	var thickness float64
	if _, err := fmt.Sscan(f.Tags["SliceThickness"], &thickness); err != nil || thickness <= 0 {
		return math.NaN()
	}
	return math.Log(known(f.SpacingMM[0]) / thickness)
}

// pixelShape is the logarithm of a pixel's height over its width; NaN where it is unknown.
func pixelShape(f Facts) float64 { return math.Log(known(f.SpacingMM[1]) / known(f.SpacingMM[2])) }
