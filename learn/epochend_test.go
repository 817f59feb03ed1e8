package learn

import (
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/evaluate"
)

func TestValidationWords(t *testing.T) {
	loss := monitor{name: "loss", target: -1}
	mae := monitor{name: "ef.mae", target: 0, metric: "mae"}
	v := validation{loss: 0.25, values: map[string]float64{"loss": 0.25, "ef.mae": 4.5}}
	if v.monitored(loss) != 0.25 || v.monitored(mae) != 4.5 {
		t.Errorf("monitored %v and %v", v.monitored(loss), v.monitored(mae))
	}
	if undefined := v.monitored(monitor{name: "ef.r2", target: 0, metric: "r2"}); undefined == undefined {
		t.Errorf("a metric that is not there is %v", undefined)
	}
	half := 0.5
	l := LogLine{Epoch: 1, Loss: &half, Val: v.values, Seconds: 8, Wait: 2}
	if got := epochWords(l, Progress{Epochs: 3, Metric: "ef.mae 4.5 (best 4.1)"}); got != "epoch 2/3  8.0 s (loading 25.0 %)  loss 0.5  val loss 0.25  ef.mae 4.5 (best 4.1)" {
		t.Errorf("an epoch is %q", got)
	}
	if got := epochWords(LogLine{Loss: &half}, Progress{Epochs: 1}); got != "epoch 1/1  0.0 s (loading 0.0 %)  loss 0.5" {
		t.Errorf("an epoch without validation rows is %q", got)
	}
}

func TestSplitOfScores(t *testing.T) {
	rows := split([]float32{1, 2, 3, 4, 5, 6}, 3)
	if len(rows) != 2 || rows[1][0] != 4 || rows[1][2] != 6 {
		t.Errorf("rows %v", rows)
	}
	s := &scores{targets: []evaluate.Target{{Name: "a"}}, sum: map[string]map[int][]float64{"a": {}}, count: map[int]float64{}}
	mine := []float64{1, 2}
	s.put(7, "a", mine)
	s.put(7, "a", []float64{10, 20})
	if got := s.sum["a"][7]; got[0] != 11 || got[1] != 22 || mine[0] != 1 {
		t.Errorf("sum %v; the caller's slice %v must stay as it is", got, mine)
	}
}

// TestShownTime: the line as people see it.
func TestShownTime(t *testing.T) {
	loss := 0.123456
	l, p := LogLine{Loss: &loss}, Progress{Epochs: 2, Batch: 5, Batches: 10, RowsPerSecond: 4, Left: 1499 * time.Millisecond}
	if got := stepWords(l, p); got != "epoch 1/2  batch 5/10  4.0 clips/s  loss 0.1235  1s left" {
		t.Errorf("%q", got)
	}
	if got := stepWords(l, Progress{Epochs: 1}); strings.Contains(got, "left") {
		t.Errorf("%q promises a time that is not known", got)
	}
}
