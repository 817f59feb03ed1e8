package learn

import (
	"context"
	"math"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/cpu"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// The time of a training step on a CPU core is modelled as multiply-adds at one rate plus kept activations at another: convolutions
// are bound by arithmetic, all else by memory. The rates were fitted to fourteen steps of the four networks (widths 8 to 64, inputs of
// 28³ to 16×112×112) on one core of a Zen 4, and reproduce them within a factor of 1.6. [MeasureStep] replaces them by the truth.
type rate struct {
	flop float64 // per second
	act  float64 // seconds a kept float
}

var (
	rateFP32 = rate{110e9, 8e-9}
	rateBF16 = rate{260e9, 6e-9} // with avx512_bf16 or amx
)

// hasBF16 says whether the processor multiplies bfloat16 itself; without that, autocast is slower than float32.
func hasBF16() bool { return cpu.X86.HasAVX512BF16 || cpu.X86.HasAMXBF16 }

// cost is what one batch of a plan takes.
func planCost(p *Plan, targets []cohort.TargetSpec) (nn.Cost, error) {
	var heads []head
	for _, t := range targets {
		heads = append(heads, head{Target: evaluate.Target{Name: t.Name, Kind: evaluate.Kind(t.Kind), Classes: t.Classes, Cuts: t.Cuts}})
	}
	net, err := video.New(networkSpec(p, heads))
	if err != nil {
		return nn.Cost{}, err
	}
	in := p.Input
	return nn.Count(net, int64(p.Train.BatchSize), int64(in.Planes()), int64(in.Frames), int64(in.Height), int64(in.Width)), nil
}

// stepSeconds estimates a training step of the plan's batch.
func stepSeconds(p *Plan, c nn.Cost, cores int) float64 {
	r := rateFP32
	if p.Train.Autocast == "bf16" && hasBF16() {
		r = rateBF16
	}
	// Vector kernels work on blocks of 16 channels: narrower stages pay for 16.
	waste := math.Pow(math.Max(1, 16/float64(p.Model.Width)), 2)
	passes := 6.0 // multiply-adds as operations, forward once and backward twice
	if p.Train.Recompute {
		passes = 8
	}
	one := passes*float64(c.MACs)*waste/r.flop + float64(c.Activations)*r.act
	return one / math.Pow(float64(cores), 0.9)
}

// evaluationShare is what scoring a row costs against training on it: the forward third.
const evaluationShare = 1.0 / 3

// epochSeconds is an epoch with its validation.
func epochSeconds(p *Plan, step float64, s PlanSizes) float64 {
	batch := float64(p.Train.BatchSize)
	steps := math.Max(1, math.Floor(float64(s.Train)/batch))
	return step * (steps + evaluationShare*math.Ceil(float64(s.Val)/batch))
}

// memoryMiB estimates the most memory that training takes: the engine, weights with gradients, optimiser state and averages, kept
// activations with the working space of convolutions, batches made ahead, and decoded clips. Against the peaks of whole runs of two
// networks on 28³ clips (400 and 674 MiB) it says 402 and 607.
func memoryMiB(p *Plan, c nn.Cost, cache float64) float64 {
	copies := 2.0 // weights, gradients
	switch {
	case p.Train.Optimizer == "adamw":
		copies += 2
	case p.Train.Momentum > 0:
		copies++
	}
	if p.Train.EMA > 0 {
		copies++
	}
	width := 4.0
	if p.Train.Autocast == "bf16" || p.Train.Autocast == "fp16" {
		width = 2.6 // activations are half as wide, statistics are not
	}
	kept := c.Activations
	if p.Train.Recompute {
		kept = c.Recomputed()
	}
	in := p.Input
	batch := 4 * float64(p.Train.BatchSize*slotsOf(p)*in.Planes()*in.Frames*in.Height*in.Width)
	const engine = 220 << 20
	return (engine + 4*copies*float64(c.Params) + 1.8*width*float64(kept) + 8*batch + cache) / (1 << 20)
}

// cores is how many the plan's training uses.
func cores(p *Plan, have int) int {
	switch {
	case p.Train.Threads > 0:
		return p.Train.Threads
	case have > 0:
		return have
	}
	return runtime.NumCPU()
}

// MeasureStep trains the plan's network on three batches of noise and returns the seconds of the faster of the last two: what a
// training step takes here and now. It takes as long as three steps.
func MeasureStep(ctx context.Context, p *Plan) (seconds float64, err error) {
	if err := checkFilled(p); err != nil {
		return 0, err
	}
	cfg := torch.Config{Device: p.Train.Device, Threads: p.Train.Threads, Seed: p.Seed}
	err = torch.Run(ctx, cfg, func(e *torch.Engine) error {
		net, err := video.New(networkSpec(p, []head{{Target: evaluate.Target{Name: "noise", Kind: evaluate.Regression}}}))
		if err != nil {
			return err
		}
		nn.Materialise(e, net, p.Seed)
		if channelsLast(p.Train, e) {
			nn.ChannelsLast(net)
		}
		opt, err := newOptimiser(e, net, p.Train)
		if err != nil {
			return err
		}
		in := p.Input
		slots := slotsOf(p)
		x := e.Randn(torch.Float32, int64(p.Train.BatchSize*slots), int64(in.Planes()), int64(in.Frames), int64(in.Height), int64(in.Width))
		seconds = math.Inf(1)
		for i := range 3 {
			if err := ctx.Err(); err != nil {
				return err
			}
			s := e.Scope()
			begin := time.Now()
			pass := &nn.Pass{E: e, Train: true}
			if p.Data.Views != nil {
				pass.Views = &nn.Views{Slots: slots, Present: slices.Repeat([]bool{true}, p.Train.BatchSize*slots)}
			}
			if p.Train.Recompute {
				pass.Recompute()
			}
			pass.Backward(forward(e, net, pass, p.Train.Autocast, x)[0].Square().Mean(), casting(e, p.Train.Autocast))
			opt.gradNorm(p.Train.ClipNorm)
			opt.step(1e-6)
			opt.zeroGrad()
			if e.Device().IsCUDA() {
				e.Synchronize(e.Device())
			}
			if took := time.Since(begin).Seconds(); i > 0 {
				seconds = math.Min(seconds, took)
			}
			s.Close()
		}
		return nil
	})
	return seconds, err
}
