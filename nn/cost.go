package nn

// Cost is what a network takes, for one input shape.
type Cost struct {
	Params      int64 // learnt values
	MACs        int64 // multiply-adds of convolutions and linear layers, forward; tables in papers often call them FLOPs
	Activations int64 // float32 values that a training step keeps for the way back
}

// Plus adds two costs.
func (c Cost) Plus(d Cost) Cost {
	return Cost{c.Params + d.Params, c.MACs + d.MACs, c.Activations + d.Activations}
}

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
