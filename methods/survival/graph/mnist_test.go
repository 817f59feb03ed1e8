package graph

import (
	"compress/gzip"
	"io"
	"math"
	"os"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
	"github.com/cineloop/cineloop/methods/survival"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// idx is the first n bytes after the header of a gzipped idx file.
func idx(t *testing.T, name string, header, n int) []byte {
	t.Helper()
	f, err := os.Open(testdata.Shared(t, "data", "mnist", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, header+n)
	if _, err := io.ReadFull(z, b); err != nil {
		t.Fatal(err)
	}
	return b[header:]
}

// MNIST survival: the digit decides the hazard, exp(0.4 × digit) times a Weibull baseline, a third censored. A network that sees only the
// picture, trained by Cox's loss over batches of 100, must come near the concordance of the true hazard.
func TestMNISTSurvival(t *testing.T) {
	if testing.Short() {
		t.Skip("trains on 12,000 images")
	}
	const n, held = 13000, 1000
	pixels := idx(t, "mnist-train-images-idx3-ubyte.gz", 16, 784*n)
	digits := idx(t, "mnist-train-labels-idx1-ubyte.gz", 8, n)
	rng := stats.Seed(1).Stream("mnist survival")
	x := make([]float32, len(pixels))
	for i, p := range pixels {
		x[i] = float32(p)/255 - 0.13
	}
	var l survival.Labels
	truth := make([]float64, n)
	for i, d := range digits {
		truth[i] = 0.4 * float64(d)
		u := math.Sqrt(rng.ExpFloat64() * math.Exp(-truth[i]))
		c := 1.2 * rng.ExpFloat64()
		event := 1
		if c < u {
			u, event = c, 0
		}
		l.Time, l.Event = append(l.Time, u), append(l.Event, event)
	}
	order := rng.Perm(n)
	test, train := order[:held], order[held:]
	gather := func(rows []int) []float32 {
		out := make([]float32, 0, 784*len(rows))
		for _, i := range rows {
			out = append(out, x[784*i:784*(i+1)]...)
		}
		return out
	}
	err := torch.Run(t.Context(), torch.Config{Device: "cpu", Threads: 1, Seed: 1}, func(e *torch.Engine) error {
		p := []*torch.Tensor{e.Randn(torch.Float32, 64, 784).MulScalar(0.05), e.Zeros(torch.Float32, 64), e.Randn(torch.Float32, 1, 64).MulScalar(0.1)}
		var m []*torch.Tensor
		for _, v := range p {
			v.SetRequiresGrad(true).Keep()
			m = append(m, e.Zeros(torch.Float32, v.Shape()...).Keep())
		}
		forward := func(rows []int) *torch.Tensor {
			h := torch.Linear(e.FromFloat32(gather(rows), int64(len(rows)), 784), p[0], p[1]).Relu()
			return torch.Linear(h, p[2], nil).Squeeze(1)
		}
		for range 4 {
			rng.Shuffle(len(train), func(i, j int) { train[i], train[j] = train[j], train[i] })
			for lo := 0; lo+100 <= len(train); lo += 100 {
				s := e.Scope()
				rows := train[lo : lo+100]
				loss, _ := Attach(forward(rows), func(o []float64) survival.Loss { return survival.CoxLoss(o, l.Select(rows), survival.Efron, nil) })
				e.Backward(loss)
				e.NoGrad(func() {
					for i, v := range p { // momentum
						m[i].MulScalar_(0.9)
						torch.ForeachAdd_(m[i:i+1], []*torch.Tensor{v.Grad()}, 1)
						torch.ForeachAdd_([]*torch.Tensor{v}, m[i:i+1], -0.01)
						v.SetGrad(nil)
					}
				})
				s.Close()
			}
		}
		var risk []float64
		e.NoGrad(func() { risk = forward(test).Float64s() })
		best := make([]float64, held)
		for k, i := range test {
			best[k] = truth[i]
		}
		labels := l.Select(test)
		got, want := survival.Concordance(risk, labels, survival.ConcordanceOptions{}).C, survival.Concordance(best, labels, survival.ConcordanceOptions{}).C
		t.Logf("concordance %.3f, the true hazard's %.3f", got, want)
		if got < 0.95*want {
			t.Errorf("concordance %.3f is below 95 %% of the true hazard's %.3f", got, want)
		}
		return nil
	})
	if fault.CodeOf(err) == fault.Missing {
		t.Skip("no engine here")
	}
	if err != nil {
		t.Fatal(err)
	}
}
