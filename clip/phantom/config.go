package phantom

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// Version changes whenever the same configuration would give other bytes.
const Version = "1"

// View is a standard echocardiographic view.
type View string

// The views, all cut from the same heart.
const (
	A4C      View = "A4C"
	A2C      View = "A2C"
	A3C      View = "A3C"
	PLAX     View = "PLAX"
	PSAXBase View = "PSAX-base"
	PSAXMid  View = "PSAX-mid"
	PSAXApex View = "PSAX-apex"
)

// Views lists every view.
var Views = []View{A4C, A2C, A3C, PLAX, PSAXBase, PSAXMid, PSAXApex}

// ParseView finds a view by its name, in any case.
func ParseView(name string) (View, error) {
	for _, v := range Views {
		if strings.EqualFold(string(v), strings.TrimSpace(name)) {
			return v, nil
		}
	}
	return "", fault.New(fault.Usage, "unknown view %q", name).WithHint("one of %v", Views)
}

// Confounder names one property of the pictures that may follow the outcome instead of the disease.
type Confounder string

// The confounders. BMI is not a shortcut but a subgroup bias: it makes depth and noise depend on body mass.
const (
	Logo      Confounder = "logo"      // institution logo drawn or not
	Marker    Confounder = "marker"    // probe marker on the right or left
	Gain      Confounder = "gain"      // gain and dynamic range
	FrameRate Confounder = "framerate" // low or high acquisition rate
	Sector    Confounder = "sector"    // narrow or wide sector
	Text      Confounder = "text"      // device text
	Lead      Confounder = "lead"      // bright dot of a pacemaker lead in the right heart
	Flip      Confounder = "flip"      // left–right convention of the test site
	BMI       Confounder = "bmi"       // body mass → depth and noise
)

// Confounders lists every confounder.
var Confounders = []Confounder{Logo, Marker, Gain, FrameRate, Sector, Text, Lead, Flip, BMI}

// Presets of the distribution of ejection fraction.
const (
	EchoNet = "echonet" // mean 55.7, SD 12.5, as in EchoNet-Dynamic
	Uniform = "uniform" // EF parameter uniform on 15–75: every value equally often
	Healthy = "healthy" // normal hearts only
)

// Config says which cohort is simulated. The zero value of every field but Patients has a meaning.
type Config struct {
	Seed     stats.Seed `json:"seed"`
	Patients int        `json:"patients"`
	Views    []View     `json:"views"`  // default A4C
	Frames   int        `json:"frames"` // frames a clip, covering at least one whole beat; default 32; -1: the acquisition rate over 2–4 beats
	Height   int        `json:"height"` // pixels; default 112
	Width    int        `json:"width"`
	// Rho is every confounder's strength, 0…1; Confounders overrides single ones.
	Rho         float64                `json:"rho"`
	Confounders map[Confounder]float64 `json:"confounders,omitempty"`
	Preset      string                 `json:"preset"` // default echonet
	// Bias plants a demographic bias of that strength, 0…1: with that probability a woman's reduced ejection fraction was missed by whoever
	// recorded it, and gain and the probe marker's side tell the sex 19 times of 20. The table then has the columns reduced (the truth) and
	// reduced_recorded (what a network would be taught).
	Bias float64 `json:"bias,omitempty"`
	// Missing is how likely each view of a patient was not taken, 0 to 0.9; never all of them. It follows nothing: neither the disease
	// nor the site. A cohort with missing views has a part of the clips of one without.
	Missing float64 `json:"missing,omitempty"`
	// Tissue leaves out everything a scanner draws over the picture (text, ticks, ECG, logo, colour box): grey clips, C = 1.
	// Otherwise clips are RGB, C = 3.
	Tissue bool `json:"tissue,omitempty"`
	// Masks asks for label masks of every frame in Truth.
	Masks bool `json:"masks,omitempty"`

	// What Write adds to DICOM files and the table. They do not change any picture.
	AVI     bool `json:"-"` // avi/NAME.avi, motion JPEG
	NPZ     bool `json:"-"` // npz/NAME.npz, the clip's samples
	Workers int  `json:"-"` // default all cores
}

// withDefaults fills gaps and checks ranges. Errors have code usage.
func (c Config) withDefaults() (Config, error) {
	if c.Patients < 0 {
		return c, fault.New(fault.Usage, "%d patients", c.Patients)
	}
	if len(c.Views) == 0 {
		c.Views = []View{A4C}
	}
	for i, v := range c.Views {
		p, err := ParseView(string(v))
		if err != nil {
			return c, err
		}
		if slices.Contains(c.Views[:i], p) {
			return c, fault.New(fault.Usage, "view %s is asked for twice", p)
		}
		c.Views = slices.Clone(c.Views)
		c.Views[i] = p
	}
	if c.Frames == 0 {
		c.Frames = 32
	}
	if c.Height == 0 && c.Width == 0 {
		c.Height, c.Width = 112, 112
	}
	if c.Height == 0 {
		c.Height = c.Width
	}
	if c.Width == 0 {
		c.Width = c.Height
	}
	if c.Height < 32 || c.Width < 32 || c.Height > 2048 || c.Width > 2048 {
		return c, fault.New(fault.Usage, "pictures of %d×%d pixels", c.Height, c.Width).WithHint("32 to 2048")
	}
	if c.Frames < -1 || c.Frames > 1000 || c.Frames > 0 && c.Frames < 8 {
		return c, fault.New(fault.Usage, "clips of %d frames", c.Frames).WithHint("8 to 1000, or -1 for the acquisition rate")
	}
	if c.Preset == "" {
		c.Preset = EchoNet
	}
	if !slices.Contains([]string{EchoNet, Uniform, Healthy}, c.Preset) {
		return c, fault.New(fault.Usage, "unknown preset %q", c.Preset).WithHint("%s, %s or %s", EchoNet, Uniform, Healthy)
	}
	if c.Rho < 0 || c.Rho > 1 {
		return c, fault.New(fault.Usage, "rho %g", c.Rho).WithHint("0 to 1")
	}
	if !(c.Bias >= 0 && c.Bias <= 1) {
		return c, fault.New(fault.Usage, "bias %g", c.Bias).WithHint("0 to 1")
	}
	if !(c.Missing >= 0 && c.Missing <= 0.9) {
		return c, fault.New(fault.Usage, "missing %g", c.Missing).WithHint("0 to 0.9")
	}
	for k, v := range c.Confounders {
		if !slices.Contains(Confounders, k) {
			return c, fault.New(fault.Usage, "unknown confounder %q", k).WithHint("one of %v", Confounders)
		}
		if v < 0 || v > 1 {
			return c, fault.New(fault.Usage, "strength %g of confounder %s", v, k).WithHint("0 to 1")
		}
	}
	return c, nil
}

// rho is the strength of one confounder.
func (c *Config) rho(k Confounder) float64 {
	if v, ok := c.Confounders[k]; ok {
		return v
	}
	return c.Rho
}

// maxRho is the strongest confounder; the sites are split when it is not zero.
func (c *Config) maxRho() float64 {
	m := c.Rho
	for _, v := range c.Confounders {
		m = max(m, v)
	}
	return m
}

// pictureDigest identifies everything that decides a patient's pictures, but not how many patients or views there are.
func (c *Config) pictureDigest() string {
	h := sha256.New()
	fmt.Fprintf(h, "phantom %s|%d|%d|%dx%d|%s|%t", Version, c.Seed, c.Frames, c.Height, c.Width, c.Preset, c.Tissue)
	for _, k := range Confounders {
		fmt.Fprintf(h, "|%s=%g", k, c.rho(k))
	}
	if c.Bias > 0 {
		fmt.Fprintf(h, "|bias=%g", c.Bias)
	}
	return hex.EncodeToString(h.Sum(nil))
}
