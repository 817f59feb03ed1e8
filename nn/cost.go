package nn

// Cost is what a network takes, for one input shape.
type Cost struct {
	Params      int64 // learnt values
	MACs        int64 // multiply-adds of convolutions and linear layers, forward; tables in papers often call them FLOPs
	Activations int64 // float32 values that a training step keeps for the way back

	Spared  int64 // of Activations, those that a pass that recomputes its segments does not keep
	Largest int64 // activations of the largest segment, which such a pass holds while it runs it again
}

// Plus adds two costs.
func (c Cost) Plus(d Cost) Cost {
	return Cost{c.Params + d.Params, c.MACs + d.MACs, c.Activations + d.Activations, c.Spared + d.Spared, max(c.Largest, d.Largest)}
}

// Segment is the cost of a module that is a segment (see [Pass.Segment]) with an input of shape in.
func (c Cost) Segment(in []int64) Cost {
	c.Spared, c.Largest = max(0, c.Activations-numel(in)), c.Activations
	return c
}

// Recomputed is the most activations that a pass holds which recomputes its segments.
func (c Cost) Recomputed() int64 { return c.Activations - c.Spared + c.Largest }

// Count is what a network costs for an input of the given shape, batch first. It needs no engine.
func Count(m Module, in ...int64) Cost {
	_, c := m.Cost(in)
	return c
}

func numel(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	return n
}
