package learn

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
)

// PlanSizes is what planning needs to know beside the fingerprint.
type PlanSizes struct {
	Train, Val int // rows of the first fold
	Fits       int // networks that the run trains; train.max_minutes is shared among them; 0: 1
	Cores      int // 0: all
	// Measure says how long a training step of a candidate takes, such as [MeasureStep]; nil: the estimate's model is believed.
	Measure func(*Plan) (seconds float64, err error)
}

// planner fills the gaps of a plan, a reason each. What a person has set is never changed.
type planner struct {
	p       *Plan
	fp      *cohort.Fingerprint
	s       PlanSizes
	reasons []string
	steps   map[string]float64 // measured, by what they depend on
}

// FillPlan returns the recipe with its gaps filled from the fingerprint: input, network, batch, epochs, learning rate, what is
// monitored; and with an estimate of time and memory. The recipe itself is left as it is.
//
// With train.max_minutes set, the widest network is taken that leaves enough epochs within half of the time; where not even the
// narrowest does, the input is made smaller. Without it, the size of the data alone decides.
func FillPlan(recipe *Plan, fp *cohort.Fingerprint, s PlanSizes) (*Plan, error) {
	if s.Train <= 0 {
		return nil, fault.New(fault.Input, "the plan's first split has no training rows")
	}
	if fp.Sampled == 0 {
		return nil, fault.New(fault.Input, "the fingerprint has looked at no clip")
	}
	if err := checkViews(recipe); err != nil {
		return nil, err
	}
	s.Fits = max(1, s.Fits)
	f := &planner{p: recipe.Clone(), fp: fp, s: s, steps: map[string]float64{}}
	f.views()
	f.input()
	f.normalisation()
	f.flow()
	f.augmentation()
	f.network()
	f.training()
	if err := f.size(); err != nil {
		return nil, err
	}
	f.rest()
	if err := checkFilled(f.p); err != nil {
		return nil, err
	}
	return f.p, f.planned()
}

func (f *planner) because(format string, args ...any) {
	f.reasons = append(f.reasons, fmt.Sprintf(format, args...))
}

// setInt fills an integer gap.
func (f *planner) setInt(field *int, v int, format string, args ...any) {
	if *field == 0 {
		*field = v
		f.because(format, args...)
	}
}

// still says that the data are single pictures, volume that they are stacks in space rather than in time.
func (f *planner) still() bool  { return f.fp.Frames.Max <= 1 }
func (f *planner) volume() bool { return !f.still() && f.fp.FrameRate == nil && f.fp.SliceMM != nil }

// input chooses frames, height, width and channels.
func (f *planner) input() {
	in, fp := &f.p.Input, f.fp
	grey := 0
	for c, n := range fp.Channels {
		if c == 1 {
			grey += n
		}
	}
	if in.Channels == 0 {
		in.Channels = 1
		if 2*grey < fp.Sampled {
			in.Channels = 3
		}
		f.because("input.channels = %d: %d of %d clips looked at are grey", in.Channels, grey, fp.Sampled)
	}
	small := fp.Height.Median <= 64 && fp.Width.Median <= 64 && fp.Frames.Median <= 64
	frames, why := 16, "the usual clip length, spread over the whole clip"
	switch {
	case f.still():
		frames, why = 1, "single pictures"
	case small && fp.Frames.Median > 1:
		frames, why = int(math.Round(fp.Frames.Median)), "small data: their own median"
	case f.volume():
		frames, why = min(32, int(math.Round(fp.Frames.Median))), "a stack: its median number of slices, at most 32"
	case fp.Frames.Median < 16:
		frames, why = max(1, int(math.Round(fp.Frames.Median))), "the median number of frames"
	}
	f.setInt(&in.Frames, frames, "input.frames = %d: %s", frames, why)
	side := func(median float64) (int, string) {
		if small || median < 112 {
			return max(16, int(math.Round(median))), "the median"
		}
		return 112, "the side that the networks were made for"
	}
	if len(in.CropSize) >= 2 {
		// A crop in stored pixels is the region that is seen.
		h, w := float64(in.CropSize[len(in.CropSize)-2]), float64(in.CropSize[len(in.CropSize)-1])
		side = func(median float64) (int, string) {
			if median == fp.Height.Median {
				return min(112, int(h)), "the crop"
			}
			return min(112, int(w)), "the crop"
		}
	}
	h, why := side(fp.Height.Median)
	f.setInt(&in.Height, h, "input.height = %d: %s (median %.0f)", h, why, fp.Height.Median)
	w, why := side(fp.Width.Median)
	f.setInt(&in.Width, w, "input.width = %d: %s (median %.0f)", w, why, fp.Width.Median)
}

// normalisation chooses how stored values become the network's.
func (f *planner) normalisation() {
	in, v := &f.p.Input, f.fp.Intensity
	if in.Normalise != "" {
		return
	}
	set := func(name, why string) {
		in.Normalise = name
		f.because("input.normalise = %s: %s", name, why)
	}
	eight := f.fp.DTypes["uint8"] == f.fp.Sampled
	switch {
	case v.TwoValued:
		set("unit", "shapes of two values")
	case f.p.Model.Weights != "" && f.p.Model.Name == "resnet18_mean":
		set("imagenet", "what the weights to start from were trained with")
	case f.p.Model.Weights != "":
		set("kinetics", "what the weights to start from were trained with")
	case f.fp.Photometric["hounsfield"] == f.fp.Sampled:
		if len(in.Window) == 0 && v.High > v.Low {
			in.Window = []float64{math.Round((v.High + v.Low) / 2), math.Round(v.High - v.Low)}
			f.because("input.window = [%g, %g]: 0.5 to 99.5 %% of the values; calibrated, so the same for all", in.Window[0], in.Window[1])
		}
		set("unit", "calibrated values, windowed")
	case eight && v.SD > 0 && v.CaseMean.SD < v.SD/2:
		set("fixed", "8-bit clips of like brightness: one mean and SD for all")
		if len(in.Mean) == 0 && len(in.Std) == 0 {
			for range in.Channels {
				in.Mean = append(in.Mean, round4(v.Mean/255))
				in.Std = append(in.Std, round4(v.SD/255))
			}
		}
	default:
		set("case", "scales differ between clips: each to zero mean and unit SD")
	}
}

func round4(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// augmentation is filled only where a recipe says nothing at all about it, with changes that hold for every modality.
func (f *planner) augmentation() {
	a := &f.p.Augment
	if !reflect.DeepEqual(*a, clip.AugmentSpec{}) {
		return
	}
	a.RotateDeg, a.Scale, a.Translate = 10, []float64{0.9, 1.1}, 0.05
	if !f.fp.Intensity.TwoValued {
		a.Brightness, a.Contrast = 0.1, 0.1
	}
	a.TemporalJitter = f.fp.FrameRate != nil
	f.because("augment: small rotations, zooms, shifts and changes of brightness; no mirroring, which would change anatomy. For none, write augment: {scale: [1, 1]}")
}

// network chooses the architecture and the stem. Its width is chosen by size.
func (f *planner) network() {
	m, in := &f.p.Model, f.p.Input
	if m.Name == "" {
		m.Name = "r3d_18"
		why := "time and space together"
		if in.Frames == 1 {
			m.Name, why = "resnet18_mean", "single pictures"
		}
		f.because("model.name = %s: %s", m.Name, why)
	}
	if len(m.StemStride) == 0 {
		stride := func(side int) int {
			if side >= 48 { // three strides of 2 follow; the last stage keeps at least 3 positions
				return 2
			}
			return 1
		}
		t := 1
		if in.Frames >= 48 {
			t = 2
		}
		m.StemStride = []int{t, stride(in.Height), stride(in.Width)}
		f.because("model.stem_stride = %v: the last stage sees %d×%d positions", m.StemStride,
			(in.Height/m.StemStride[1]+7)/8, (in.Width/m.StemStride[2]+7)/8)
	}
}

// rest fills what has defaults.
func (f *planner) rest() {
	e := &f.p.Evaluate
	if e.Bootstrap == 0 {
		e.Bootstrap = 1000
	}
	if e.Level == 0 {
		e.Level = 0.95
	}
	if e.Specificity == 0 {
		e.Specificity = 0.9
	}
	if e.MinGroup == 0 {
		e.MinGroup = 10
	}
	if f.p.Input.EvalClips == 0 {
		f.p.Input.EvalClips = 1
		if f.p.Input.FrameStep > 0 || f.p.Input.FrameMS > 0 {
			f.p.Input.EvalClips = 3
			f.because("input.eval_clips = 3: a clip is longer than what the network sees at once")
		}
	}
}

// planned writes what was seen and decided into the plan.
func (f *planner) planned() error {
	js, err := json.Marshal(f.fp)
	if err != nil {
		return fmt.Errorf("the fingerprint's digest: %w", err)
	}
	sum := sha256.Sum256(js)
	c, err := planCost(f.p, f.targets())
	if err != nil {
		return err
	}
	step, err := f.step()
	if err != nil {
		return err
	}
	clips := f.fp.Rows
	if f.fp.Views != nil {
		clips = f.fp.Views.Clips
	}
	cache := math.Min(float64(clips)*f.fp.Bytes.Mean, cacheBytes)
	f.p.Planned = &Planned{
		Version:         version.String(),
		Fingerprint:     hex.EncodeToString(sum[:]),
		Reasons:         f.reasons,
		Parameters:      c.Params,
		StepGFLOP:       round3(6 * float64(c.MACs) / 1e9),
		EstimateMinutes: round3(float64(f.s.Fits) * float64(f.p.Train.Epochs) * epochSeconds(f.p, step, f.s) / 60),
		EstimateMiB:     math.Round(memoryMiB(f.p, c, cache)),
	}
	return nil
}

// targets are the plan's targets with as many classes as the fingerprint has seen.
func (f *planner) targets() []cohort.TargetSpec {
	out := slices.Clone(f.p.Data.Targets)
	for i, t := range out {
		for _, s := range f.fp.Targets {
			if s.Name == t.Name && len(t.Cuts) == 0 {
				out[i].Cuts = s.Cuts
			}
			if s.Name == t.Name && len(t.Classes) == 0 && (t.Kind == string(evaluate.Class) || t.Kind == string(evaluate.MultiLabel)) {
				for _, c := range s.Classes {
					out[i].Classes = append(out[i].Classes, c.Name)
				}
			}
		}
		if t.Kind == cohort.TimeToEvent && len(out[i].Cuts) == 0 { // not known yet: as many as the cohort will choose
			out[i].Cuts = make([]float64, cohort.DefaultCuts)
		}
	}
	return out
}

func (f *planner) cores() int {
	if f.s.Cores == 0 {
		f.s.Cores = runtime.NumCPU()
	}
	return cores(f.p, f.s.Cores)
}
