package learn

import (
	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/stats"
)

// Plan says everything that a run does. A recipe is a Plan with gaps; planning fills the gaps from the data's fingerprint, and the
// result, plan.yaml, repeats the run. Decoding is strict: an unknown key is an error that names the nearest known one.
type Plan struct {
	Name        string             `yaml:"name"`
	Description string             `yaml:"description,omitempty"`
	Kind        string             `yaml:"kind,omitempty"` // train (default) | segment (a class for every position) | catalog (read, list and draw a study; no network)
	Seed        stats.Seed         `yaml:"seed"`
	Data        cohort.Spec        `yaml:"data"`
	Splits      []cohort.SplitSpec `yaml:"splits,omitempty"` // the first is the primary one; each other is trained and reported beside it
	Input       clip.InputSpec     `yaml:"input,omitempty"`
	Augment     clip.AugmentSpec   `yaml:"augment,omitempty"`
	Model       ModelSpec          `yaml:"model,omitempty"`
	Segment     SegmentSpec        `yaml:"segment,omitempty"` // for kind segment
	Train       TrainSpec          `yaml:"train,omitempty"`
	Evaluate    EvaluateSpec       `yaml:"evaluate,omitempty"`
	Explain     ExplainSpec        `yaml:"explain,omitempty"`
	Uncertainty *UncertaintySpec   `yaml:"uncertainty,omitempty"` // how sure the scores are, and when not to answer
	Log         *LogSpec           `yaml:"log,omitempty"`         // who else is told of the training
	Phantom     *PhantomSpec       `yaml:"phantom,omitempty"`     // when set, the data are simulated into Data.Root first (if absent)
	Planned     *Planned           `yaml:"planned,omitempty"`     // written by the planner: what it saw and why it chose
}

// ModelSpec picks and sizes a network.
type ModelSpec struct {
	Name       string  `yaml:"name,omitempty"`        // one of nn/video's registry
	Width      int     `yaml:"width,omitempty"`       // channels of the first stage; torchvision's is 64; 0: the plan chooses
	Weights    string  `yaml:"weights,omitempty"`     // .pth or .safetensors to start from; the head and resized stems may differ
	Dropout    float64 `yaml:"dropout,omitempty"`     // before the head
	StemStride []int   `yaml:"stem_stride,omitempty"` // [T, H, W]; torchvision's is [1, 2, 2]; small inputs want [1, 1, 1]

	Streams []string `yaml:"streams,omitempty"` // of input.flow: [rgb, flow], a network each; [flow]; empty: one network sees all

	Fusion *FusionSpec `yaml:"fusion,omitempty"` // with data.tabular: how columns join the picture
	Views  *ViewsSpec  `yaml:"views,omitempty"`  // with data.views: how the clips of a study are joined
}

// TrainSpec is the trainer's settings.
type TrainSpec struct {
	Epochs          int      `yaml:"epochs,omitempty"`
	BatchSize       int      `yaml:"batch_size,omitempty"`
	Accumulate      int      `yaml:"accumulate,omitempty"` // optimiser steps every n batches
	Optimizer       string   `yaml:"optimizer,omitempty"`  // sgd | adam | adamw | lamb | lion
	LR              float64  `yaml:"lr,omitempty"`
	Momentum        float64  `yaml:"momentum,omitempty"`      // sgd
	WeightDecay     float64  `yaml:"weight_decay,omitempty"`  // not applied to biases and normalisation
	LayerDecay      float64  `yaml:"layer_decay,omitempty"`   // each layer learns at this share of the next one's rate; 0: all alike
	Freeze          []string `yaml:"freeze,omitempty"`        // parts that do not learn, by the start of their names: [stem, layer1]
	FreezeEpochs    int      `yaml:"freeze_epochs,omitempty"` // after so many they learn too; 0: never
	Schedule        string   `yaml:"schedule,omitempty"`      // cosine | step | constant
	StepEpochs      []int    `yaml:"step_epochs,omitempty"`   // for step: where LR is multiplied by StepGamma
	StepGamma       float64  `yaml:"step_gamma,omitempty"`    // default 0.1
	WarmupEpochs    float64  `yaml:"warmup_epochs,omitempty"`
	ClipNorm        float64  `yaml:"clip_norm,omitempty"`              // gradient L2 norm; 0: the plan decides; negative: off
	Autocast        string   `yaml:"autocast,omitempty"`               // none | bf16 | fp16
	MemoryFormat    string   `yaml:"memory_format,omitempty"`          // auto (default) | contiguous | channels_last
	Recompute       bool     `yaml:"checkpoint_activations,omitempty"` // keep the inputs of blocks alone and run these again on the way back: less memory, more time
	EMA             float64  `yaml:"ema,omitempty"`                    // decay of averaged weights used in evaluation; 0: the plan decides; negative: off
	Monitor         string   `yaml:"monitor,omitempty"`                // metric on the validation part, e.g. "ef.mae", "label.auroc", "loss"
	Patience        int      `yaml:"patience,omitempty"`               // epochs without improvement before stopping; 0: never
	CheckpointSteps int      `yaml:"checkpoint_steps,omitempty"`       // also in the middle of an epoch; 0: at epoch ends and every 60 s
	Balance         bool     `yaml:"balance,omitempty"`                // class-balanced sampling on the first class or binary target
	SampleWeight    string   `yaml:"sample_weight,omitempty"`          // column of weights ≥ 0 that rows are drawn in proportion to
	PerPatient      int      `yaml:"per_patient,omitempty"`            // rows of every patient an epoch, all in turn over the epochs; 0: off
	CacheDir        string   `yaml:"cache_dir,omitempty"`              // folder of decoded clips that processes and runs share; it holds pixels; empty: memory
	CacheGiB        float64  `yaml:"cache_gib,omitempty"`              // bound of the cache; 0: 2 in memory, 20 in a folder
	LabelSmoothing  float64  `yaml:"label_smoothing,omitempty"`
	RegressionLoss  string   `yaml:"regression_loss,omitempty"` // mse (default) | l1 | huber
	LossWeights     string   `yaml:"loss_weights,omitempty"`    // of several targets: fixed (default; data.targets[].weight) | learned
	ClassLoss       string   `yaml:"class_loss,omitempty"`      // cross_entropy (default) | focal | ordinal (classes in order)
	FocalGamma      float64  `yaml:"focal_gamma,omitempty"`     // default 2
	ClassWeights    bool     `yaml:"class_weights,omitempty"`   // weigh classes against their frequency
	Mixup           float64  `yaml:"mixup,omitempty"`           // Beta(a, a) of mixing clips; 0: off
	Cutmix          float64  `yaml:"cutmix,omitempty"`          // Beta(a, a) of cutting boxes in time and space out of other clips; 0: off
	Threads         int      `yaml:"threads,omitempty"`         // 0: all cores
	Device          string   `yaml:"device,omitempty"`          // auto | cpu | cuda | cuda:N
	MaxMinutes      float64  `yaml:"max_minutes,omitempty"`     // budget that the plan sizes the network and epochs for, and training stops at

	Fairness *FairnessSpec `yaml:"fairness,omitempty"` // training with an eye on groups of people
}

// EvaluateSpec is the protocol's settings.
type EvaluateSpec struct {
	Bootstrap   int     `yaml:"bootstrap,omitempty"`   // resamples by patient; default 1000
	Level       float64 `yaml:"level,omitempty"`       // of intervals; default 0.95
	Specificity float64 `yaml:"specificity,omitempty"` // for sensitivity at fixed specificity; default 0.9
	MinGroup    int     `yaml:"min_group,omitempty"`   // subgroups with fewer patients get "too few to tell"; default 10
}

// ExplainSpec says how many examples are explained and how.
type ExplainSpec struct {
	Examples      int      `yaml:"examples,omitempty"`       // of each of right, wrong, most uncertain; default 2; -1: none
	Methods       []string `yaml:"methods,omitempty"`        // default gradcam; gradient where no layer has positions
	Layer         string   `yaml:"layer,omitempty"`          // Grad-CAM layer; default the last stage
	Target        string   `yaml:"target,omitempty"`         // default the first
	OccludeFrames int      `yaml:"occlude_frames,omitempty"` // occlusion's window T; default T/4
	OccludePixels int      `yaml:"occlude_pixels,omitempty"` // occlusion's window H and W; default H/8
}

// PhantomSpec asks for a simulated cohort.
type PhantomSpec struct {
	Patients int      `yaml:"patients"`
	Views    []string `yaml:"views,omitempty"` // default A4C
	Frames   int      `yaml:"frames,omitempty"`
	Height   int      `yaml:"height,omitempty"`
	Width    int      `yaml:"width,omitempty"`
	Rho      float64  `yaml:"rho,omitempty"` // confounder strength, 0..1
	Preset   string   `yaml:"preset,omitempty"`
	Missing  float64  `yaml:"missing,omitempty"` // how likely each view of a patient was not taken, 0 to 0.9; never all
	Bias     float64  `yaml:"bias,omitempty"`    // planted demographic bias, 0..1: reduced ejection fractions of women go unrecorded that often

	Confounders map[string]float64 `yaml:"confounders,omitempty"` // strength of single ones, in place of rho
}

// Planned is what the planner saw and decided.
type Planned struct {
	Version         string   `yaml:"version"`     // of cineloop
	Fingerprint     string   `yaml:"fingerprint"` // digest of the cohort's fingerprint
	Reasons         []string `yaml:"reasons"`     // "model.width = 16: …"
	Parameters      int64    `yaml:"parameters"`
	StepGFLOP       float64  `yaml:"step_gflop,omitempty"`
	EstimateMinutes float64  `yaml:"estimate_minutes,omitempty"`
	EstimateMiB     float64  `yaml:"estimate_mib,omitempty"`
}
