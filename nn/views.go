package nn

import "slices"

// Views says which clips of the studies of a batch are there. Networks of several views get x as [N·V, C, T, H, W], slot by slot, study by
// study; what stands in the slots that are not present is never looked at. x may also hold the present slots alone, in that order.
type Views struct {
	Slots   int    // V, of each study
	Present []bool // [N·V]

	// Weigh asks for Weights, which the network then fills: how much each slot counts in its study, [N·V], 0 where it holds nothing. They
	// sum to 1 in every study that has a clip.
	Weigh   bool
	Weights []float32
}

// Studies is N.
func (v *Views) Studies() int64 { return int64(len(v.Present) / max(1, v.Slots)) }

// Places lists the slots that are present.
func (v *Views) Places() []int64 {
	var out []int64
	for i, there := range v.Present {
		if there {
			out = append(out, int64(i))
		}
	}
	return out
}

// Only is the same studies with one slot alone, to ask what one view says; the places of its clips among those that are present come with it.
func (v *Views) Only(slot int) (alone *Views, packed []int64) {
	alone = &Views{Slots: v.Slots, Present: make([]bool, len(v.Present))}
	for at, place := range v.Places() {
		if int(place)%v.Slots == slot {
			alone.Present[place] = true
			packed = append(packed, int64(at))
		}
	}
	return alone, packed
}

// OneView are n studies with one clip each, in the given slot of slots.
func OneView(n, slots, slot int) *Views {
	study := make([]bool, slots)
	study[slot] = true
	return &Views{Slots: slots, Present: slices.Repeat(study, n)}
}
