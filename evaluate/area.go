package evaluate

// AUROC prepares the area under the ROC curve (ties half) of scores for resampling: row i counts w[i] times, once each where w is nil. It is
// NaN where either answer has no weight, and may be called from several goroutines at once.
func AUROC(score []float64, positive []bool) func(w []float64) float64 {
	return (&binary{y: positive, p: score}).auroc()
}
