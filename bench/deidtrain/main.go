package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/cineloop/cineloop/deid/pixels/net"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "deidtrain:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 1 {
		return errors.New("say text or sector")
	}
	fs := flag.NewFlagSet("deidtrain", flag.ContinueOnError)
	out := fs.String("out", "", "file of weights to write")
	steps := fs.Int("steps", 2000, "steps")
	seed := fs.Uint64("seed", 1, "seed")
	from := fs.String("from", "", "weights to train on, at a fifth of the rate")
	show := fs.String("show", "", "write samples to this PNG and stop")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	var t *task
	var err error
	switch args[0] {
	case "text":
		t, err = textTask(stats.Seed(*seed))
	case "judge":
		return judgeText(stats.Seed(*seed), *steps, *show)
	case "sector":
		t, err = sectorTask(stats.Seed(*seed))
	default:
		err = fmt.Errorf("no network %q", args[0])
	}
	if err != nil {
		return err
	}
	if *from != "" {
		b, err := os.ReadFile(*from)
		if err != nil {
			return err
		}
		n, err := net.Read(b)
		if err != nil {
			return err
		}
		if err := t.model.start(n); err != nil {
			return err
		}
		t.lr /= 5
	}
	if *show != "" {
		return t.show(*show, stats.Seed(*seed))
	}
	return train(t, *out, *steps, stats.Seed(*seed))
}

// train runs steps of AdamW with a warm-up and a cosine, and judges and writes the network every 250 of them.
func train(t *task, out string, steps int, seed stats.Seed) error {
	const held = 192
	valid := make([]sample, held)
	for i := range valid {
		valid[i] = t.draw(seed, i, true)
	}
	queue := make(chan []sample, 4)
	done := make(chan struct{})
	defer close(done)
	go func() { // one goroutine, in order: the same seed gives the same network
		for i := 0; ; i += t.batch {
			b := make([]sample, t.batch)
			for k := range b {
				b[k] = t.draw(seed, i+k, false)
			}
			select {
			case queue <- b:
			case <-done:
				return
			}
		}
	}()
	return torch.Run(context.Background(), torch.Config{Device: "cpu", Threads: 2, Seed: seed}, func(e *torch.Engine) error {
		nn.Materialise(e, t.model, seed)
		opt := newAdam(e, t.model)
		start, mean := time.Now(), 0.0
		for step := range steps {
			lr := t.lr * min(1, float64(step+1)/100) * (0.5 + 0.5*math.Cos(math.Pi*float64(step)/float64(steps)))
			s := e.Scope()
			x, y, w := t.tensors(e, <-queue)
			logits := t.model.Forward(&nn.Pass{E: e, Train: true}, x)
			loss := torch.BinaryCrossEntropyWithLogits(logits, y, w, nil, torch.ReduceMean)
			e.Backward(loss)
			mean += loss.Item()
			s.Close()
			opt.step(lr)
			if (step+1)%250 == 0 || step+1 == steps {
				t.judge(e, valid, step+1, mean/250, time.Since(start))
				mean = 0
				if err := atomicfile.WriteBytes(out, t.model.export().Bytes()); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (t *task) tensors(e *torch.Engine, b []sample) (x, y, w *torch.Tensor) {
	var in, target, weight []float32
	for _, s := range b {
		in, target, weight = append(in, s.in...), append(target, s.target...), append(weight, s.weight...)
	}
	n := int64(len(b))
	return e.FromFloat32(in, n, int64(t.channels), int64(t.h), int64(t.w)), e.FromFloat32(target, n, 1, int64(t.oh), int64(t.ow)), e.FromFloat32(weight, n, 1, int64(t.oh), int64(t.ow))
}

// judge prints recall and false positives of cells on held-out samples, at several thresholds.
func (t *task) judge(e *torch.Engine, valid []sample, step int, loss float64, took time.Duration) {
	thresholds := []float64{-3, -2, -1, 0, 1}
	var hit, all, wrong, empty [5]float64
	for i := 0; i < len(valid); i += 32 {
		s := e.Scope()
		e.NoGrad(func() {
			x, _, _ := t.tensors(e, valid[i:i+32])
			logits := t.model.Forward(&nn.Pass{E: e}, x).Float32s()
			for k, v := range valid[i : i+32] {
				for c, y := range v.target {
					if v.weight[c] < 0.9 {
						continue
					}
					for h, th := range thresholds {
						on := float64(logits[k*len(v.target)+c]) > th
						switch {
						case y > 0.5:
							all[h]++
							if on {
								hit[h]++
							}
						default:
							empty[h]++
							if on {
								wrong[h]++
							}
						}
					}
				}
			}
		})
		s.Close()
	}
	fmt.Printf("step %d  loss %.4f  %.0f s ", step, loss, took.Seconds())
	for h, th := range thresholds {
		fmt.Printf("  >%g: recall %.4f false %.5f", th, hit[h]/all[h], wrong[h]/empty[h])
	}
	fmt.Println()
}
