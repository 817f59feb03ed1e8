package clip

// InputSpec says how a clip becomes a network's input tensor [C, T, H, W], float32. The order is: frame selection, region crop,
// resampling, window, normalisation, channel adaptation. Zero values mean "the plan decides" in a recipe.
type InputSpec struct {
	Frames    int       `yaml:"frames,omitempty"`     // T; 1 for single images
	Height    int       `yaml:"height,omitempty"`     // H, after resampling
	Width     int       `yaml:"width,omitempty"`      // W
	Channels  int       `yaml:"channels,omitempty"`   // 1 or 3: colour becomes grey by luma, grey is repeated
	FrameStep float64   `yaml:"frame_step,omitempty"` // every n-th frame; 0: spread over the whole clip
	FrameMS   float64   `yaml:"frame_ms,omitempty"`   // or one frame every so many ms, where times are known
	SpacingMM []float64 `yaml:"spacing_mm,omitempty"` // resample to [slice, row, column] mm first, where spacing is known
	Crop      string    `yaml:"crop,omitempty"`       // none | centre | foreground (bounding box of non-background)
	CropSize  []int     `yaml:"crop_size,omitempty"`  // [H, W] or [T, H, W] in stored pixels, for crop: centre
	Window    []float64 `yaml:"window,omitempty"`     // [centre, width] in stored units
	Normalise string    `yaml:"normalise,omitempty"`  // unit (dtype range to 0..1) | case (zero mean, unit SD) | percentile (0.5–99.5 % to 0..1) | imagenet | kinetics | fixed | none
	Mean      []float64 `yaml:"mean,omitempty"`       // for fixed, a value a channel, after unit scaling
	Std       []float64 `yaml:"std,omitempty"`
	EvalClips int       `yaml:"eval_clips,omitempty"` // clips a study whose scores are averaged in evaluation; 0 = 1
	Flow      bool      `yaml:"flow,omitempty"`       // two channels of optical flow after the picture's, pixels a frame; with working
	Working   bool      `yaml:"working,omitempty"`    // sample first to H×W in the stored type, so that caches keep small clips; not with augmentation that moves samples
}

// AugmentSpec says what training may do at random to a clip, seeded by (seed, epoch, item). Zero means off.
type AugmentSpec struct {
	FlipLR         bool      `yaml:"flip_lr,omitempty"`
	FlipUD         bool      `yaml:"flip_ud,omitempty"`
	FlipT          bool      `yaml:"flip_t,omitempty"`          // reverse the frame order (stacks, not cines)
	RotateDeg      float64   `yaml:"rotate_deg,omitempty"`      // ± degrees in plane
	Scale          []float64 `yaml:"scale,omitempty"`           // [low, high] zoom
	Translate      float64   `yaml:"translate,omitempty"`       // ± fraction of the side
	Brightness     float64   `yaml:"brightness,omitempty"`      // ± shift of normalised intensity
	Contrast       float64   `yaml:"contrast,omitempty"`        // factor in 1 ± c
	Gamma          float64   `yaml:"gamma,omitempty"`           // exponent in 1 ± g
	Noise          float64   `yaml:"noise,omitempty"`           // SD of added Gaussian noise
	IntensityScale []float64 `yaml:"intensity_scale,omitempty"` // [low, high] uniform factor in training (shape masks)
	EvalScale      float64   `yaml:"eval_scale,omitempty"`      // factor outside training that goes with it
	TemporalJitter bool      `yaml:"temporal_jitter,omitempty"` // random start and step instead of the uniform ones
	Permute        bool      `yaml:"permute,omitempty"`         // random order and reflection of the three axes (isotropic volumes)
	Prob           float64   `yaml:"prob,omitempty"`            // probability of each geometric/intensity change; 0 = 1
}
