package learn

import (
	"github.com/cineloop/cineloop/learn/tensorboard"
)

// board is the observer that writes TensorBoard's events in dir.
type board struct {
	dir string
	w   *tensorboard.Writer
}

// Started begins a file of events. TensorBoard drops what earlier files have from the step on.
func (b *board) Started(at Start) (err error) {
	b.w, err = tensorboard.Create(b.dir, int64(at.Step))
	return err
}

// Logged writes a line's numbers.
func (b *board) Logged(l LogLine, _ Progress) error {
	var scalars []tensorboard.Scalar
	for _, p := range l.points() {
		scalars = append(scalars, tensorboard.Scalar{Tag: p.name, Value: float32(p.value)})
	}
	if len(scalars) == 0 {
		return nil
	}
	return b.w.Scalars(int64(l.Step), scalars...)
}

// Ended closes the file; every point was written when it was made.
func (b *board) Ended(error) { _ = b.w.Close() }

// point is a number of a chart.
type point struct {
	name  string
	value float64
}

// points are a line's numbers by the names that charts have.
func (l LogLine) points() (out []point) {
	add := func(name string, v float64) { out = append(out, point{name, v}) }
	switch l.Event {
	case "step":
		if l.Loss != nil {
			add("train/loss", *l.Loss)
		}
		add("train/lr", l.LR)
		if l.GradNorm != nil {
			add("train/grad_norm", *l.GradNorm)
		}
	case "epoch":
		if l.Loss != nil {
			add("epoch/train_loss", *l.Loss)
		}
		for _, name := range sortedKeys(l.Val) {
			add("val/"+name, l.Val[name])
		}
		for _, name := range sortedKeys(l.Weights) {
			add("loss_weight/"+name, l.Weights[name])
		}
		if l.Seconds > 0 {
			add("epoch/rows_per_second", float64(l.Rows)/l.Seconds)
			add("epoch/loading_percent", 100*l.Wait/l.Seconds)
		}
	}
	return out
}
