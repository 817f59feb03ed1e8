package uncertainty

import (
	"fmt"
	"strings"
)

// Ways in which items of a line got their thresholds.
const (
	CommonThreshold = ""           // one for all
	OwnThreshold    = "own"        // learnt in the line's group alone (Mondrian)
	EveryThreshold  = "each group" // the largest of those of all the item's groups ([Groupwise])
)

// groupsOf takes columns' rows.
func groupsOf(groups map[string][]string, rows []int) map[string][]string {
	out := map[string][]string{}
	for g, v := range groups {
		out[g] = pick(v, rows)
	}
	return out
}

// lineOf is what sentences are made of.
type lineOf struct {
	name          string
	coverage      float64
	low, high     float64
	own, everyone bool // which threshold
	isGroup       bool
}

// promiseNote says in words where one threshold for all misses the promise, and whether thresholds by group keep it. It is empty
// without subgroups.
func promiseNote(lines []lineOf, alpha float64) string {
	missed := map[string][]string{}
	count := map[string]int{}
	for _, l := range lines {
		if !l.isGroup {
			continue
		}
		way := CommonThreshold
		switch {
		case l.own:
			way = OwnThreshold
		case l.everyone:
			way = EveryThreshold
		}
		count[way]++
		if Verdict(l.low, l.high, 1-alpha) == "missed" {
			missed[way] = append(missed[way], fmt.Sprintf("%s (%.3f, %.3f to %.3f)", l.name, l.coverage, l.low, l.high))
		}
	}
	if count[EveryThreshold] == 0 {
		return ""
	}
	if len(missed) == 0 && count[CommonThreshold] == 1 {
		return fmt.Sprintf("Coverage by subgroup, %.0f %% promised: the only subgroup with enough items does not fall short of it.", 100*(1-alpha))
	}
	if len(missed) == 0 {
		return fmt.Sprintf("Coverage by subgroup, %.0f %% promised: no subgroup of %d falls short of it, with one threshold for all or with thresholds of subgroups.", 100*(1-alpha), count[CommonThreshold])
	}
	say := func(way string) string {
		if len(missed[way]) == 0 {
			return fmt.Sprintf("no subgroup of %d falls short of it", count[way])
		}
		return fmt.Sprintf("%d of %d subgroups fall short of it by more than chance: %s", len(missed[way]), count[way], strings.Join(missed[way], ", "))
	}
	s := fmt.Sprintf("Coverage by subgroup, %.0f %% promised. One threshold for all: %s. ", 100*(1-alpha), say(CommonThreshold))
	if count[OwnThreshold] > 0 {
		s += fmt.Sprintf("The subgroup's own threshold: %s. ", say(OwnThreshold))
	}
	return s + fmt.Sprintf("The largest threshold of each item's subgroups: %s.", say(EveryThreshold))
}
