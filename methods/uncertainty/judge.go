package uncertainty

import (
	"fmt"
	"math"
	"slices"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// Items are class predictions to be judged.
type Items struct {
	Classes     []string
	Probs       [][]float64 // [item][class]
	Label       []int
	Patient     []string            // stay together when items are divided; nil: each by itself
	Calibration []bool              // items that thresholds may be learnt from; nil: a random half of the patients
	Groups      map[string][]string // subgroup columns, by name
	Out         []bool              // known to be unlike the training data; nil: nothing known
}

// JudgeOptions are the choices of [Judge].
type JudgeOptions struct {
	Alpha float64 // of conformal sets [0.1]
	Bins  int     // [15]
	Seed  stats.Seed
}

// CalibrationNumbers say how far confidence is from accuracy.
type CalibrationNumbers struct {
	Accuracy  float64 `json:"accuracy"`
	Sharpness float64 `json:"mean_confidence"`
	NLL       float64 `json:"nll"`
	Brier     float64 `json:"brier"`
	ECE       float64 `json:"ece"`
	ECEMass   float64 `json:"ece_equal_mass"`
	Debiased  float64 `json:"calibration_error_debiased"`
	Classwise float64 `json:"ece_classwise"`
	Adaptive  float64 `json:"ece_adaptive"` // classwise with equal mass (Nixon et al. 2019)
	MCE       float64 `json:"max_calibration_error"`
	// Parts of the Brier score of the answer being right (Murphy 1973): reliability − resolution + uncertainty, by the bins of ECE.
	Parts BrierParts `json:"brier_parts_of_answer"`
}

func numbersOf(probs [][]float64, label []int, bins int) CalibrationNumbers {
	conf, right := TopLabel(probs, label)
	width := ReliabilityOf(conf, right, bins, EqualWidth)
	mass := ReliabilityOf(conf, right, bins, EqualMass)
	return CalibrationNumbers{
		Accuracy: Accuracy(probs, label), Sharpness: Sharpness(probs), NLL: NLL(probs, label), Brier: Brier(probs, label),
		ECE: width.ECE, ECEMass: mass.ECE, Debiased: mass.Debiased, Classwise: ClasswiseECE(probs, label, bins, EqualWidth),
		Adaptive: ClasswiseECE(probs, label, bins, EqualMass), MCE: width.MCE, Parts: DecomposeBrier(conf, right, bins),
	}
}

// Covered is how often sets hold the truth, with the exact interval of a binomial.
type Covered struct {
	Group    string  `json:"group,omitempty"`
	Value    string  `json:"value,omitempty"`
	N        int     `json:"n"`
	Coverage float64 `json:"coverage"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Size     float64 `json:"mean_set_size"`
	Single   float64 `json:"share_single"` // sets of one class: an answer
	Empty    float64 `json:"share_empty"`
	Own      bool    `json:"own_threshold,omitempty"`   // the threshold was learnt in this group alone
	Every    bool    `json:"every_threshold,omitempty"` // each item had the largest threshold of its groups ([Groupwise])
	Accuracy float64 `json:"accuracy"`
}

// Judgement is what is found about class predictions.
type Judgement struct {
	N           int                `json:"n"`
	Calibrating int                `json:"n_calibration"`
	Classes     []string           `json:"classes"`
	Alpha       float64            `json:"alpha"`
	Raw         CalibrationNumbers `json:"as_predicted"`
	Temperature float64            `json:"temperature"`
	Scaled      CalibrationNumbers `json:"after_temperature"`
	Reliability Reliability        `json:"-"`
	Curve       RiskCoverage       `json:"-"`
	AURC        float64            `json:"aurc"`
	EAURC       float64            `json:"excess_aurc"`
	ErrorAUROC  *float64           `json:"auroc_of_confidence_for_errors"`
	// Selective is the risk when only the surest share is answered.
	Selective []SelectivePoint `json:"selective"`
	Sets      []Covered        `json:"conformal"` // of all (LAC), then of each subgroup
	Quantile  float64          `json:"-"`
	Detection []NamedDetection `json:"out_of_distribution,omitempty"`
	Promise   string           `json:"promise_by_subgroup,omitempty"` // in words; empty without subgroups
	Notes     []string         `json:"notes,omitempty"`
}

// SelectivePoint is one point of the risk–coverage curve.
type SelectivePoint struct {
	Coverage   float64 `json:"coverage"`
	Risk       float64 `json:"risk"`
	Confidence float64 `json:"least_confidence"`
}

// NamedDetection is how well one score finds out-of-distribution items.
type NamedDetection struct {
	Score string  `json:"score"`
	AUROC float64 `json:"auroc"`
	FPR95 float64 `json:"fpr_at_95"`
}

// fewest items of a group that get a threshold and a line of their own.
const fewest = 20

// Judge divides items into a part that learns thresholds and a part that is judged, and computes calibration before and after
// temperature scaling, selective risk, conformal sets with coverage overall and by subgroup, and detection of marked items.
func Judge(it Items, o JudgeOptions) (*Judgement, error) {
	if o.Alpha == 0 {
		o.Alpha = 0.1
	}
	if o.Bins == 0 {
		o.Bins = 15
	}
	if err := it.check(); err != nil {
		return nil, err
	}
	if !(o.Alpha > 0 && o.Alpha < 1) {
		return nil, fault.New(fault.Usage, "alpha is %g; want a miscoverage between 0 and 1", o.Alpha)
	}
	j := &Judgement{Classes: it.Classes, Alpha: o.Alpha}
	cal, test, out, err := it.parts(it.Out, o.Seed)
	if err != nil {
		return nil, err
	}
	j.N, j.Calibrating = len(test), len(cal)
	calP, calY := pick(it.Probs, cal), pick(it.Label, cal)
	p, y := pick(it.Probs, test), pick(it.Label, test)
	j.Raw = numbersOf(p, y, o.Bins)
	logits := func(probs [][]float64) [][]float64 {
		z := make([][]float64, len(probs))
		for i, r := range probs {
			z[i] = make([]float64, len(r))
			for k, v := range r {
				z[i][k] = math.Log(math.Max(v, 1e-12))
			}
		}
		return z
	}
	if j.Temperature = 1; Accuracy(calP, calY) < 1 {
		j.Temperature = FitTemperature(logits(calP), calY)
	} else {
		j.Notes = append(j.Notes, "no error among the calibration items: no temperature can be learnt from them")
	}
	scaled := make([][]float64, len(p))
	for i, z := range logits(p) {
		scaled[i] = Softmax(z, j.Temperature)
	}
	j.Scaled = numbersOf(scaled, y, o.Bins)
	conf, right := TopLabel(p, y)
	j.Reliability = ReliabilityOf(conf, right, o.Bins, EqualMass)
	j.selective(conf, right)
	j.conformal(it, cal, test, o.Alpha)
	if len(out) > 0 {
		j.detect(p, pick(it.Probs, out))
	}
	if j.Raw.Accuracy == 1 {
		j.Notes = append(j.Notes, "no error among the judged items: nothing can be said about finding errors")
	}
	if math.IsInf(j.Quantile, 1) {
		j.Notes = append(j.Notes, fmt.Sprintf("%d calibration items are too few for a miscoverage of %g: every set holds every class", len(cal), o.Alpha))
	}
	return j, nil
}

func (it Items) check() error {
	n := len(it.Label)
	if n == 0 || len(it.Probs) != n {
		return fault.New(fault.Input, "%d labels and %d rows of probabilities", n, len(it.Probs))
	}
	for i, p := range it.Probs {
		sum := 0.0
		for _, v := range p {
			if !(v >= -1e-9 && v <= 1+1e-9) {
				return fault.New(fault.Input, "row %d: a probability is %g; want 0 to 1", i+1, v)
			}
			sum += v
		}
		if math.Abs(sum-1) > 1e-3 {
			return fault.New(fault.Input, "row %d: probabilities sum to %g", i+1, sum)
		}
		if it.Label[i] < 0 || it.Label[i] >= len(p) {
			return fault.New(fault.Input, "row %d: the class %d is not among %d", i+1, it.Label[i], len(p))
		}
	}
	return nil
}

// parts are the items that learn thresholds, those that are judged, and those that out calls strange (nil: none).
func (it Items) parts(out []bool, seed stats.Seed) (cal, test, strange []int, err error) {
	part := it.divide(seed)
	for i := range it.Label {
		switch {
		case out != nil && out[i]:
			strange = append(strange, i)
		case part[i]:
			cal = append(cal, i)
		default:
			test = append(test, i)
		}
	}
	if len(cal) == 0 || len(test) == 0 {
		err = fault.New(fault.Input, "%d items learn thresholds and %d are judged: both are needed", len(cal), len(test))
	}
	return cal, test, strange, err
}

// divide says which items learn thresholds.
func (it Items) divide(seed stats.Seed) []bool {
	if it.Calibration != nil {
		return it.Calibration
	}
	keys := it.Patient
	if keys == nil {
		keys = make([]string, len(it.Label))
	}
	clusters := stats.Clusters(keys)
	rng := seed.Stream("calibration half")
	rng.Shuffle(len(clusters), func(a, b int) { clusters[a], clusters[b] = clusters[b], clusters[a] })
	part := make([]bool, len(it.Label))
	for _, rows := range clusters[:len(clusters)/2] {
		for _, i := range rows {
			part[i] = true
		}
	}
	return part
}

func pick[T any](x []T, rows []int) []T {
	out := make([]T, len(rows))
	for k, i := range rows {
		out[k] = x[i]
	}
	return out
}

func (j *Judgement) selective(conf []float64, right []bool) {
	errors := make([]float64, len(right))
	for i, r := range right {
		if !r {
			errors[i] = 1
		}
	}
	j.Curve = NewRiskCoverage(conf, errors)
	j.AURC, j.EAURC = j.Curve.AURC, j.Curve.EAURC
	if a := j.Curve.AUROC; !math.IsNaN(a) {
		j.ErrorAUROC = &a
	}
	j.Selective = selectivePoints(j.Curve, conf)
}

// selectivePoints are the risks of answering the surest share, for shares that people ask for.
func selectivePoints(curve RiskCoverage, conf []float64) []SelectivePoint {
	var out []SelectivePoint
	sorted := slices.Sorted(slices.Values(conf))
	for _, c := range []float64{1, 0.95, 0.9, 0.8, 0.7, 0.5} {
		k := max(int(math.Ceil(c*float64(len(conf)))), 1)
		out = append(out, SelectivePoint{c, curve.Risk[k-1], sorted[len(sorted)-k]})
	}
	return out
}

func (j *Judgement) conformal(it Items, cal, test []int, alpha float64) {
	score := func(rows []int) []float64 {
		s := make([]float64, len(rows))
		for k, i := range rows {
			s[k] = LAC(it.Probs[i], it.Label[i])
		}
		return s
	}
	known := map[string][]string{} // what can be known of a new item
	for g, v := range it.Groups {
		if TellsTruth(pick(v, cal), pick(it.Label, cal)) {
			j.Notes = append(j.Notes, fmt.Sprintf("%s gives the answer away: no threshold of an item is learnt by it", g))
		} else {
			known[g] = v
		}
	}
	groups := CalibrateGroupwise(score(cal), pickIf(it.Patient, cal), groupsOf(known, cal), alpha, fewest)
	all := groups.All
	j.Quantile = all.Quantile
	one := func(int) Conformal { return all }
	every := func(i int) Conformal { return groups.For(func(g string) string { return known[g][i] }) }
	j.Sets = append(j.Sets, cover(it, test, one))
	if len(known) > 0 {
		line := cover(it, test, every)
		line.Every = true
		j.Sets = append(j.Sets, line)
	}
	eachGroup(it.Groups, cal, test, func(g, v string, c, t []int) {
		add := func(of func(int) Conformal, own, every bool) {
			line := cover(it, t, of)
			line.Group, line.Value, line.Own, line.Every = g, v, own, every
			j.Sets = append(j.Sets, line)
		}
		add(one, false, false)
		if known[g] != nil && len(c) >= fewest { // Mondrian: the promise within the group
			own := CalibrateByPatient(score(c), pickIf(it.Patient, c), alpha)
			add(func(int) Conformal { return own }, true, false)
		}
		if len(known) > 0 {
			add(every, false, true)
		}
	})
	var lines []lineOf
	for _, c := range j.Sets {
		lines = append(lines, lineOf{GroupName(c.Group, c.Value, false, false), c.Coverage, c.Low, c.High, c.Own, c.Every, c.Group != ""})
	}
	j.Promise = promiseNote(lines, alpha)
}

func cover(it Items, rows []int, of func(item int) Conformal) Covered {
	out := Covered{N: len(rows)}
	hit, right := 0, 0
	for _, i := range rows {
		size := 0
		for k, in := range of(i).Set(it.Probs[i], LAC) {
			if in {
				size++
				if k == it.Label[i] {
					hit++
				}
			}
		}
		if argmax(it.Probs[i]) == it.Label[i] {
			right++
		}
		out.Size += float64(size) / float64(len(rows))
		switch size {
		case 0:
			out.Empty += 1 / float64(len(rows))
		case 1:
			out.Single += 1 / float64(len(rows))
		}
	}
	v := stats.ClopperPearson(hit, len(rows), 0.95)
	out.Coverage, out.Low, out.High = float64(hit)/float64(len(rows)), v.Low, v.High
	out.Accuracy = float64(right) / float64(len(rows))
	return out
}

func (j *Judgement) detect(in, out [][]float64) {
	add := func(name string, f func(p []float64) float64) {
		var a, b []float64
		for _, p := range in {
			a = append(a, f(p))
		}
		for _, p := range out {
			b = append(b, f(p))
		}
		d := Detect(a, b)
		j.Detection = append(j.Detection, NamedDetection{name, d.AUROC, d.FPR95})
	}
	add("1 − largest probability", func(p []float64) float64 { return 1 - slices.Max(p) })
	add("entropy", Entropy)
}

// GroupName is how a row of a judgement by group is called: own says that its threshold is the group's own, every that items have
// the largest threshold of their groups.
func GroupName(group, value string, own, every bool) string {
	name := "all"
	if group != "" {
		name = group + " = " + value
	}
	switch {
	case own:
		return name + ", own threshold"
	case every:
		return name + ", each group's threshold"
	}
	return name
}
