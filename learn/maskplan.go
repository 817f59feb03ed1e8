package learn

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/segment"
)

// maskMemory is the default budget of a training step's activations, MiB: what two cores do in a second or two.
const maskMemory = 2048

// maskLosses are the values of segment.loss.
var maskLosses = []string{"dice_ce", "dice_focal", "ce", "dice_ce_boundary"}

// FillMaskPlan is [FillPlan] for runs of kind segment: spacing, patch, network and batch from the fingerprint by nnU-Net's rules
// (nn/segment.PlanUNet), and the training's settings, a reason each.
func FillMaskPlan(recipe *Plan, fp *cohort.Fingerprint, s PlanSizes) (*Plan, error) {
	if s.Train <= 0 {
		return nil, fault.New(fault.Input, "the plan's first split has no training rows")
	}
	if fp.Sampled == 0 {
		return nil, fault.New(fault.Input, "the fingerprint has looked at no image")
	}
	f := &planner{p: recipe.Clone(), fp: fp, s: s}
	f.maskInput()
	planned, err := f.maskNetwork()
	if err != nil {
		return nil, err
	}
	f.maskTraining()
	f.rest()
	f.p.Input.EvalClips = 1
	if err := checkMaskPlan(f.p); err != nil {
		return nil, err
	}
	net, err := segment.New(planned.Spec)
	if err != nil {
		return nil, err
	}
	c := nn.Count(net, append([]int64{int64(f.p.Train.BatchSize), planned.Spec.Channels}, dims(planned.Patch)...)...)
	p, err := f.describe()
	if err != nil {
		return nil, err
	}
	p.Parameters, p.StepGFLOP = c.Params, round3(6*float64(c.MACs)/1e9)
	p.EstimateMinutes, p.EstimateMiB = f.maskEstimate(planned, c)
	f.p.Planned = p
	return f.p, nil
}

// maskEstimate is what training takes: the minutes of its steps and of the windows that validation slides over every case, and the memory of
// a step with the cases that are kept.
func (f *planner) maskEstimate(planned *segment.Planned, c nn.Cost) (minutes, mib float64) {
	size, _ := f.maskSize()
	windows, voxels := 1, 1
	for i, n := range size {
		windows *= len(starts(n, planned.Patch[i], f.p.Segment.Overlap))
		voxels *= n
	}
	step := stepSeconds(f.p, c, f.cores())
	epoch := step * (float64(f.p.Segment.Iterations) + evaluationShare*float64(windows*f.s.Val)/float64(f.p.Train.BatchSize))
	voxel := 4*f.p.Input.Channels + 1 // bytes: a float32 a channel, and its label
	cases := math.Min(float64((f.s.Train+f.s.Val)*voxels*voxel), cacheBytes)
	return round3(float64(max(1, f.s.Fits)) * float64(f.p.Train.Epochs) * epoch / 60), math.Round(memoryMiB(f.p, c, cases))
}

// dims are a patch's extents as a network's input has them: flat ones have two.
func dims(patch [3]int) []int64 {
	out := []int64{int64(patch[0]), int64(patch[1]), int64(patch[2])}
	if patch[0] == 1 {
		return out[1:]
	}
	return out
}

// maskInput chooses channels, spacing and normalisation.
func (f *planner) maskInput() {
	in, fp := &f.p.Input, f.fp
	if in.Channels == 0 {
		in.Channels = 1
		if 2*fp.Channels[1] < fp.Sampled {
			in.Channels = 3
		}
		f.because("input.channels = %d: %d of %d images looked at are grey", in.Channels, fp.Channels[1], fp.Sampled)
	}
	if len(in.SpacingMM) == 0 && fp.SliceMM != nil && fp.RowMM != nil && fp.ColumnMM != nil {
		mm := []float64{fp.SliceMM.Median, fp.RowMM.Median, fp.ColumnMM.Median}
		// nnU-Net: an axis that is more than three times as coarse as the others takes its own 10th percentile, so that cases with finer
		// slices are not thrown away.
		why := "the medians"
		if other := math.Max(mm[1], mm[2]); mm[0] > 3*other {
			mm[0], why = math.Max(fp.SliceMM.Min, other), "the medians in plane; between slices, which are more than three times as far apart, the finest"
		}
		for _, v := range mm {
			in.SpacingMM = append(in.SpacingMM, math.Round(v*1e4)/1e4)
		}
		f.because("input.spacing_mm = %v: %s", in.SpacingMM, why)
	}
	if in.Normalise == "" {
		in.Normalise = "case"
		if fp.Photometric["hounsfield"] == fp.Sampled && len(in.Window) == 0 && fp.Intensity.High > fp.Intensity.Low {
			v := fp.Intensity
			in.Window = []float64{math.Round((v.High + v.Low) / 2), math.Round(v.High - v.Low)}
			f.because("input.window = %v: 0.5 to 99.5 %% of the values; calibrated, so the same for all", in.Window)
		}
		f.because("input.normalise = case: each image to zero mean and unit SD")
	}
}

// maskSize is the median size of an image as the network sees it, before patches are cut.
func (f *planner) maskSize() (size [3]int, spacing [3]float64) {
	fp, in := f.fp, f.p.Input
	median := [3]float64{fp.Frames.Median, fp.Height.Median, fp.Width.Median}
	if n := len(in.CropSize); in.Crop == "centre" && (n == 2 || n == 3) {
		for i, v := range in.CropSize {
			median[3-n+i] = float64(v)
		}
	}
	own := [3]float64{}
	if fp.SliceMM != nil && fp.RowMM != nil && fp.ColumnMM != nil {
		own = [3]float64{fp.SliceMM.Median, fp.RowMM.Median, fp.ColumnMM.Median}
	}
	for i := range 3 {
		size[i] = max(1, int(math.Round(median[i])))
		if len(in.SpacingMM) == 3 && own[i] > 0 && in.SpacingMM[i] > 0 {
			size[i] = max(1, int(math.Round(median[i]*own[i]/in.SpacingMM[i])))
			spacing[i] = in.SpacingMM[i]
		}
	}
	return size, spacing
}

// maskNetwork plans patch, network and batch.
func (f *planner) maskNetwork() (*segment.Planned, error) {
	m, g := &f.p.Model, &f.p.Segment
	size, spacing := f.maskSize()
	if m.Name == "" {
		m.Name = "resenc_unet"
		f.because("model.name = resenc_unet: nnU-Net's recommended network")
	}
	if g.MemoryMiB == 0 {
		g.MemoryMiB = maskMemory
		f.because("segment.memory_mib = %d: what a workstation's cores train on in reasonable time", maskMemory)
	}
	if m.Width == 0 {
		m.Width = 16
		f.because("model.width = 16: half of nnU-Net's 32 channels at full resolution, a quarter of the work")
	}
	p, err := f.p.maskNet(size, spacing, f.s.Train)
	if err != nil {
		return nil, err
	}
	if len(g.Patch) == 0 {
		g.Patch = p.Patch[:]
		f.because("segment.patch = %v: the median image is %v; %d stages pool it by %v", g.Patch, size, max(1, len(p.Spec.Strides)), p.Spec.Divisor())
	}
	f.setInt(&f.p.Train.BatchSize, p.Batch, "train.batch_size = %d: a training step holds about %.0f MiB", p.Batch, p.MiB)
	f.p.Input.Frames, f.p.Input.Height, f.p.Input.Width = p.Patch[0], p.Patch[1], p.Patch[2]
	return p, nil
}

// maskNet is the plan's network for images of a size.
func (p *Plan) maskNet(size [3]int, spacing [3]float64, cases int) (*segment.Planned, error) {
	t, err := p.maskTarget()
	if err != nil {
		return nil, err
	}
	patch, _ := p.Segment.patch()
	classes := int64(len(t.Classes) + 1)
	if p.Model.Name == "deeplabv3_resnet50" {
		if patch == [3]int{} {
			patch = [3]int{1, (size[1] + 7) / 8 * 8, (size[2] + 7) / 8 * 8}
		}
		if patch[0] != 1 {
			return nil, fault.New(fault.Usage, "deeplabv3_resnet50 is for pictures: segment.patch %v has depth", patch).WithHint("unet and resenc_unet take stacks")
		}
		spec := segment.Spec{Name: p.Model.Name, Channels: int64(p.Input.Channels), Classes: classes, Aux: p.Segment.deep()}
		return &segment.Planned{Spec: spec, Patch: patch, Batch: max(2, p.Train.BatchSize)}, nil
	}
	out, err := segment.PlanUNet(segment.Request{Name: p.Model.Name, Channels: int64(p.Input.Channels), Classes: classes, Size: size, Spacing: spacing,
		Cases: cases, Features: int64(p.Model.Width), Patch: patch, Batch: p.Train.BatchSize, MemoryMiB: p.Segment.MemoryMiB, Recompute: p.Train.Recompute})
	if err != nil {
		return nil, err
	}
	out.Spec.Deep = p.Segment.deep()
	return out, nil
}

// maskTarget is the target that the plan labels.
func (p *Plan) maskTarget() (cohort.TargetSpec, error) {
	for _, t := range p.Data.Targets {
		if t.Kind == cohort.Mask && (p.Segment.Target == "" || t.Name == p.Segment.Target) {
			return t, nil
		}
	}
	return cohort.TargetSpec{}, fault.New(fault.Usage, "the plan has no mask target %q", p.Segment.Target).WithHint("name one of kind mask under data.targets")
}

// maskTraining fills the training's settings.
func (f *planner) maskTraining() {
	t, g := &f.p.Train, &f.p.Segment
	if g.Loss == "" {
		g.Loss = "dice_ce"
		f.because("segment.loss = dice_ce: the sum of soft Dice and cross-entropy, nnU-Net's")
	}
	if g.Oversample == 0 {
		g.Oversample = 0.33
		f.because("segment.oversample = 0.33: a third of the patches have their middle on foreground")
	}
	if g.Overlap == 0 {
		g.Overlap = 0.5
	}
	if g.NSDTolerance == 0 {
		g.NSDTolerance = 1
	}
	f.setInt(&g.Iterations, max(1, (f.s.Train+t.BatchSize-1)/t.BatchSize), "segment.iterations = %d: every case once an epoch", max(1, (f.s.Train+t.BatchSize-1)/t.BatchSize))
	if t.Optimizer == "" {
		t.Optimizer = "adamw"
	}
	if t.LR == 0 {
		t.LR = 2e-3
		f.because("train.lr = 0.002 with adamw: reaches in tens of epochs what SGD at nnU-Net's 0.01 takes hundreds for")
	}
	if t.Schedule == "" {
		t.Schedule = "cosine"
	}
	f.setInt(&t.Epochs, max(1, (2000+g.Iterations-1)/g.Iterations), "train.epochs = %d: about 2000 steps", max(1, (2000+g.Iterations-1)/g.Iterations))
	if t.WarmupEpochs == 0 {
		t.WarmupEpochs = math.Min(1, float64(t.Epochs)/20)
	}
	if t.ClipNorm == 0 {
		t.ClipNorm = 12
		f.because("train.clip_norm = 12: nnU-Net's")
	}
	if t.EMA == 0 {
		t.EMA = 0.98
		f.because("train.ema = 0.98: averaged weights are steadier")
	}
	if t.Monitor == "" {
		t.Monitor = maskMonitor
		f.because("train.monitor = dice: mean Dice over foreground classes of the validation cases taken together")
	}
}

// maskMonitor is the metric that chooses the best checkpoint.
const maskMonitor = "dice"

// checkMaskPlan reports what a plan of kind segment lacks before it can be trained.
func checkMaskPlan(p *Plan) error {
	if err := p.Log.check(); err != nil {
		return err
	}
	g, t := p.Segment, p.Train
	patch, ok := g.patch()
	for _, c := range []struct {
		ok   bool
		what string
	}{
		{ok && slices.Min(patch[:]) > 0, "segment.patch (three numbers)"},
		{slices.Contains(maskLosses, g.Loss), "segment.loss (" + strings.Join(maskLosses, ", ") + ")"},
		{g.Iterations > 0, "segment.iterations"},
		{g.Oversample <= 1, "segment.oversample (at most 1)"},
		{g.Overlap >= 0 && g.Overlap < 1, "segment.overlap (from 0 to below 1)"},
		{len(g.Mirror) == 0 || len(g.Mirror) == 3, "segment.mirror (three of true or false)"},
		{p.Input.Channels > 0, "input.channels"},
		{t.Epochs > 0 && t.BatchSize > 0 && t.LR > 0, "train.epochs, batch_size and lr"},
		{slices.Contains([]string{"", "none", "bf16"}, t.Autocast), "train.autocast (none or bf16)"},
		{slices.Contains([]string{"", "dice", "loss"}, t.Monitor), "train.monitor (dice or loss)"},
		{t.Accumulate <= 1, "train.accumulate (1: patches are small instead)"},
		{t.EMA < 1, "train.ema (below 1)"},
	} {
		if !c.ok {
			return fault.New(fault.Usage, "the plan cannot be trained: %s is not set, or impossible", c.what)
		}
	}
	if _, err := segment.Find(p.Model.Name); err != nil {
		return err
	}
	return nil
}

// describe is what the planner writes of itself into a plan.
func (f *planner) describe() (*Planned, error) {
	js, err := json.Marshal(f.fp)
	if err != nil {
		return nil, fmt.Errorf("the fingerprint's digest: %w", err)
	}
	sum := sha256.Sum256(js)
	return &Planned{Version: version.String(), Fingerprint: hex.EncodeToString(sum[:]), Reasons: f.reasons}, nil
}
