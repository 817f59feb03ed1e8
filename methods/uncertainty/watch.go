package uncertainty

// EvidenceWatch counts, while a network trains, how often items find evidence for their own class. A class that never does gets no
// gradient from ReLU evidence any more: [EvidenceWatch.Dead] says which.
type EvidenceWatch struct{ alive, total []float64 }

// Add takes an item's evidence [class] and its class.
func (w *EvidenceWatch) Add(evidence []float64, class int) {
	if len(w.total) < len(evidence) {
		w.alive, w.total = make([]float64, len(evidence)), make([]float64, len(evidence))
	}
	w.total[class]++
	if evidence[class] > noEvidence {
		w.alive[class]++
	}
}

// Dead are the classes of which less than share (0: 1 %) of at least five items found evidence. Fewer items prove nothing.
func (w *EvidenceWatch) Dead(share float64) []int {
	if share == 0 {
		share = leastAlive
	}
	var dead []int
	for c, n := range w.total {
		if n >= 5 && w.alive[c] < share*n {
			dead = append(dead, c)
		}
	}
	return dead
}

// Reset begins anew, as at the start of an epoch.
func (w *EvidenceWatch) Reset() { w.alive, w.total = nil, nil }

const (
	noEvidence = 1e-9
	leastAlive = 0.01
)
