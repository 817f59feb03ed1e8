package learn

import "math"

// schedule gives the learning rate of each optimiser step.
type schedule struct {
	spec  TrainSpec
	steps int // optimiser steps an epoch
}

// at is the learning rate of step (from 0). During warm-up it rises linearly and reaches LR at the warm-up's end (Goyal et al., 2017,
// section 2.2); then it falls from LR along half a cosine towards 0 (Loshchilov and Hutter, ICLR 2017, eq. 5 without restarts), in
// steps of StepGamma at the starts of StepEpochs, or not at all.
func (s schedule) at(step int) float64 {
	warm := int(math.Round(s.spec.WarmupEpochs * float64(s.steps)))
	if step < warm {
		return s.spec.LR * float64(step+1) / float64(warm)
	}
	switch s.spec.Schedule {
	case "cosine":
		total := s.spec.Epochs * s.steps
		if total <= warm {
			return s.spec.LR
		}
		done := float64(step-warm) / float64(total-warm)
		return s.spec.LR * (1 + math.Cos(math.Pi*math.Min(done, 1))) / 2
	case "step":
		lr := s.spec.LR
		for _, e := range s.spec.StepEpochs {
			if step >= e*s.steps {
				lr *= s.gamma()
			}
		}
		return lr
	}
	return s.spec.LR
}

func (s schedule) gamma() float64 {
	if s.spec.StepGamma == 0 {
		return 0.1
	}
	return s.spec.StepGamma
}
