package reading

import (
	"math"
	"net/http"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// caseView is a case as a browser gets it: numbers and words of this program, no text of a header.
type caseView struct {
	ID     string      `json:"id"` // the assignment's
	Images []imageView `json:"images"`
	Stacks []stackView `json:"stacks,omitempty"` // of frames whose place in the patient is known
}

type imageView struct {
	Number  int      `json:"number"` // from 1
	Series  int      `json:"series"` // number of the first image of its series
	Rows    int      `json:"rows"`
	Columns int      `json:"columns"`
	Frames  int      `json:"frames"`
	Samples int      `json:"samples"` // of a pixel: 1 grey, 3 RGB
	Bits    int      `json:"bits"`    // of a sample as it is sent: 8 or 16, little endian
	Stored  int      `json:"bits_stored"`
	Signed  bool     `json:"signed"`
	Inverse bool     `json:"inverse"` // low values are bright
	Aspect  float64  `json:"aspect"`  // height over width of a pixel
	Rescale *rescale `json:"rescale,omitempty"`
	// Rescales are the frames' own, where they differ.
	Rescales []rescale `json:"rescales,omitempty"`
	Windows  []window  `json:"windows,omitempty"` // in values after rescaling
	VOI      *table    `json:"voi_lut,omitempty"`
	Modality *table    `json:"modality_lut,omitempty"` // in place of Rescale
	Padding  *[2]int   `json:"padding,omitempty"`      // stored values, both included, that are no part of the picture
	// TimesMS are the frames' times since the first; none where the header does not say.
	TimesMS []float64 `json:"times_ms,omitempty"`
	Marks   []mark    `json:"marks,omitempty"`
}

type rescale struct {
	Slope     float64 `json:"slope"`
	Intercept float64 `json:"intercept"`
}

type window struct {
	Center   float64 `json:"center"`
	Width    float64 `json:"width"`
	Function string  `json:"function"` // linear, linear_exact, sigmoid
}

type table struct {
	First int      `json:"first"`
	Bits  int      `json:"bits"`
	Data  []uint16 `json:"data"`
}

// mark is a frame with a name.
type mark struct {
	Frame int    `json:"frame"` // from 0
	Name  string `json:"name"`  // ED: the frame that is nearest to an R wave
}

func (s *Server) getCase(w http.ResponseWriter, r *http.Request, v *visitor) error {
	c, err := s.caseOf(v.who, r.PathValue("id"))
	return tell(w, c, err)
}

func (s *Server) caseOf(who, assignment string) (*caseView, error) {
	pics, err := s.project.Pictures(who, assignment)
	if err != nil {
		return nil, err
	}
	out := &caseView{ID: assignment, Images: make([]imageView, len(pics))}
	var planes []plane
	for i, p := range pics {
		if err := s.pictures.with(assignment, p, func(im *pixel.Image) error {
			planes = append(planes, planesOf(im, i+1, p.Series)...)
			out.Images[i], err = describe(im)
			out.Images[i].Number = i + 1
			out.Images[i].Series = 1 + slices.IndexFunc(pics, func(o annotate.Picture) bool { return o.Series == p.Series })
			return err
		}); err != nil {
			return nil, err
		}
	}
	out.Stacks = stacksOf(planes)
	return out, nil
}

// describe says how a picture's frames are sent and how they are meant. Code input for pictures that can't be sent.
func describe(im *pixel.Image) (imageView, error) {
	v := imageView{Rows: im.Rows, Columns: im.Columns, Frames: im.Frames, Samples: 1, Bits: 8, Stored: im.BitsStored, Signed: im.Signed, Aspect: 1}
	ds := im.DataSet()
	cal := measure.Of(ds, 0)
	v.Aspect = cal.Aspect
	if cal.Row > 0 && cal.Column > 0 {
		v.Aspect = cal.Row / cal.Column
	}
	v.TimesMS = slices.DeleteFunc(slices.Clone(im.TimesMS()), func(t float64) bool { return !finite(t) })
	if len(v.TimesMS) != im.Frames {
		v.TimesMS = nil
	}
	v.Marks = marks(ds.Floats(tag.RWaveTimeVector), v.TimesMS)
	if im.IsColor() {
		v.Samples, v.Signed, v.Stored = 3, false, 8
		return v, nil
	}
	if im.Float || im.BitsStored > 16 || im.Samples != 1 {
		return v, fault.New(fault.Input, "the picture has pixels of a kind that is not shown")
	}
	if im.BitsStored > 8 {
		v.Bits = 16
	}
	if p := im.Presentation(); p.Inverse {
		v.Inverse = true
	}
	m, err := im.Modality(0)
	if err != nil {
		return v, errPicture
	}
	if m.LUT != nil {
		v.Modality = &table{m.LUT.First, m.LUT.Bits, m.LUT.Data}
	} else if finite(m.Slope) && finite(m.Intercept) && m.Slope != 0 && (m.Slope != 1 || m.Intercept != 0) {
		v.Rescale = &rescale{m.Slope, m.Intercept}
	}
	v.Rescales = rescales(im)
	if lo, hi, ok := im.Padding(); ok {
		v.Padding = &[2]int{int(lo), int(hi)}
	}
	function := "linear"
	if voi, ok := im.VOI(0); ok {
		switch voi.Function {
		case "LINEAR_EXACT":
			function = "linear_exact"
		case "SIGMOID":
			function = "sigmoid"
		}
		if voi.LUT != nil {
			v.VOI = &table{voi.LUT.First, voi.LUT.Bits, voi.LUT.Data}
		} else if finite(voi.Center) && voi.Width > 0 && finite(voi.Width) {
			v.Windows = append(v.Windows, window{voi.Center, voi.Width, function})
		}
	}
	centers, widths := ds.Floats(tag.WindowCenter), ds.Floats(tag.WindowWidth)
	for i := range min(len(centers), len(widths), 32) {
		w := window{centers[i], widths[i], function}
		if finite(w.Center) && finite(w.Width) && w.Width > 0 && !slices.Contains(v.Windows, w) {
			v.Windows = append(v.Windows, w)
		}
	}
	return v, nil
}

// rescales are those of the frames of an enhanced multi-frame image, nil where all have the first one's.
func rescales(im *pixel.Image) (out []rescale) {
	if len(im.DataSet().Sequence(tag.PerFrameFunctionalGroupsSequence)) < im.Frames {
		return nil
	}
	same := true
	for f := range im.Frames {
		m, err := im.Modality(f)
		if err != nil || m.LUT != nil || !finite(m.Slope) || !finite(m.Intercept) || m.Slope == 0 {
			return nil
		}
		out = append(out, rescale{m.Slope, m.Intercept})
		same = same && out[f] == out[0]
	}
	if same {
		return nil
	}
	return out
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// marks are the frames nearest to R waves, ms since the first frame (PS3.3 C.8.5.6, R Wave Time Vector): ventricles are full then.
func marks(waves, times []float64) (out []mark) {
	if len(times) == 0 {
		return nil
	}
	for _, t := range waves {
		if !finite(t) || t < times[0] || t > times[len(times)-1] {
			continue
		}
		best := 0
		for i, at := range times {
			if math.Abs(at-t) < math.Abs(times[best]-t) {
				best = i
			}
		}
		if m := (mark{best, "ED"}); !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// pictureOf is a picture of an assignment by its number, if its turn has come. What is not there and what may not be seen are the same.
func (s *Server) pictureOf(who, assignment string, number int) (annotate.Picture, error) {
	pics, err := s.project.Pictures(who, assignment)
	if err != nil {
		return annotate.Picture{}, err
	}
	if number < 1 || number > len(pics) {
		return annotate.Picture{}, annotate.ErrUnknown
	}
	return pics[number-1], nil
}
