package main

import (
	"context"
	"slices"
	"syscall"
	"time"

	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/methods/explain/attribute"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// speeds are ratios of medians measured in turns in one run, by the process's CPU time, which other programs on the machine blur least;
// wall time beside it.
type speeds struct {
	Network string `json:"network"`
	Clip    string `json:"clip"`

	GradCAM   float64 `json:"gradcam_ms"`
	Back      float64 `json:"forward_backward_ms"` // of the score by the input
	CAMRatio  float64 `json:"gradcam_over_forward_backward"`
	CAMWall   float64 `json:"gradcam_over_forward_backward_wall"`
	Windows   int     `json:"occlusion_windows"`
	Plain     float64 `json:"plain_clips_per_cpu_second"`
	Occluded  float64 `json:"occluded_clips_per_cpu_second"`
	Share     float64 `json:"occlusion_share_of_plain_rate"`
	ShareWall float64 `json:"occlusion_share_of_plain_rate_wall"`
}

const batch = 16

func speed(ctx context.Context, e *torch.Engine, name string, width int64, turns int, say func(string)) (r speeds, err error) {
	net, err := video.New(video.Spec{Name: name, Width: width, Channels: 1, Heads: []video.Head{{Name: "y", Width: 2}}})
	if err != nil {
		return r, err
	}
	nn.Materialise(e, net, 1)
	defer nn.Free(net)
	const t, h, w = 32, 112, 112
	r.Network, r.Clip = name+" of width "+itoa(width), "1×32×112×112"
	rng := stats.Seed(1).Stream("clip")
	in := explain.Input{C: 1, T: t, H: h, W: w, X: make([]float32, t*h*w)}
	for i := range in.X {
		in.X[i] = float32(rng.NormFloat64())
	}
	n := attribute.Net{E: e, Forward: net.Forward, Volume: net.Volume}
	target := attribute.Target{1}
	one := func(f func(x *torch.Tensor) error) func() error {
		return func() (err error) {
			tryErr := e.Try(func() {
				s := e.Scope()
				defer s.Close()
				err = f(e.FromFloat32(in.X, 1, 1, t, h, w))
			})
			if err == nil {
				err = tryErr
			}
			return err
		}
	}
	say("Grad-CAM")
	cam, back, err := inTurns(4*turns+1, true,
		one(func(x *torch.Tensor) error { _, err := n.GradCAM(x, target, net.LastStage()); return err }),
		one(func(x *torch.Tensor) error { n.Gradient(x, target); return nil }))
	if err != nil {
		return r, err
	}
	r.GradCAM, r.Back, r.CAMRatio, r.CAMWall = 1e3*cam.cpu, 1e3*back.cpu, cam.cpu/back.cpu, cam.wall/back.wall

	score := scorer(n, []int64{1, t, h, w}, 1)
	r.Windows = (t / 4) * (h / 14) * (w / 14)
	full := slices.Repeat(in.X, batch)
	say("occlusion")
	if _, err := score(full, batch); err != nil { // warm
		return r, err
	}
	hidden, plain, err := inTurns(turns, false,
		func() error {
			_, _, err := explain.Occlusion(ctx, in, explain.OcclusionOptions{Window: [3]int{4, 14, 14}, Batch: batch}, score)
			return err
		},
		func() error {
			for lo := 0; lo < r.Windows; lo += batch {
				if _, err := score(full, batch); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	if err != nil {
		return r, err
	}
	r.Plain, r.Occluded = float64(r.Windows)/plain.cpu, float64(r.Windows)/hidden.cpu
	r.Share, r.ShareWall = plain.cpu/hidden.cpu, plain.wall/hidden.wall
	return r, nil
}

type took struct{ cpu, wall float64 }

// inTurns runs a and b n times each, one after the other, after an unmeasured run of both where they are to be warmed, and returns medians
// in seconds.
func inTurns(n int, warm bool, a, b func() error) (ta, tb took, err error) {
	var cpu, wall [2][]float64
	skip := 0
	if warm {
		skip = 1
	}
	for i := range n + skip {
		for k, f := range []func() error{a, b} {
			c, w := cpuSeconds(), time.Now()
			if err := f(); err != nil {
				return ta, tb, err
			}
			if i >= skip {
				cpu[k], wall[k] = append(cpu[k], cpuSeconds()-c), append(wall[k], time.Since(w).Seconds())
			}
		}
	}
	median := func(v []float64) float64 { slices.Sort(v); return stats.Quantile(v, 0.5) }
	return took{median(cpu[0]), median(wall[0])}, took{median(cpu[1]), median(wall[1])}, nil
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
